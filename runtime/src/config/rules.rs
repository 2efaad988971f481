//! What a worker allows the connectors that run on it.

use std::time::Duration;

use walbridge_connector_api::Settings;

/// Whether sources deliver exactly once unless they say otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SourceSupport {
    /// They deliver at least once.
    Disabled,
    /// They deliver at least once; Kafka Connect's step on the way to `enabled`, of no further meaning here.
    Preparing,
    /// They deliver exactly once.
    Enabled,
}

/// Which client settings connectors may lay over the worker's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OverridePolicy {
    /// Any.
    All,
    /// None.
    None,
    /// Who they are to Kafka.
    Principal,
    /// These, by Java name.
    Allowlist(Vec<String>),
}

/// What `Principal` allows.
const PRINCIPAL: [&str; 3] = ["sasl.jaas.config", "sasl.mechanism", "security.protocol"];

impl OverridePolicy {
    /// Finds a policy by its name, or by the name of Kafka Connect's class.
    pub(super) fn find(name: &str, allowlist: &[&str]) -> Option<Self> {
        let name = name.trim();
        let simple = name
            .strip_prefix("org.apache.kafka.connect.connector.policy.")
            .unwrap_or(name);
        let simple = simple
            .strip_suffix("ConnectorClientConfigOverridePolicy")
            .unwrap_or(simple);
        Some(match simple {
            "All" => Self::All,
            "None" => Self::None,
            "Principal" => Self::Principal,
            "Allowlist" => Self::Allowlist(allowlist.iter().map(|n| (*n).to_owned()).collect()),
            _ => return None,
        })
    }

    /// Returns the name by which `connector.client.config.override.policy` chooses it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::All => "All",
            Self::None => "None",
            Self::Principal => "Principal",
            Self::Allowlist(_) => "Allowlist",
        }
    }

    /// Returns whether a connector may set this, by Java name.
    pub fn allows(&self, name: &str) -> bool {
        match self {
            Self::All => true,
            Self::None => false,
            Self::Principal => PRINCIPAL.contains(&name),
            Self::Allowlist(names) => names.iter().any(|allowed| allowed == name),
        }
    }
}

/// What a worker allows the connectors that run on it.
#[derive(Debug, Clone)]
pub struct ConnectorRules {
    /// How sources deliver unless they say otherwise.
    pub sources: SourceSupport,
    /// Which client settings connectors may set.
    pub overrides: OverridePolicy,
    /// How long the brokers keep a source's transaction open.
    pub transaction_timeout: Duration,
}

impl Default for ConnectorRules {
    /// Returns what a worker allows that says nothing about it.
    fn default() -> Self {
        Self {
            sources: SourceSupport::Enabled,
            overrides: OverridePolicy::All,
            transaction_timeout: Duration::from_secs(900),
        }
    }
}

impl ConnectorRules {
    /// Reads them from a worker's checked settings.
    pub(super) fn new(settings: &Settings) -> Self {
        let sources = match settings.text("exactly.once.source.support") {
            name if name.eq_ignore_ascii_case("disabled") => SourceSupport::Disabled,
            name if name.eq_ignore_ascii_case("preparing") => SourceSupport::Preparing,
            _ => SourceSupport::Enabled,
        };
        let allowlist = settings.list("connector.client.config.override.allowlist");
        let policy = settings.text("connector.client.config.override.policy");
        Self {
            sources,
            overrides: OverridePolicy::find(policy, &allowlist).unwrap_or(OverridePolicy::All),
            transaction_timeout: settings.millis("transaction.timeout.ms"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn policies_go_by_name_and_by_javas_class() {
        let find = |name| OverridePolicy::find(name, &["client.id"]);
        let java = "org.apache.kafka.connect.connector.policy.PrincipalConnectorClientConfigOverridePolicy";
        assert_eq!(find(java), Some(OverridePolicy::Principal));
        assert_eq!(find("None"), Some(OverridePolicy::None));
        assert_eq!(find("org.example.Own"), None);
        let list = find("Allowlist").unwrap();
        assert!(list.allows("client.id") && !list.allows("acks"));
        assert!(find("Principal").unwrap().allows("sasl.mechanism"));
        assert!(!find("None").unwrap().allows("sasl.mechanism"));
    }
}
