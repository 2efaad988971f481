//! Texts that live as long as the process: names in the API are `&'static str`.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

/// How many different names errors and facts of libraries may have before they share one.
const MOST: usize = 4096;

struct Texts(Mutex<BTreeSet<&'static str>>);

static TEXTS: Texts = Texts(Mutex::new(BTreeSet::new()));

impl Texts {
    fn keep(&self, text: &str, most: usize) -> Option<&'static str> {
        let mut texts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = texts.get(text) {
            return Some(known);
        }
        if texts.len() >= most {
            return None;
        }
        let kept: &'static str = Box::leak(text.into());
        texts.insert(kept);
        Some(kept)
    }
}

/// Returns the text as one that lives as long as the process: for a library's description, which is read
/// once.
pub fn forever(text: &str) -> &'static str {
    TEXTS.keep(text, usize::MAX).unwrap_or_default()
}

/// Returns a name as one that lives as long as the process. There is a bound to them: a library that makes
/// up names without end gets `PluginError` for the rest.
pub fn interned(name: &str) -> &'static str {
    TEXTS.keep(name, MOST).unwrap_or("PluginError")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_kept_once_and_names_have_a_bound() {
        let texts = Texts(Mutex::default());
        let one = texts.keep("one", 2).unwrap();
        assert!(std::ptr::eq(
            one,
            texts.keep(&String::from(one), 2).unwrap()
        ));
        assert_eq!(texts.keep("two", 2), Some("two"));
        assert_eq!(texts.keep("three", 2), None);
        assert_eq!(texts.keep("two", 2), Some("two"));
        assert_eq!(
            (forever("a name"), interned("a name")),
            ("a name", "a name")
        );
    }
}
