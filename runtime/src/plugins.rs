//! Everything that a configuration can name by a class: connectors, converters, transformations,
//! predicates. One table, from which REST lists and describes them and validate recommends them.

use walbridge_connector_api::{ConfigDef, ConnectorKind};
use walbridge_pipeline::converters::{ConverterKind, Role};
use walbridge_pipeline::{predicates, transforms};

use crate::catalog::{BUILT_IN, Catalog};
use crate::connector;

/// What a plugin is for, by Kafka Connect's names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PluginKind {
    /// Reads from a system.
    Source,
    /// Writes to a system.
    Sink,
    /// Turns keys or values into bytes and back.
    Converter,
    /// Turns headers into bytes and back.
    HeaderConverter,
    /// Changes records on their way.
    Transformation,
    /// Chooses the records that a transformation is for.
    Predicate,
}

impl PluginKind {
    /// Returns Kafka Connect's name of the kind.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Source => "source",
            Self::Sink => "sink",
            Self::Converter => "converter",
            Self::HeaderConverter => "header_converter",
            Self::Transformation => "transformation",
            Self::Predicate => "predicate",
        }
    }

    /// Returns whether it is a connector.
    pub fn is_connector(self) -> bool {
        matches!(self, Self::Source | Self::Sink)
    }
}

impl From<ConnectorKind> for PluginKind {
    fn from(kind: ConnectorKind) -> Self {
        match kind {
            ConnectorKind::Source => Self::Source,
            ConnectorKind::Sink => Self::Sink,
        }
    }
}

/// One class.
#[derive(Debug, Clone)]
pub struct Plugin {
    /// Its full name.
    pub class: &'static str,
    /// What it is for.
    pub kind: PluginKind,
    /// Its version.
    pub version: &'static str,
    /// Where it comes from: `built-in`, or the library's file.
    pub location: String,
    /// The keys it takes.
    pub keys: ConfigDef,
}

/// Returns all plugins: the catalog's connectors first.
pub fn all(catalog: &Catalog) -> Vec<Plugin> {
    let connectors = catalog.all().iter().enumerate();
    let connectors = connectors.map(|(place, connector)| Plugin {
        class: connector.class(),
        kind: connector.kind().into(),
        version: connector.version(),
        location: catalog.location(place),
        keys: connector::definition(connector.as_ref()),
    });
    connectors.chain(built_in()).collect()
}

/// Returns the plugins that are no connectors.
pub fn built_in() -> Vec<Plugin> {
    let plugin = |class, kind, keys| Plugin {
        class,
        kind,
        version: crate::VERSION,
        location: BUILT_IN.to_owned(),
        keys,
    };
    let transforms = transforms::KINDS
        .iter()
        .map(|kind| plugin(kind.class, PluginKind::Transformation, kind.config()));
    let predicates = predicates::KINDS
        .iter()
        .map(|kind| plugin(kind.class, PluginKind::Predicate, kind.config()));
    let converters = [
        (Role::Value, PluginKind::Converter),
        (Role::Header, PluginKind::HeaderConverter),
    ];
    let converters = converters.into_iter().flat_map(|(role, kind)| {
        let all = ConverterKind::ALL.into_iter();
        all.filter(move |converter| converter.serves(role))
            .map(move |converter| plugin(converter.class(), kind, converter.config()))
    });
    transforms.chain(predicates).chain(converters).collect()
}

/// Finds a plugin by its class, its simple name, or a connector by what the catalog knows it as.
pub fn find(catalog: &Catalog, name: &str) -> Option<Plugin> {
    let name = name.trim();
    let class = catalog
        .find(name)
        .map_or(name, |connector| connector.class());
    all(catalog)
        .into_iter()
        .find(|plugin| class == plugin.class || plugin.class.rsplit('.').next() == Some(class))
}
