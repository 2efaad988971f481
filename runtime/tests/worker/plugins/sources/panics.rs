use std::sync::OnceLock;

use walbridge_connector_api::{ConfigDef, Connector, ConnectorKind};

struct Broken;

impl Connector for Broken {
    fn class(&self) -> &'static str {
        "org.example.BrokenConnector"
    }

    fn kind(&self) -> ConnectorKind {
        ConnectorKind::Source
    }

    fn version(&self) -> &'static str {
        panic!("no version today")
    }

    fn config(&self) -> &ConfigDef {
        static DEF: OnceLock<ConfigDef> = OnceLock::new();
        DEF.get_or_init(ConfigDef::default)
    }
}

walbridge_plugin::export!(Broken);
