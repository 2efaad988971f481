//! Avro's names.

use super::super::ConvertError;

/// Where the names that Confluent's converter makes up live.
pub(super) const OWN_SPACE: &str = "io.confluent.connect.avro";

/// Splits a full name into its namespace, empty if it has none, and the rest.
pub(super) fn split(full: &str) -> (&str, &str) {
    full.rsplit_once('.').unwrap_or(("", full))
}

/// Joins a namespace and a name.
pub(super) fn join(space: &str, name: &str) -> String {
    if space.is_empty() || name.contains('.') {
        name.to_owned()
    } else {
        format!("{space}.{name}")
    }
}

/// Returns whether a struct of this name has none in Kafka Connect: the name is a stand-in.
pub(super) fn is_stand_in(full: &str) -> bool {
    let (space, name) = split(full);
    let number = name.strip_prefix("ConnectDefault");
    space == OWN_SPACE && number.is_some_and(|rest| rest.chars().all(|c| c.is_ascii_digit()))
}

/// Checks every part of a name.
///
/// # Errors
/// If it is not one that Avro allows.
pub(super) fn check<'a>(what: &str, full: &'a str) -> Result<&'a str, ConvertError> {
    let good = |part: &str| {
        let mut chars = part.chars();
        chars
            .next()
            .is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
            && chars.all(|c| c.is_ascii_alphanumeric() || c == '_')
    };
    if full.split('.').all(good) {
        return Ok(full);
    }
    Err(ConvertError::data(format!(
        "\"{full}\" cannot be the name of {what} in Avro, where names are made of letters, digits and \
         underscores: rename it by a transform, or use another converter"
    )))
}
