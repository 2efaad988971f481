//! Java's regular expressions and replacements.

mod replacement;
mod translate;

pub(crate) use replacement::Replacement;

use fancy_regex::Regex;

use super::TransformError;

/// A Java pattern, for matching whole texts.
#[derive(Debug)]
pub(crate) struct JavaRegex {
    whole: Regex,
    part: Regex,
}

impl JavaRegex {
    /// Translates a pattern.
    ///
    /// # Errors
    /// What is wrong with it, or what in it is not supported here.
    pub(crate) fn new(pattern: &str) -> Result<Self, String> {
        let translated = translate::translate(pattern)?;
        let compile = |text: &str| Regex::new(text).map_err(|error| error.to_string());
        Ok(Self {
            whole: compile(&format!("\\A(?:{translated})\\z"))?,
            part: compile(&translated)?,
        })
    }

    /// Returns whether the whole text matches.
    pub(crate) fn matches(&self, text: &str) -> Result<bool, TransformError> {
        self.whole.is_match(text).map_err(|e| too_hard(&e, text))
    }

    /// Replaces the first match, wherever it is.
    pub(crate) fn replace_first(
        &self,
        text: &str,
        replacement: &Replacement,
    ) -> Result<String, TransformError> {
        let found = self.part.captures(text).map_err(|e| too_hard(&e, text))?;
        let Some(groups) = found else {
            return Ok(text.to_owned());
        };
        let Some(all) = groups.get(0) else {
            return Ok(text.to_owned());
        };
        let mut out = text[..all.start()].to_owned();
        replacement.append(&mut out, &groups);
        out.push_str(&text[all.end()..]);
        Ok(out)
    }

    fn groups(&self) -> usize {
        self.part.captures_len().saturating_sub(1)
    }

    fn group(&self, name: &str) -> Option<usize> {
        self.part.capture_names().position(|n| n == Some(name))
    }
}

fn too_hard(error: &fancy_regex::Error, text: &str) -> TransformError {
    TransformError::data(format!(
        "The regular expression takes too long on \"{text}\": {error}; write it without nested repetitions"
    ))
}
