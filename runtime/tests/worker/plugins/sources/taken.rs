use std::sync::OnceLock;

use walbridge_connector_api::{ConfigDef, Connector, ConnectorKind};

struct Another;

impl Connector for Another {
    fn class(&self) -> &'static str {
        "org.example.FileStreamSinkConnector"
    }

    fn kind(&self) -> ConnectorKind {
        ConnectorKind::Sink
    }

    fn version(&self) -> &'static str {
        "1"
    }

    fn config(&self) -> &ConfigDef {
        static DEF: OnceLock<ConfigDef> = OnceLock::new();
        DEF.get_or_init(ConfigDef::default)
    }
}

walbridge_plugin::export!(Another);
