//! Keys as text, the way Debezium's key-change headers show them: `Struct{id=10}`.

use std::fmt::Write as _;

use walbridge_schemas::avro::Reader;
use walbridge_schemas::{AvroError, Field, FieldType};

/// Shows a key's fields, each with its Avro bytes.
pub(crate) fn show<'a>(fields: impl Iterator<Item = (&'a Field, &'a [u8])>) -> String {
    let mut out = String::from("Struct{");
    let mut first = true;
    for (field, bytes) in fields {
        // Java leaves nulls out.
        let Ok(Some(value)) = field.value(bytes) else {
            continue;
        };
        if !first {
            out.push(',');
        }
        first = false;
        out.push_str(&field.name);
        out.push('=');
        if write(&mut out, &field.ty, &mut Reader::new(value)).is_err() {
            out.push('?');
        }
    }
    out.push('}');
    out
}

fn write(out: &mut String, ty: &FieldType, reader: &mut Reader<'_>) -> Result<(), AvroError> {
    // Writing to a String cannot fail.
    let _ = match ty.avro_type() {
        "boolean" => write!(out, "{}", reader.bool()?),
        "int" => write!(out, "{}", reader.int()?),
        "long" => write!(out, "{}", reader.long()?),
        "float" => write!(out, "{}", reader.float()?),
        "double" => write!(out, "{}", reader.double()?),
        "string" => {
            out.push_str(reader.str()?);
            Ok(())
        }
        "bytes" => {
            for byte in reader.bytes()? {
                let _ = write!(out, "{byte:02x}");
            }
            Ok(())
        }
        _ => {
            out.push('?');
            Ok(())
        }
    };
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use walbridge_schemas::avro;

    #[test]
    fn shows_what_java_shows() {
        let id = Field::new("id", FieldType::Int32, false, None);
        let name = Field::new("name", FieldType::String, true, None);
        let (mut a, mut b) = (Vec::new(), vec![2]);
        avro::write_int(&mut a, 10);
        avro::write_str(&mut b, "x");
        let fields = [(&id, &a[..]), (&name, &b[..])];
        assert_eq!(show(fields.into_iter()), "Struct{id=10,name=x}");
        let fields = [(&id, &a[..]), (&name, &[0u8][..])];
        assert_eq!(show(fields.into_iter()), "Struct{id=10}");
    }
}
