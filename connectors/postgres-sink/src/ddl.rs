//! From the source's table definition to what must be done to the target's table. Pure.

use walbridge_connector_api::ConnectorError;
use walbridge_postgres::ident::{literal, qualified, quote};

use crate::definition::{ColumnDefinition, Definition};
use crate::stopped::REMEDY;
use crate::table::TargetTable;

/// Returns the statements that create the table.
pub(crate) fn create(definition: &Definition) -> Vec<String> {
    let mut columns: Vec<String> = definition.columns.iter().map(column).collect();
    if !definition.key.is_empty() {
        let key: Vec<_> = definition.key.iter().map(|name| quote(name)).collect();
        columns.push(format!("PRIMARY KEY ({})", key.join(", ")));
    }
    vec![
        format!("CREATE SCHEMA IF NOT EXISTS {}", quote(&definition.schema)),
        format!(
            "CREATE TABLE {} ({})",
            qualified(&definition.schema, &definition.table),
            columns.join(", ")
        ),
    ]
}

/// Returns a column as `CREATE TABLE` and `ADD COLUMN` take it.
pub(crate) fn column(column: &ColumnDefinition) -> String {
    let not_null = if column.nullable { "" } else { " NOT NULL" };
    format!("{} {}{not_null}", quote(&column.name), column.type_name)
}

/// Returns the error for a new column whose value in older rows the stream does not tell.
///
/// A default that gives every row another value (`random()`, a sequence) rewrites the table without
/// a word in the stream; one that was set after the column was added gives them none. What is there
/// now does not say which it was.
pub(crate) fn unknown_values(
    definition: &Definition,
    table: &TargetTable,
) -> Option<ConnectorError> {
    let new = |column: &&ColumnDefinition| {
        let there = table.columns.iter().any(|found| found.name == column.name);
        !there && column.missing.is_none() && column.default.is_some()
    };
    let column = definition.columns.iter().find(new)?;
    let name = qualified(&definition.schema, &definition.table);
    let default = column.default.as_deref().unwrap_or_default();
    Some(
        ConnectorError::stop(
            "ColumnValuesUnknown",
            format!(
                "table {} got a column {} with the default {default}, and the stream does not tell \
                 what rows that are older than the column have in it",
                definition.collection(),
                quote(&column.name)
            ),
        )
        .remedy(format!(
            "if they have nothing in it at the source (the default was set after the column was \
             added), run at the target, then restart the task: ALTER TABLE {name} ADD COLUMN {}; \
             otherwise {REMEDY}",
            self::column(column)
        )),
    )
}

/// Returns a type's name without the schema that needs no naming.
pub(crate) fn plain(name: &str) -> &str {
    name.strip_prefix("public.").unwrap_or(name)
}

/// Splits a type's name as `format_type` writes it into its schema, if it has one, and the rest.
pub(crate) fn split_type(name: &str) -> (Option<&str>, &str) {
    let mut quoted = false;
    let mut dot = None;
    for (at, c) in name.char_indices() {
        match c {
            '"' => quoted = !quoted,
            '.' if !quoted => dot = Some(at),
            _ => {}
        }
    }
    match dot {
        Some(at) => (Some(&name[..at]), &name[at + 1..]),
        None => (None, name),
    }
}

/// Returns the statements that give an enum type its labels; `existing` is what the target has.
pub(crate) fn labels(
    type_name: &str,
    wanted: &[String],
    existing: Option<&[String]>,
) -> Vec<String> {
    let base = type_name.trim_end_matches("[]");
    let Some(existing) = existing else {
        let list: Vec<_> = wanted.iter().map(|label| literal(label)).collect();
        return vec![format!("CREATE TYPE {base} AS ENUM ({})", list.join(", "))];
    };
    let mut statements = Vec::new();
    for (at, label) in wanted.iter().enumerate() {
        if existing.contains(label) {
            continue;
        }
        // A label keeps its place in the order: after its predecessor, or before all.
        let place = match (
            at.checked_sub(1).map(|before| &wanted[before]),
            existing.first(),
        ) {
            (Some(before), _) => format!(" AFTER {}", literal(before)),
            (None, Some(first)) => format!(" BEFORE {}", literal(first)),
            (None, None) => String::new(),
        };
        statements.push(format!(
            "ALTER TYPE {base} ADD VALUE IF NOT EXISTS {}{place}",
            literal(label)
        ));
    }
    statements
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evolve::tests::{definition, table};

    #[test]
    fn a_table_is_created_with_its_key() {
        let made = create(&definition(&[
            ("id", "integer", false),
            ("n", "numeric(5,2)", true),
        ]));
        assert_eq!(
            made[1],
            r#"CREATE TABLE "public"."t" ("id" integer NOT NULL, "n" numeric(5,2), PRIMARY KEY ("id"))"#
        );
    }

    #[test]
    fn a_default_that_the_stream_does_not_tell_stops() {
        let has = table(&[("id", "integer", false)]);
        let mut wants = definition(&[("id", "integer", false), ("x", "public.mood", true)]);
        assert!(unknown_values(&wants, &has).is_none());
        wants.columns[1].default = Some("random()".into());
        let error = unknown_values(&wants, &has).unwrap();
        assert!(
            error
                .to_string()
                .contains(r#""x" with the default random()"#)
        );
    }

    #[test]
    fn names_are_split_at_the_dot_that_is_none_of_theirs() {
        assert_eq!(split_type("mood"), (None, "mood"));
        assert_eq!(split_type("public.mood"), (Some("public"), "mood"));
        assert_eq!(
            split_type(r#""Identity.Mood""#),
            (None, r#""Identity.Mood""#)
        );
        assert_eq!(
            split_type(r#""a.b"."c""d.e""#),
            (Some(r#""a.b""#), r#""c""d.e""#)
        );
    }

    #[test]
    fn labels_keep_their_order() {
        let all = ["a", "b", "c"].map(str::to_owned);
        assert_eq!(
            labels("public.m[]", &all, None),
            ["CREATE TYPE public.m AS ENUM ('a', 'b', 'c')"]
        );
        let some = ["b".to_owned()];
        assert_eq!(
            labels("public.m", &all, Some(&some)),
            [
                "ALTER TYPE public.m ADD VALUE IF NOT EXISTS 'a' BEFORE 'b'",
                "ALTER TYPE public.m ADD VALUE IF NOT EXISTS 'c' AFTER 'b'"
            ]
        );
    }
}
