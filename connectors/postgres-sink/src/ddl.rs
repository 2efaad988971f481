//! From the source's table definition to what must be done to the target's table. Pure.

use walbridge_connector_api::{ConnectorError, Result};
use walbridge_postgres::ident::{literal, qualified, quote};

use crate::config::Evolution;
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

fn column(column: &ColumnDefinition) -> String {
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

/// Returns the statements that make an existing table fit, or why it cannot be made to.
pub(crate) fn evolve(
    definition: &Definition,
    table: &TargetTable,
    evolution: Evolution,
) -> Result<Vec<String>> {
    let name = qualified(&definition.schema, &definition.table);
    let mut statements = Vec::new();
    let mut fix = Vec::new();
    for wanted in &definition.columns {
        let Some(found) = table.columns.iter().find(|c| c.name == wanted.name) else {
            let mut add = format!("ALTER TABLE {name} ADD COLUMN {}", column(wanted));
            if let Some(missing) = &wanted.missing {
                // Rows that are there get the value they have at the source; new rows bring their own.
                add.push_str(&format!(
                    " DEFAULT {}::{}; ALTER TABLE {name} ALTER COLUMN {} DROP DEFAULT",
                    literal(missing),
                    wanted.type_name,
                    quote(&wanted.name)
                ));
            }
            if evolution >= Evolution::Basic {
                statements.push(add);
            } else {
                fix.push(add);
            }
            continue;
        };
        if plain(&found.declared) != plain(&wanted.type_name) {
            fix.push(format!(
                "ALTER TABLE {name} ALTER COLUMN {column} TYPE {ty}",
                column = quote(&wanted.name),
                ty = wanted.type_name
            ));
        }
        let in_key = table.key.contains(&wanted.name);
        if wanted.nullable && !found.nullable && !in_key && evolution >= Evolution::Basic {
            statements.push(format!(
                "ALTER TABLE {name} ALTER COLUMN {} DROP NOT NULL",
                quote(&wanted.name)
            ));
        }
    }
    for found in &table.columns {
        let wanted = definition.columns.iter().any(|c| c.name == found.name);
        if !wanted && !found.generated {
            let drop = format!("ALTER TABLE {name} DROP COLUMN {}", quote(&found.name));
            if evolution == Evolution::Full {
                statements.push(drop);
            } else {
                fix.push(drop);
            }
        }
    }
    if !definition.key.is_empty() && !same_set(&definition.key, &table.key) {
        let key: Vec<_> = definition.key.iter().map(|name| quote(name)).collect();
        fix.push(format!(
            "ALTER TABLE {name} ADD PRIMARY KEY ({})",
            key.join(", ")
        ));
    }
    if fix.is_empty() {
        return Ok(statements);
    }
    Err(ConnectorError::stop(
        "IncompatibleTable",
        format!(
            "table {} at the target differs from the source's in a way that schema.evolution does \
             not cover",
            definition.collection()
        ),
    )
    .remedy(format!(
        "run at the target, then restart the task: {};",
        fix.join("; ")
    )))
}

fn same_set(a: &[String], b: &[String]) -> bool {
    a.len() == b.len() && a.iter().all(|name| b.contains(name))
}

/// Returns a type's name without the schema that needs no naming.
fn plain(name: &str) -> &str {
    name.strip_prefix("public.").unwrap_or(name)
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
    use walbridge_postgres::types::{Kind, PgType};

    use super::*;
    use crate::table::TargetColumn;

    fn definition(columns: &[(&str, &str, bool)]) -> Definition {
        Definition {
            schema: "public".into(),
            table: "t".into(),
            columns: columns
                .iter()
                .map(|(name, ty, nullable)| ColumnDefinition {
                    name: (*name).into(),
                    type_name: (*ty).into(),
                    nullable: *nullable,
                    labels: None,
                    missing: None,
                    default: None,
                })
                .collect(),
            key: vec!["id".into()],
            identity: "default".into(),
            layout: None,
        }
    }

    fn table(columns: &[(&str, &str, bool)]) -> TargetTable {
        let ty = PgType {
            oid: 23,
            schema: "pg_catalog".into(),
            name: "int4".into(),
            typmod: -1,
            sends: true,
            kind: Kind::Base,
        };
        TargetTable {
            columns: columns
                .iter()
                .map(|(name, declared, nullable)| TargetColumn {
                    name: (*name).into(),
                    declared: (*declared).into(),
                    cast: (*declared).into(),
                    nullable: *nullable,
                    generated: false,
                    ty: ty.clone(),
                    array: 1007,
                    compare_text: false,
                })
                .collect(),
            key: vec!["id".into()],
            other_uniques: false,
        }
    }

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
    fn a_new_column_is_added_and_a_vanished_one_stops() {
        let has = table(&[("id", "integer", false)]);
        let mut wants = definition(&[("id", "integer", false), ("x", "public.mood", true)]);
        wants.columns[1].missing = Some("ok".into());
        assert_eq!(
            evolve(&wants, &has, Evolution::Basic).unwrap(),
            [
                "ALTER TABLE \"public\".\"t\" ADD COLUMN \"x\" public.mood DEFAULT 'ok'::public.mood; \
                 ALTER TABLE \"public\".\"t\" ALTER COLUMN \"x\" DROP DEFAULT"
            ]
        );
        wants.columns[1].missing = None;
        assert!(unknown_values(&wants, &has).is_none());
        wants.columns[1].default = Some("random()".into());
        let error = unknown_values(&wants, &has).unwrap();
        assert!(
            error
                .to_string()
                .contains(r#""x" with the default random()"#)
        );
        let has = table(&[("id", "integer", false), ("old", "text", true)]);
        let wants = definition(&[("id", "integer", false)]);
        let error = evolve(&wants, &has, Evolution::Basic).unwrap_err();
        assert_eq!(error.name(), "IncompatibleTable");
        assert!(error.to_string().contains(r#"DROP COLUMN "old""#));
        assert_eq!(
            evolve(&wants, &has, Evolution::Full).unwrap(),
            [r#"ALTER TABLE "public"."t" DROP COLUMN "old""#]
        );
    }

    #[test]
    fn another_type_stops_with_the_statement_to_run() {
        let has = table(&[("id", "integer", false)]);
        let error = evolve(
            &definition(&[("id", "bigint", false)]),
            &has,
            Evolution::Full,
        )
        .unwrap_err();
        assert!(
            error
                .to_string()
                .contains(r#"ALTER COLUMN "id" TYPE bigint"#)
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
