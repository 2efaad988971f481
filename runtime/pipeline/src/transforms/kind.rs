//! The kinds of transforms there are, by their Java class names.

use std::collections::BTreeMap;

use walbridge_connector_api::{ConfigDef, ConfigKey, ConfigProblem, Kind};

use super::options::Options;
use super::{
    Side, Transform, cast, drop_headers, event_router, extract_field, extract_new_record_state,
    filter, flatten, header_from, hoist_field, insert_field, insert_header, mask_field,
    regex_router, replace_field, set_schema_metadata, timestamp_converter, timestamp_router,
    value_to_key,
};

/// The option that many transforms have.
pub(super) const REPLACE_NULL: ConfigKey = ConfigKey::new(
    "replace.null.with.default",
    Kind::Boolean,
    "Whether a null is replaced by the field's default, if it has one.",
)
.default("true");

/// A transform, or all that is wrong with its options.
pub(super) type Built = Result<Box<dyn Transform>, Vec<ConfigProblem>>;

/// What a transform is made from.
pub(super) struct Plan<'a> {
    pub(super) side: Side,
    pub(super) values: &'a BTreeMap<String, String>,
    pub(super) prefix: &'a str,
}

impl<'a> Plan<'a> {
    /// Starts reading the options.
    pub(super) fn options(&self, def: ConfigDef) -> Options<'a> {
        Options::new(def, self.values, self.prefix)
    }
}

/// One kind of transform.
pub struct TransformKind {
    /// The Java class, with `$Key` or `$Value` if it has these variants.
    pub class: &'static str,
    side: Side,
    config: fn() -> ConfigDef,
    build: fn(&Plan<'_>) -> Built,
}

impl TransformKind {
    /// Returns the options it takes.
    pub fn config(&self) -> ConfigDef {
        (self.config)()
    }

    /// Returns the name without its packages, such as `Cast$Value`.
    pub fn simple_name(&self) -> &'static str {
        self.class.rsplit('.').next().unwrap_or(self.class)
    }

    /// Makes a transform from options whose keys stand under `prefix` in the connector's settings.
    ///
    /// # Errors
    /// Every option that cannot be used, by its key with the prefix, in Kafka Connect's words.
    pub fn build(
        &self,
        values: &BTreeMap<String, String>,
        prefix: &str,
    ) -> Result<Box<dyn Transform>, Vec<ConfigProblem>> {
        (self.build)(&Plan {
            side: self.side,
            values,
            prefix,
        })
    }
}

macro_rules! kinds {
    ($($class:literal $side:ident $module:ident),* $(,)?) => {
        &[$(TransformKind {
            class: $class,
            side: Side::$side,
            config: $module::config,
            build: $module::build,
        }),*]
    };
}

/// All kinds, by class.
pub const KINDS: &[TransformKind] = kinds! {
    "io.debezium.transforms.ExtractNewRecordState" Value extract_new_record_state,
    "io.debezium.transforms.outbox.EventRouter" Value event_router,
    "org.apache.kafka.connect.transforms.Cast$Key" Key cast,
    "org.apache.kafka.connect.transforms.Cast$Value" Value cast,
    "org.apache.kafka.connect.transforms.DropHeaders" Value drop_headers,
    "org.apache.kafka.connect.transforms.ExtractField$Key" Key extract_field,
    "org.apache.kafka.connect.transforms.ExtractField$Value" Value extract_field,
    "org.apache.kafka.connect.transforms.Filter" Value filter,
    "org.apache.kafka.connect.transforms.Flatten$Key" Key flatten,
    "org.apache.kafka.connect.transforms.Flatten$Value" Value flatten,
    "org.apache.kafka.connect.transforms.HeaderFrom$Key" Key header_from,
    "org.apache.kafka.connect.transforms.HeaderFrom$Value" Value header_from,
    "org.apache.kafka.connect.transforms.HoistField$Key" Key hoist_field,
    "org.apache.kafka.connect.transforms.HoistField$Value" Value hoist_field,
    "org.apache.kafka.connect.transforms.InsertField$Key" Key insert_field,
    "org.apache.kafka.connect.transforms.InsertField$Value" Value insert_field,
    "org.apache.kafka.connect.transforms.InsertHeader" Value insert_header,
    "org.apache.kafka.connect.transforms.MaskField$Key" Key mask_field,
    "org.apache.kafka.connect.transforms.MaskField$Value" Value mask_field,
    "org.apache.kafka.connect.transforms.RegexRouter" Value regex_router,
    "org.apache.kafka.connect.transforms.ReplaceField$Key" Key replace_field,
    "org.apache.kafka.connect.transforms.ReplaceField$Value" Value replace_field,
    "org.apache.kafka.connect.transforms.SetSchemaMetadata$Key" Key set_schema_metadata,
    "org.apache.kafka.connect.transforms.SetSchemaMetadata$Value" Value set_schema_metadata,
    "org.apache.kafka.connect.transforms.TimestampConverter$Key" Key timestamp_converter,
    "org.apache.kafka.connect.transforms.TimestampConverter$Value" Value timestamp_converter,
    "org.apache.kafka.connect.transforms.TimestampRouter" Value timestamp_router,
    "org.apache.kafka.connect.transforms.ValueToKey" Value value_to_key,
};

/// Returns the kind with this Java class or simple name.
pub fn find(name: &str) -> Option<&'static TransformKind> {
    KINDS
        .iter()
        .find(|kind| kind.class == name || kind.simple_name() == name)
}
