//! Placeholders: `${env:NAME}`, `${file:PATH}`, `${file:PATH:KEY}` and `${directory:PATH:FILE}`.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use super::properties;

/// Tells whether a value has a placeholder in it.
pub fn has_placeholder(value: &str) -> bool {
    next_placeholder(value).is_some()
}

/// Why a placeholder has no value; names the placeholder and never a value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("${{{placeholder}}}: {reason}")]
pub struct ResolveError {
    /// What stands between the braces.
    pub placeholder: String,
    /// What is wrong.
    pub reason: String,
}

/// Looks up an environment variable.
type Lookup = dyn Fn(&str) -> Option<String> + Send + Sync;

/// Puts values in the place of placeholders.
#[derive(Clone)]
pub struct Resolver {
    env: Arc<Lookup>,
}

impl std::fmt::Debug for Resolver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Resolver")
    }
}

impl Resolver {
    /// Creates a resolver that reads the process's environment.
    pub fn new() -> Self {
        Self::with_env(|name| std::env::var(name).ok())
    }

    /// Creates a resolver that takes environment variables from `env`.
    pub fn with_env(env: impl Fn(&str) -> Option<String> + Send + Sync + 'static) -> Self {
        Self { env: Arc::new(env) }
    }

    /// Replaces every placeholder in `value`.
    ///
    /// `${…}` without a provider's name and a colon is left as it is.
    ///
    /// # Errors
    /// If a variable, file or key is missing, or no provider has that name.
    pub fn resolve(&self, value: &str) -> Result<String, ResolveError> {
        let mut out = String::with_capacity(value.len());
        let mut rest = value;
        while let Some((before, inside, after)) = next_placeholder(rest) {
            out.push_str(before);
            out.push_str(&self.lookup(inside).map_err(|reason| ResolveError {
                placeholder: inside.to_owned(),
                reason,
            })?);
            rest = after;
        }
        out.push_str(rest);
        Ok(out)
    }

    /// Replaces every placeholder in all values, or says what is wrong by key.
    ///
    /// # Errors
    /// Every key whose value could not be resolved, with the reason.
    pub fn resolve_all(
        &self,
        values: &BTreeMap<String, String>,
    ) -> Result<BTreeMap<String, String>, Vec<(String, ResolveError)>> {
        let mut errors = Vec::new();
        let mut resolved = BTreeMap::new();
        for (key, value) in values {
            match self.resolve(value) {
                Ok(value) => drop(resolved.insert(key.clone(), value)),
                Err(error) => errors.push((key.clone(), error)),
            }
        }
        if errors.is_empty() {
            Ok(resolved)
        } else {
            Err(errors)
        }
    }

    fn lookup(&self, inside: &str) -> Result<String, String> {
        let (provider, rest) = inside.split_once(':').unwrap_or((inside, ""));
        match provider {
            "env" => {
                (self.env)(rest).ok_or_else(|| format!("environment variable {rest} is not set"))
            }
            "file" => from_file(rest),
            "directory" => from_directory(rest),
            other => Err(format!(
                "there is no config provider {other}; known: env, file, directory"
            )),
        }
    }
}

impl Default for Resolver {
    fn default() -> Self {
        Self::new()
    }
}

/// Returns a file's text.
fn read(path: &Path) -> Result<String, String> {
    std::fs::read_to_string(path).map_err(|error| format!("file {}: {error}", path.display()))
}

/// Takes the line end away that an editor leaves at the end of a secret.
fn whole(text: &str) -> String {
    text.trim_end_matches(['\n', '\r']).to_owned()
}

/// Returns the text of a file of a folder, as secrets are mounted.
fn from_directory(rest: &str) -> Result<String, String> {
    let (path, name) = rest
        .rsplit_once(':')
        .ok_or("which file of the folder? write ${directory:PATH:FILE}")?;
    if name.contains('/') || name == ".." {
        return Err(format!("{name} is not a file's name in the folder {path}"));
    }
    read(&Path::new(path).join(name)).map(|text| whole(&text))
}

fn from_file(rest: &str) -> Result<String, String> {
    let read = |path: &str| read(Path::new(path));
    match rest.rsplit_once(':') {
        None => read(rest).map(|text| whole(&text)),
        Some((path, key)) => properties::lookup(&read(path)?, key)
            .ok_or_else(|| format!("file {path} has no key {key}")),
    }
}

/// Splits at the first `${provider:…}`.
fn next_placeholder(text: &str) -> Option<(&str, &str, &str)> {
    let mut from = 0;
    while let Some(start) = text[from..].find("${").map(|i| i + from) {
        let end = text[start..].find('}')? + start;
        let inside = &text[start + 2..end];
        if inside.contains(':') {
            return Some((&text[..start], inside, &text[end + 1..]));
        }
        from = start + 2;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolver() -> Resolver {
        Resolver::with_env(|name| (name == "HOST").then(|| "db.east".to_owned()))
    }

    #[test]
    fn replaces_and_leaves_alone() {
        let r = resolver();
        assert_eq!(
            r.resolve("${env:HOST}:5432/${topic}").unwrap(),
            "db.east:5432/${topic}"
        );
        assert_eq!(r.resolve("plain").unwrap(), "plain");
        assert_eq!(r.resolve("${env:HOST").unwrap(), "${env:HOST");
        assert_eq!(
            r.resolve("${env:X}").unwrap_err().to_string(),
            "${env:X}: environment variable X is not set"
        );
        assert!(
            r.resolve("${vault:a:b}")
                .unwrap_err()
                .reason
                .contains("no config provider vault")
        );
    }

    #[test]
    fn reads_files() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("secrets");
        std::fs::write(&path, "user=walbridge\npassword=pw\n").unwrap();
        let r = resolver();
        let shown = path.display();
        assert_eq!(
            r.resolve(&format!("x${{file:{shown}:password}}y")).unwrap(),
            "xpwy"
        );
        std::fs::write(&path, "only\n").unwrap();
        assert_eq!(r.resolve(&format!("${{file:{shown}}}")).unwrap(), "only");
        let error = r
            .resolve(&format!("${{file:{shown}:password}}"))
            .unwrap_err();
        assert!(error.reason.ends_with("has no key password"), "{error}");
        assert!(!error.to_string().contains("only"));
    }

    #[test]
    fn reads_files_of_folders() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("password"), "swordfish\n").unwrap();
        let shown = dir.path().display();
        let resolve = |name: &str| resolver().resolve(&format!("${{directory:{shown}:{name}}}"));
        assert_eq!(resolve("password").unwrap(), "swordfish");
        assert!(
            resolve("../password")
                .unwrap_err()
                .reason
                .contains("not a file's name")
        );
        assert!(
            resolve("user")
                .unwrap_err()
                .reason
                .contains("user: No such file")
        );
        let error = resolver().resolve("${directory:/etc}").unwrap_err();
        assert!(error.reason.contains("${directory:PATH:FILE}"), "{error}");
    }
}
