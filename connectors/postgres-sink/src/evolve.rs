//! What must be done to a table that is there, so that rows under a definition fit. Pure.
//!
//! Most changes of a definition say nothing of what becomes of the rows that are there: a column that
//! is gone and another that is new may be a rename, another type may come with `USING`. Then rows that
//! stay cannot be put right from the stream, and only a new snapshot can. Rows that go anyway leave
//! all freedom.

use walbridge_connector_api::{ConnectorError, Result};
use walbridge_postgres::ident::{literal, qualified, quote};

use crate::config::Evolution;
use crate::ddl::{column, plain};
use crate::definition::{ColumnDefinition, Definition};
use crate::stopped::REMEDY;
use crate::table::{TargetColumn, TargetTable};

/// What becomes of the rows that the table has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// They stay.
    Stay,
    /// A snapshot replaces them.
    Go,
}

/// A table that is to fit a definition.
#[derive(Debug)]
pub(crate) struct Evolve<'a> {
    pub(crate) wanted: &'a Definition,
    /// The definition that the link has written by until now, if it has.
    pub(crate) former: Option<&'a Definition>,
    pub(crate) table: &'a TargetTable,
    pub(crate) evolution: Evolution,
    pub(crate) rows: Standing,
}

/// What was found.
#[derive(Debug, Default)]
struct Found {
    /// What the sink does itself.
    statements: Vec<String>,
    /// What somebody at the target must do.
    fixes: Vec<String>,
    /// What only a new snapshot mends.
    broken: Vec<String>,
}

impl Evolve<'_> {
    /// Returns the statements that make the table fit.
    ///
    /// # Errors
    /// If it cannot be made to, with what helps.
    pub(crate) fn statements(&self) -> Result<Vec<String>> {
        let mut found = Found::default();
        self.check_key(&mut found);
        for wanted in &self.wanted.columns {
            match self.table.columns.iter().find(|c| c.name == wanted.name) {
                Some(there) => self.check_column(wanted, there, &mut found),
                None => self.add_column(wanted, &mut found),
            }
        }
        for there in &self.table.columns {
            let wanted = self.wanted.columns.iter().any(|c| c.name == there.name);
            if !wanted && !there.generated {
                self.check_extra(there, &mut found);
            }
        }
        self.judge(found)
    }

    fn judge(&self, found: Found) -> Result<Vec<String>> {
        let title = self.wanted.collection();
        if !found.broken.is_empty() {
            return Err(ConnectorError::stop(
                "IncompatibleTable",
                format!(
                    "table {title}: {}; the stream does not tell what becomes of the rows that are there",
                    found.broken.join("; ")
                ),
            )
            .remedy(REMEDY));
        }
        if !found.fixes.is_empty() {
            return Err(ConnectorError::stop(
                "IncompatibleTable",
                format!("table {title} at the target does not fit the source's"),
            )
            .remedy(format!(
                "run at the target, then restart the task: {};",
                found.fixes.join("; ")
            )));
        }
        Ok(found.statements)
    }

    fn name(&self) -> String {
        qualified(&self.wanted.schema, &self.wanted.table)
    }

    /// Returns whether the sink may do to the table whatever is needed: it is the link's own, no row
    /// of it stays, and nobody has forbidden it.
    fn is_free(&self) -> bool {
        self.rows == Standing::Go && self.former.is_some() && self.evolution >= Evolution::Basic
    }

    fn was(&self, name: &str) -> Option<&ColumnDefinition> {
        let former = self.former?;
        former.columns.iter().find(|column| column.name == name)
    }

    fn add_column(&self, wanted: &ColumnDefinition, found: &mut Found) {
        let name = self.name();
        if self.rows == Standing::Stay && self.was(&wanted.name).is_some() {
            found.broken.push(format!(
                "column {} is gone at the target",
                quote(&wanted.name)
            ));
            return;
        }
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
        if self.evolution >= Evolution::Basic {
            found.statements.push(add);
        } else {
            found.fixes.push(add);
        }
    }

    fn check_column(&self, wanted: &ColumnDefinition, there: &TargetColumn, found: &mut Found) {
        let (name, column) = (self.name(), quote(&wanted.name));
        if plain(&there.declared) != plain(&wanted.type_name) {
            let alter = format!("ALTER TABLE {name} ALTER COLUMN {column}");
            let ty = &wanted.type_name;
            if self.is_free() {
                found.statements.push(format!("{alter} DROP DEFAULT"));
                found
                    .statements
                    .push(format!("{alter} TYPE {ty} USING NULL"));
            } else if self.former.is_none() || self.rows == Standing::Go {
                found.fixes.push(format!("{alter} TYPE {ty}"));
            } else {
                found.broken.push(format!(
                    "column {column} is {ty} at the source and {} at the target",
                    there.declared
                ));
            }
        }
        let in_key =
            self.wanted.key.contains(&wanted.name) || self.table.key.contains(&wanted.name);
        if wanted.nullable && !there.nullable && !in_key && self.evolution >= Evolution::Basic {
            found.statements.push(format!(
                "ALTER TABLE {name} ALTER COLUMN {column} DROP NOT NULL"
            ));
        }
    }

    /// A column that the source's table does not have: the target's own, or one that was there.
    fn check_extra(&self, there: &TargetColumn, found: &mut Found) {
        let (name, column) = (self.name(), quote(&there.name));
        if self.was(&there.name).is_none() {
            if there.nullable || there.has_default {
                tracing::info!(
                    table = self.wanted.collection(),
                    column,
                    "a column of the target's own stays as it is"
                );
            } else {
                found.fixes.push(format!(
                    "ALTER TABLE {name} ALTER COLUMN {column} DROP NOT NULL"
                ));
            }
            return;
        }
        let is_renamed = self.rows == Standing::Stay
            && (self.wanted.columns.iter()).any(|wanted| self.was(&wanted.name).is_none());
        let drop = format!("ALTER TABLE {name} DROP COLUMN {column}");
        if self.is_free() || self.evolution == Evolution::Full && !is_renamed {
            found.statements.push(drop);
        } else if self.rows == Standing::Go {
            found.fixes.push(drop);
        } else {
            found.broken.push(format!(
                "column {column} is gone at the source (dropped or renamed)"
            ));
        }
    }

    /// Returns what lets the columns of a key that is gone be null where the source's may.
    fn relax_key(&self) -> impl Iterator<Item = String> + '_ {
        let nullable = (self.wanted.columns.iter())
            .filter(|wanted| wanted.nullable && self.table.key.contains(&wanted.name));
        nullable.map(|wanted| {
            let (name, column) = (self.name(), quote(&wanted.name));
            format!("ALTER TABLE {name} ALTER COLUMN {column} DROP NOT NULL")
        })
    }

    fn check_key(&self, found: &mut Found) {
        let (name, key) = (self.name(), &self.wanted.key);
        let columns: Vec<_> = key.iter().map(|column| quote(column)).collect();
        let columns = columns.join(", ");
        let had_key = self.former.is_some_and(|former| !former.key.is_empty());
        let drop = (self.table.primary.as_ref())
            .map(|primary| format!("ALTER TABLE {name} DROP CONSTRAINT {}", quote(primary)));
        if key.is_empty() {
            // What the source no longer has is not asked of its rows.
            if had_key && self.evolution >= Evolution::Basic {
                found.statements.extend(drop);
                found.statements.extend(self.relax_key());
            }
            return;
        }
        if self.table.is_unique(key) {
            return;
        }
        let add = format!("ALTER TABLE {name} ADD PRIMARY KEY ({columns})");
        if self.is_free() {
            found.statements.extend(drop);
            found.statements.push(add);
        } else if self.rows == Standing::Stay
            && self.former.is_some_and(|former| former.key != *key)
        {
            found.broken.push(format!("its key is ({columns}) now"));
        } else if drop.is_some() {
            found
                .fixes
                .push(format!("CREATE UNIQUE INDEX ON {name} ({columns})"));
        } else {
            found.fixes.push(add);
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use walbridge_postgres::types::{Kind, PgType};

    use super::*;

    pub(crate) fn definition(columns: &[(&str, &str, bool)]) -> Definition {
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

    pub(crate) fn table(columns: &[(&str, &str, bool)]) -> TargetTable {
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
                    deterministic: true,
                    has_default: false,
                    identity_always: false,
                })
                .collect(),
            primary: Some("t_pkey".into()),
            key: vec!["id".into()],
            uniques: vec![Some(vec!["id".into()])],
            partitioned: false,
        }
    }

    fn evolve(
        wanted: &Definition,
        former: Option<&Definition>,
        table: &TargetTable,
        rows: Standing,
    ) -> Result<Vec<String>> {
        let evolution = Evolution::Basic;
        Evolve {
            wanted,
            former,
            table,
            evolution,
            rows,
        }
        .statements()
    }

    #[test]
    fn a_new_column_is_added_with_what_older_rows_have() {
        let has = table(&[("id", "integer", false)]);
        let mut wants = definition(&[("id", "integer", false), ("x", "public.mood", true)]);
        wants.columns[1].missing = Some("ok".into());
        assert_eq!(
            evolve(&wants, None, &has, Standing::Stay).unwrap(),
            [
                "ALTER TABLE \"public\".\"t\" ADD COLUMN \"x\" public.mood DEFAULT 'ok'::public.mood; \
                 ALTER TABLE \"public\".\"t\" ALTER COLUMN \"x\" DROP DEFAULT"
            ]
        );
    }

    #[test]
    fn a_column_of_the_targets_own_stays_and_one_that_was_the_sources_does_not() {
        let had = definition(&[("id", "integer", false), ("old", "text", true)]);
        let wants = definition(&[("id", "integer", false)]);
        let has = table(&[("id", "integer", false), ("old", "text", true)]);
        assert_eq!(evolve(&wants, None, &has, Standing::Stay).unwrap(), [""; 0]);
        let error = evolve(&wants, Some(&had), &has, Standing::Stay).unwrap_err();
        assert!(error.to_string().contains("dropped or renamed"), "{error}");
        assert!(error.to_string().contains(REMEDY), "{error}");
        assert_eq!(
            evolve(&wants, Some(&had), &has, Standing::Go).unwrap(),
            [r#"ALTER TABLE "public"."t" DROP COLUMN "old""#]
        );
        let strict = table(&[("id", "integer", false), ("old", "text", false)]);
        let error = evolve(&wants, None, &strict, Standing::Stay).unwrap_err();
        assert!(
            error.to_string().contains(r#""old" DROP NOT NULL"#),
            "{error}"
        );
    }

    #[test]
    fn another_type_needs_the_rows_again() {
        let has = table(&[("id", "integer", false)]);
        let had = definition(&[("id", "integer", false)]);
        let wants = definition(&[("id", "bigint", false)]);
        let error = evolve(&wants, Some(&had), &has, Standing::Stay).unwrap_err();
        assert!(error.to_string().contains(REMEDY), "{error}");
        let done = evolve(&wants, Some(&had), &has, Standing::Go).unwrap();
        assert!(
            done[1].ends_with(r#"ALTER COLUMN "id" TYPE bigint USING NULL"#),
            "{done:?}"
        );
        let error = evolve(&wants, None, &has, Standing::Go).unwrap_err();
        assert!(
            error
                .to_string()
                .contains(r#"ALTER COLUMN "id" TYPE bigint;"#),
            "{error}"
        );
    }

    #[test]
    fn any_unique_index_over_the_key_will_do() {
        let wants = definition(&[("id", "integer", false)]);
        let mut has = table(&[("id", "integer", false)]);
        has.primary = None;
        assert_eq!(evolve(&wants, None, &has, Standing::Go).unwrap(), [""; 0]);
        has.uniques = vec![None];
        let error = evolve(&wants, None, &has, Standing::Go).unwrap_err();
        assert!(
            error.to_string().contains(r#"ADD PRIMARY KEY ("id")"#),
            "{error}"
        );
        has.primary = Some("other".into());
        let error = evolve(&wants, None, &has, Standing::Go).unwrap_err();
        assert!(
            error.to_string().contains("CREATE UNIQUE INDEX ON"),
            "{error}"
        );
    }
}
