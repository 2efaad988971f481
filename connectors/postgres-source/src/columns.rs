//! From a column's type to the field that carries it and the encoder that fills it.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use walbridge_connector_api::Result;
use walbridge_postgres::defaults::field_default;
use walbridge_postgres::encode::ColumnEncoder;
use walbridge_postgres::types::{Kind, PgType, TypeModes, field_type};
use walbridge_schemas::{Field, name};

use crate::catalog::{Catalog, LiveTable};
use crate::config::Options;
use crate::pgoutput::Identity;
use crate::plan::{Definition, live_column};

/// A column of a plan before it has its place in it.
#[derive(Debug)]
pub(crate) struct Described {
    pub(crate) field: Field,
    pub(crate) encoder: ColumnEncoder,
    /// The type as `format_type` shows it.
    pub(crate) type_text: String,
    /// An enum's labels, also of an array of it; an enum may have none.
    pub(crate) labels: Option<Vec<String>>,
    /// Whether binary values of the type can be read.
    pub(crate) reads_binary: bool,
    /// Whether it has a binary form at all; the stream has text where there is none, a copy fails.
    pub(crate) sends: bool,
}

/// Describes the columns of a definition.
pub(crate) fn describe(
    definition: &Definition,
    live: &LiveTable,
    nullable: &BTreeSet<String>,
    catalog: &mut Catalog,
    options: &Options,
) -> Result<Vec<Described>> {
    let all = definition.columns.iter().map(|column| column.name.as_str());
    crate::names::check_columns(&definition.schema, &definition.name, all)?;
    let wanted: Vec<_> = definition
        .columns
        .iter()
        .map(|column| (column.type_oid, column.typmod))
        .collect();
    let types = catalog.types(&wanted)?;
    let texts = catalog.type_texts(&wanted)?;
    let names = name::fields(definition.columns.iter().map(|column| column.name.as_str()));
    let modes = TypeModes {
        unavailable: options.placeholder.clone(),
        ..TypeModes::default()
    };
    let columns = definition.columns.iter().zip(types).zip(texts).zip(names);
    Ok(columns
        .map(|(((column, ty), text), name)| {
            let (ty, type_text) = match ty {
                Some(ty) => (ty, text),
                // The type was dropped since: its values still come, and can be read as text.
                None => (gone(column.type_oid), "text".to_owned()),
            };
            let now = live_column(live, &column.name);
            // A column that identified rows had no nulls then, whatever has become of it or its table.
            let never_null = column.identity
                && matches!(definition.identity, Identity::Default | Identity::Index);
            let optional = !never_null && now.is_none_or(|now| !now.not_null)
                || nullable.contains(&column.name);
            let carrier = field_type(&ty, &modes);
            let default = now
                .and_then(|now| now.default.as_deref())
                .and_then(|expression| field_default(&ty, &carrier, expression));
            let field = Field::new(name, carrier, optional, default);
            let single = match &ty.base().kind {
                Kind::Array(items) => items.base(),
                _ => ty.base(),
            };
            let labels = match &single.kind {
                Kind::Enum { labels } => Some(labels.clone()),
                _ => None,
            };
            Described {
                encoder: ColumnEncoder::new(&ty, &field, &options.placeholder),
                reads_binary: ty.reads_binary(),
                sends: ty.sends,
                field,
                type_text,
                labels,
            }
        })
        .collect())
}

fn gone(oid: u32) -> PgType {
    PgType {
        oid,
        schema: String::new(),
        name: String::new(),
        typmod: -1,
        sends: true,
        kind: Kind::Base,
    }
}

/// Databases in which some captured column's binary form cannot be read. The server sends either
/// form for a whole stream, so one such column turns all to text, for as long as this process lives.
static TEXT_ONLY: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

/// Returns whether values must be asked for as text.
pub(crate) fn needs_text(options: &Options) -> bool {
    TEXT_ONLY
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .contains(&options.database.target())
}

/// Notes that values must be asked for as text.
pub(crate) fn ask_for_text(options: &Options) {
    TEXT_ONLY
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .insert(options.database.target());
}
