//! Java's regular expressions for whole names, for settings outside of transforms.

use crate::transforms::regex::JavaRegex;

/// A Java regular expression that a whole name matches or not.
#[derive(Debug)]
pub struct NamePattern(JavaRegex);

impl NamePattern {
    /// Translates a pattern.
    ///
    /// # Errors
    /// What is wrong with it, or what in it is not supported here.
    pub fn new(pattern: &str) -> Result<Self, String> {
        JavaRegex::new(pattern).map(Self)
    }

    /// Returns whether the whole name matches.
    ///
    /// # Errors
    /// If that takes too many attempts to find out.
    pub fn matches(&self, name: &str) -> Result<bool, String> {
        self.0.matches(name).map_err(|error| error.to_string())
    }
}
