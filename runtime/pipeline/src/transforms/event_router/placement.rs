//! Where further columns of an outbox row go.

use super::super::options::Options;

/// Where a column goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Placement {
    Header,
    Envelope,
    Partition,
}

/// A further column.
pub(super) struct Additional {
    pub(super) field: String,
    pub(super) placement: Placement,
    pub(super) alias: String,
}

const KEY: &str = "table.fields.additional.placement";

/// Reads the option; what is wrong with it is reported.
pub(super) fn read(options: &mut Options<'_>) -> Vec<Additional> {
    let Some(text) = options.text(KEY) else {
        return Vec::new();
    };
    let mut all = Vec::new();
    for mapping in text.split(',') {
        let parts: Vec<&str> = mapping.split(':').map(str::trim).collect();
        let (field, placement) = match parts.as_slice() {
            [field, placement] | [field, placement, _] => (*field, *placement),
            _ => {
                let why = format!(
                    "The '{KEY}' value is invalid: A comma-separated list of valid String pairs or trios is expected but got: [{}]",
                    text.split(',')
                        .map(str::trim)
                        .collect::<Vec<_>>()
                        .join(", ")
                );
                options.invalid(KEY, text, &why);
                return all;
            }
        };
        let placement = match placement.to_ascii_lowercase().as_str() {
            "header" => Placement::Header,
            "envelope" => Placement::Envelope,
            "partition" => Placement::Partition,
            other => {
                let why = format!("\"{other}\" must be one of header, envelope, partition");
                options.invalid(KEY, text, &why);
                continue;
            }
        };
        all.push(Additional {
            field: field.to_owned(),
            placement,
            alias: (*parts.get(2).unwrap_or(&field)).to_owned(),
        });
    }
    all
}
