//! Query parameters as Kafka Connect reads them: unknown ones are ignored, booleans are Java's.

use url::form_urlencoded;

/// Returns all values of a parameter.
pub(super) fn all(query: Option<&str>, name: &str) -> Vec<String> {
    form_urlencoded::parse(query.unwrap_or_default().as_bytes())
        .filter(|(key, _)| key == name)
        .map(|(_, value)| value.into_owned())
        .collect()
}

/// Returns the first value of a parameter.
pub(super) fn text(query: Option<&str>, name: &str) -> Option<String> {
    all(query, name).into_iter().next()
}

/// Returns whether a parameter is `true` in any case of letters.
pub(super) fn flag(query: Option<&str>, name: &str) -> bool {
    all(query, name)
        .first()
        .is_some_and(|value| value.eq_ignore_ascii_case("true"))
}
