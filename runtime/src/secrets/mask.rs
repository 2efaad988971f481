//! What REST shows instead of a secret, and how a mask that comes back turns into the secret again.

use std::collections::BTreeMap;

use walbridge_connector_api::{ConfigDef, Kind};

use super::resolve::has_placeholder;

/// What stands in answers where a literal secret is stored.
pub const MASK: &str = "********";

/// Endings of pass-through keys whose values are secrets, whatever client they are for.
const SECRET_ENDINGS: [&str; 7] = [
    "password",
    "secret",
    "sasl.jaas.config",
    "user.info",
    "keystore.key",
    "key.pem",
    "token",
];

/// Tells whether a key's value must not be shown.
pub fn is_secret(def: Option<&ConfigDef>, key: &str) -> bool {
    match def.and_then(|def| def.get(key)) {
        Some(known) => known.kind == Kind::Password,
        None => SECRET_ENDINGS
            .iter()
            .any(|end| key.to_ascii_lowercase().ends_with(end)),
    }
}

/// Returns the values as they may be shown: literal secrets masked, placeholders as they are.
pub fn masked(
    def: Option<&ConfigDef>,
    values: &BTreeMap<String, String>,
) -> BTreeMap<String, String> {
    let show = |key: &str, value: &str| {
        let hide = is_secret(def, key) && !value.is_empty() && !has_placeholder(value);
        if hide {
            MASK.to_owned()
        } else {
            value.to_owned()
        }
    };
    values
        .iter()
        .map(|(key, value)| (key.clone(), show(key, value)))
        .collect()
}

/// Puts the stored secrets back where a written configuration has the mask.
pub fn restore(
    def: Option<&ConfigDef>,
    mut values: BTreeMap<String, String>,
    stored: Option<&BTreeMap<String, String>>,
) -> BTreeMap<String, String> {
    for (key, value) in &mut values {
        if value == MASK
            && is_secret(def, key)
            && let Some(old) = stored.and_then(|stored| stored.get(key))
        {
            value.clone_from(old);
        }
    }
    values
}

#[cfg(test)]
mod tests {
    use super::*;
    use walbridge_connector_api::ConfigKey;

    #[test]
    fn a_mask_written_back_keeps_the_secret() {
        let def = ConfigDef::new(vec![
            ConfigKey::new("database.password", Kind::Password, ""),
            ConfigKey::new("database.user", Kind::String, ""),
        ]);
        let stored: BTreeMap<_, _> = [
            ("database.password", "pw"),
            ("database.user", "me"),
            ("source.cluster.sasl.jaas.config", "login"),
            ("connection.password", "${env:PW}"),
        ]
        .map(|(k, v)| (k.to_owned(), v.to_owned()))
        .into();
        let shown = masked(Some(&def), &stored);
        assert_eq!(shown["database.password"], MASK);
        assert_eq!(shown["database.user"], "me");
        assert_eq!(shown["source.cluster.sasl.jaas.config"], MASK);
        assert_eq!(shown["connection.password"], "${env:PW}");
        assert_eq!(restore(Some(&def), shown, Some(&stored)), stored);
    }
}
