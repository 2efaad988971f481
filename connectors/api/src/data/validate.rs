//! Telling whether a value is one of a schema.

use super::{DataError, Schema, Struct, Type, Value};

/// Checks that a value and everything in it fits a schema.
///
/// A null needs an optional schema; in a field of a struct a default will do as well.
///
/// # Errors
/// The first place that does not fit, by its path.
pub fn validate(schema: &Schema, value: &Value) -> Result<(), DataError> {
    match value {
        Value::Null if schema.is_optional() => Ok(()),
        Value::Null => Err(DataError::NullNotAllowed {
            at: String::new(),
            wanted: schema.title(),
        }),
        _ if value.kind() != Some(schema.kind()) => Err(DataError::WrongType {
            at: String::new(),
            wanted: schema.kind().to_string(),
            found: value.kind_name(),
        }),
        Value::Array(elements) => match schema.value_schema() {
            Some(inner) => elements.iter().enumerate().try_for_each(|(i, element)| {
                validate(inner, element).map_err(|e| e.inside(&format!("[{i}]")))
            }),
            None => Err(incomplete(schema.kind())),
        },
        Value::Map(pairs) => match (schema.key_schema(), schema.value_schema()) {
            (Some(key), Some(inner)) => pairs.iter().enumerate().try_for_each(|(i, (k, v))| {
                validate(key, k).map_err(|e| e.inside(&format!("[key {i}]")))?;
                validate(inner, v).map_err(|e| e.inside(&format!("[value {i}]")))
            }),
            _ => Err(incomplete(schema.kind())),
        },
        Value::Struct(fields) => validate_struct(schema, fields),
        _ => Ok(()),
    }
}

fn validate_struct(schema: &Schema, fields: &Struct) -> Result<(), DataError> {
    if fields.schema() != schema {
        return Err(DataError::OtherStruct {
            at: String::new(),
            wanted: schema.title(),
            found: fields.schema().title(),
        });
    }
    for (field, value) in schema.fields().iter().zip(fields.values()) {
        if value.is_null() && field.schema.default().is_some() {
            continue;
        }
        validate(&field.schema, value).map_err(|error| error.inside(&field.name))?;
    }
    Ok(())
}

fn incomplete(kind: Type) -> DataError {
    DataError::Schema(format!("the {kind} schema does not say what it holds"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::SchemaBuilder;

    fn row() -> Schema {
        SchemaBuilder::structure()
            .name("row")
            .field("id", Schema::of(Type::Int32))
            .field("tags", Schema::array(Schema::optional_of(Type::String)))
            .build()
            .unwrap()
    }

    #[test]
    fn the_place_is_named() {
        let outer = SchemaBuilder::structure()
            .field("after", row().optional())
            .build()
            .unwrap();
        let inner = |id: Value, tags: Vec<Value>| {
            let row = row().optional();
            let after = Struct::from_values(row, vec![id, Value::Array(tags)]).unwrap();
            Value::Struct(Struct::from_values(outer.clone(), vec![after.into()]).unwrap())
        };
        let check = |value: Value| validate(&outer, &value).map_err(|e| e.to_string());
        assert_eq!(
            check(inner(1.into(), vec!["a".into(), Value::Null])),
            Ok(())
        );
        assert_eq!(
            check(inner(Value::Null, vec![])),
            Err("after.id: null, but the INT32 there is not optional".to_owned())
        );
        assert_eq!(
            check(inner(1.into(), vec!["a".into(), 7i8.into()])),
            Err("after.tags[1]: INT8 where the schema wants STRING".to_owned())
        );
    }

    #[test]
    fn a_struct_of_another_schema_is_refused() {
        let other = SchemaBuilder::structure().name("other").build().unwrap();
        let value = Value::Struct(Struct::new(other).unwrap());
        assert!(matches!(
            validate(&row(), &value),
            Err(DataError::OtherStruct { .. })
        ));
    }

    #[test]
    fn a_default_stands_in_for_null_in_a_field() {
        let number = SchemaBuilder::new(Type::Int32)
            .default(5.into())
            .build()
            .unwrap();
        let schema = SchemaBuilder::structure()
            .field("n", number.clone())
            .build()
            .unwrap();
        let fields = Struct::new(schema.clone()).unwrap();
        assert_eq!(fields.get("n"), Some(&Value::Int32(5)));
        assert_eq!(fields.get_exact("n"), Some(&Value::Null));
        assert_eq!(validate(&schema, &fields.into()), Ok(()));
        assert!(validate(&number, &Value::Null).is_err());
    }

    #[test]
    fn builders_refuse_what_contradicts_itself() {
        let twice = SchemaBuilder::structure()
            .field("a", Schema::of(Type::Int8))
            .field("a", Schema::of(Type::Int8));
        let wrong_default = SchemaBuilder::new(Type::Int8).default("x".into());
        let bare = SchemaBuilder::new(Type::Map);
        for builder in [twice, wrong_default, bare] {
            assert!(builder.build().is_err());
        }
    }

    #[test]
    fn schemas_are_equal_by_content() {
        assert_eq!(row(), row());
        assert!(!row().same(&row()));
        assert_ne!(row(), row().optional());
        assert_eq!(row(), row().optional().with_optional(false));
        let with_default = |n: i32| {
            SchemaBuilder::new(Type::Int32)
                .default(n.into())
                .build()
                .unwrap()
        };
        assert_ne!(with_default(1), with_default(2));
    }
}
