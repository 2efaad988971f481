//! What the bytes of a row depend on, as a short text that two sides can compare.

use std::fmt::Write as _;

use sha2::{Digest, Sha256};

use crate::{Field, FieldType, Nulls};

/// Returns a fingerprint of how a row's bytes are laid out: the fields' order, names, nulls and types.
///
/// It is the same for a schema and for what is read back of its registered text. Labels of an enum,
/// declared precisions and defaults are not in it: no byte of a row depends on them. 16 digits of
/// SHA-256, hexadecimal.
pub fn fingerprint(fields: &[Field]) -> String {
    let mut text = String::new();
    for field in fields {
        let nulls = match field.nulls {
            Nulls::Never => '!',
            Nulls::First => '?',
            Nulls::Last => '~',
        };
        // A name legal in Avro has none of the separators.
        let _ = write!(text, "{}:{nulls}", field.name);
        describe(&field.ty, &mut text);
        text.push(';');
    }
    let digest = Sha256::digest(text.as_bytes());
    digest.iter().take(8).fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

fn describe(ty: &FieldType, text: &mut String) {
    // Writing to a String cannot fail.
    let _ = match ty {
        FieldType::Array(items) => {
            text.push_str(if items.nullable { "[?" } else { "[" });
            describe(&items.ty, text);
            write!(text, "]")
        }
        FieldType::Decimal { scale, .. } => write!(text, "decimal({scale})"),
        FieldType::Bits { length } => write!(text, "bits({length})"),
        other => write!(
            text,
            "{}",
            other.connect_name().unwrap_or(other.avro_type())
        ),
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(fields: &[(&str, FieldType, bool)]) -> String {
        let fields: Vec<_> = fields
            .iter()
            .map(|(name, ty, optional)| Field::new(*name, ty.clone(), *optional, None))
            .collect();
        fingerprint(&fields)
    }

    #[test]
    fn whatever_changes_the_bytes_changes_it() {
        let array = |nullable| FieldType::array_of(FieldType::Int32, nullable);
        let all = [
            of(&[
                ("a", FieldType::String, true),
                ("b", FieldType::String, true),
            ]),
            of(&[
                ("b", FieldType::String, true),
                ("a", FieldType::String, true),
            ]),
            of(&[("a", FieldType::String, true)]),
            of(&[("a", FieldType::String, false)]),
            of(&[("a", FieldType::Json, true)]),
            of(&[(
                "a",
                FieldType::Decimal {
                    precision: None,
                    scale: 2,
                },
                true,
            )]),
            of(&[(
                "a",
                FieldType::Decimal {
                    precision: None,
                    scale: 3,
                },
                true,
            )]),
            of(&[("a", array(true), true)]),
            of(&[("a", array(false), true)]),
        ];
        let different: std::collections::BTreeSet<_> = all.iter().collect();
        assert_eq!(different.len(), all.len());
    }

    #[test]
    fn stays_as_it_is() {
        // Both sides may be of different releases: what is published once is compared for ever.
        let fields = [
            ("id", FieldType::Int64, false),
            ("a", FieldType::String, true),
        ];
        assert_eq!(of(&fields), "f513135f5819a90b");
    }
}
