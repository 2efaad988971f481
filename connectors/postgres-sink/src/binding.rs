//! How the rows of one schema go into one target table: columns, decoders, statement texts.

use std::fmt::Write as _;

use walbridge_connector_api::{ConnectorError, Result};
use walbridge_postgres::decode::ColumnDecoder;
use walbridge_postgres::ident::{qualified, quote};
use walbridge_postgres::types::Kind;
use walbridge_schemas::{RowSchema, name};

use crate::definition::Definition;
use crate::key::{self, Canon, KeyForm};
use crate::stopped::REMEDY;
use crate::table::TargetTable;

/// One column that is written.
#[derive(Debug)]
pub(crate) struct Bound {
    /// Quoted.
    pub(crate) name: String,
    cast: String,
    pub(crate) decoder: ColumnDecoder,
    /// The type of the elements when values come as an array parameter.
    pub(crate) element: u32,
    compare_text: bool,
    /// Whether the server refuses to set it in an UPDATE.
    pub(crate) fixed: bool,
    /// Whether a key's column may change what it looks like and stay equal.
    coarse: bool,
}

/// A plan bound to its target table. Bound columns stand in the order of the row's fields.
#[derive(Debug)]
pub(crate) struct Binding {
    /// The table's quoted name.
    pub(crate) table: String,
    /// The table's own rows, as statements address them.
    pub(crate) rows: String,
    /// The table's name for messages.
    pub(crate) title: String,
    pub(crate) columns: Vec<Bound>,
    /// The key's columns; empty for a table without one.
    pub(crate) key: Vec<usize>,
    /// How keys are compared.
    pub(crate) key_form: KeyForm,
    /// Whether values can come as one array per column: an array of arrays would fall apart.
    pub(crate) bulk: bool,
    /// Whether binary `COPY` can be used: all columns have their binary form.
    pub(crate) copy: bool,
    pub(crate) other_uniques: bool,
    /// The table's schema and name.
    pub(crate) name: (String, String),
    /// The table as it was when it was bound, after so many commits of the task.
    pub(crate) target: TargetTable,
    pub(crate) bound_after: u64,
}

const TEXT: u32 = 25;

impl Binding {
    /// Binds a row schema to a table through the definition that gives columns their real names.
    pub(crate) fn new(
        definition: &Definition,
        row: &RowSchema,
        table: TargetTable,
        bound_after: u64,
    ) -> Result<Self> {
        let title = definition.collection();
        let incompatible = |what: String| {
            ConnectorError::stop("IncompatibleTable", format!("table {title}: {what}")).remedy(
                format!(
                    "compare the table at both sides; if the source's definition is lost, {REMEDY}"
                ),
            )
        };
        let fields = name::fields(definition.columns.iter().map(|c| c.name.as_str()));
        let (mut columns, mut deterministic) = (Vec::new(), Vec::new());
        for field in row.fields() {
            let at = fields.iter().position(|name| *name == field.name);
            let column = at
                .map(|at| &definition.columns[at].name)
                .and_then(|name| table.columns.iter().find(|c| c.name == *name))
                .ok_or_else(|| incompatible(format!("no column for field {}", field.name)))?;
            let decoder = ColumnDecoder::new(field, &column.ty);
            columns.push(Bound {
                name: quote(&column.name),
                cast: column.cast.clone(),
                element: if decoder.native() {
                    column.ty.oid
                } else {
                    TEXT
                },
                decoder,
                compare_text: column.compare_text,
                fixed: column.identity_always,
                coarse: key::canon(&column.ty).is_none_or(Canon::is_coarse)
                    || !column.deterministic,
            });
            deterministic.push(column.deterministic);
        }
        let key = definition
            .key
            .iter()
            .map(|name| {
                let name = quote(name);
                let at = columns.iter().position(|column| column.name == name);
                at.ok_or_else(|| incompatible(format!("key column {name} is not in the stream")))
            })
            .collect::<Result<Vec<usize>>>()?;
        let key_form = KeyForm::of(key.iter().map(|at| {
            let decoder = &columns[*at].decoder;
            (decoder.target(), deterministic[*at], decoder.native())
        }));
        let array = |column: &Bound| {
            column.decoder.native() && matches!(column.decoder.target().base().kind, Kind::Array(_))
        };
        let name = qualified(&definition.schema, &definition.table);
        Ok(Self {
            rows: table.rows(&name),
            table: name,
            title,
            bulk: !columns.iter().any(array),
            copy: columns.iter().all(|column| column.decoder.native()),
            columns,
            key,
            key_form,
            other_uniques: table.has_other_uniques(&definition.key),
            name: (definition.schema.clone(), definition.table.clone()),
            target: table,
            bound_after,
        })
    }

    /// Returns all columns but those left out.
    pub(crate) fn columns_without(&self, unknown: &[u16]) -> Vec<usize> {
        (0..self.columns.len())
            .filter(|at| !unknown.contains(&(*at as u16)))
            .collect()
    }

    /// Returns whether these columns can come as one array each.
    pub(crate) fn bulk(&self, columns: &[usize]) -> bool {
        self.bulk
            || columns.iter().all(|at| {
                let column = &self.columns[*at];
                !matches!(column.decoder.target().base().kind, Kind::Array(_))
                    || !column.decoder.native()
            })
    }

    pub(crate) fn copy_sql(&self) -> String {
        let all: Vec<_> = self.columns.iter().map(|c| c.name.as_str()).collect();
        format!(
            "COPY {} ({}) FROM STDIN (FORMAT binary)",
            self.table,
            all.join(", ")
        )
    }

    pub(crate) fn insert_sql(&self, bulk: bool) -> String {
        let mut names = Vec::new();
        let mut values = Vec::new();
        for (at, column) in self.columns.iter().enumerate() {
            names.push(column.name.as_str());
            values.push(if bulk {
                self.staged(at, at)
            } else {
                self.parameter(at, at)
            });
        }
        if names.is_empty() {
            return format!("INSERT INTO {} DEFAULT VALUES", self.table);
        }
        let (names, values) = (names.join(", "), values.join(", "));
        let all: Vec<_> = (0..self.columns.len()).collect();
        let from = if bulk {
            self.stage(&all)
        } else {
            String::new()
        };
        format!(
            "INSERT INTO {} ({names}) OVERRIDING SYSTEM VALUE SELECT {values}{from}",
            self.table
        )
    }

    /// Parameters: `columns` in order, the key's among them.
    pub(crate) fn update_sql(&self, columns: &[usize], bulk: bool) -> String {
        let value = |n: usize, at: usize| match bulk {
            true => self.staged(n, at),
            false => self.parameter(n, at),
        };
        let (mut set, mut on) = (Vec::new(), Vec::new());
        for (n, &at) in columns.iter().enumerate() {
            let column = &self.columns[at];
            let name = &column.name;
            let in_key = self.key.contains(&at);
            if in_key {
                on.push(format!("t.{name} = {}", value(n, at)));
            } else if column.fixed {
                on.push(format!("t.{name} IS NOT DISTINCT FROM {}", value(n, at)));
            }
            if !column.fixed && (!in_key || column.coarse) {
                set.push(format!("{name} = {}", value(n, at)));
            }
        }
        if set.is_empty() {
            // Nothing beside the key: the row must be there all the same.
            let name = &self.columns[self.key[0]].name;
            set.push(format!("{name} = t.{name}"));
        }
        let from = if bulk {
            self.stage(columns)
        } else {
            String::new()
        };
        format!(
            "UPDATE {} AS t SET {}{from} WHERE {}",
            self.rows,
            set.join(", "),
            on.join(" AND ")
        )
    }

    /// Parameters: the key's columns; `bulk` says whether as arrays.
    pub(crate) fn delete_sql(&self, bulk: bool) -> String {
        let mut on = Vec::new();
        for (n, &at) in self.key.iter().enumerate() {
            let value = match bulk {
                true => self.staged(n, at),
                false => self.parameter(n, at),
            };
            on.push(format!("t.{} = {value}", self.columns[at].name));
        }
        if !bulk {
            return format!("DELETE FROM {} AS t WHERE {}", self.rows, on.join(" AND "));
        }
        format!(
            "DELETE FROM {} AS t USING {} WHERE {}",
            self.rows,
            &self.stage(&self.key)[6..],
            on.join(" AND ")
        )
    }

    /// Returns a query for the first key in the stage that the table lacks. Parameters: the key's.
    pub(crate) fn missing_sql(&self) -> String {
        let on: Vec<_> = self
            .key
            .iter()
            .enumerate()
            .map(|(n, &at)| format!("t.{} = {}", self.columns[at].name, self.staged(n, at)))
            .collect();
        let shown: Vec<_> = (0..self.key.len())
            .map(|n| format!("s.c{n}::text"))
            .collect();
        format!(
            "SELECT concat_ws(', ', {}){} WHERE NOT EXISTS (SELECT 1 FROM {} AS t WHERE {}) LIMIT 1",
            shown.join(", "),
            self.stage(&self.key),
            self.rows,
            on.join(" AND ")
        )
    }

    /// Returns a statement for one row found by what is known of it. Parameters: `known`, then `set`.
    ///
    /// Without `set` it deletes. Of several equal rows it takes one.
    pub(crate) fn located_sql(&self, known: &[usize], set: &[usize]) -> String {
        let mut on = Vec::new();
        for (n, &at) in known.iter().enumerate() {
            let column = &self.columns[at];
            let value = self.parameter(n, at);
            on.push(if self.key.contains(&at) {
                format!("{} = {value}", column.name)
            } else if column.compare_text {
                format!("{} = {}", text_of(&column.name), text_of(&value))
            } else {
                format!("{} IS NOT DISTINCT FROM {value}", column.name)
            });
        }
        let table = &self.rows;
        let on = if on.is_empty() {
            "true".to_owned()
        } else {
            on.join(" AND ")
        };
        // A place is one's only together with the partition; alone it can be looked up at once.
        let place = match self.rows == self.table {
            true => "(tableoid, ctid)",
            false => "ctid",
        };
        let columns = place.trim_matches(['(', ')']);
        let one = format!("{place} = (SELECT {columns} FROM {table} WHERE {on} LIMIT 1)");
        if set.is_empty() {
            return format!("DELETE FROM {table} WHERE {one}");
        }
        let mut text = format!("UPDATE {table} SET ");
        for (n, &at) in set.iter().enumerate() {
            let comma = if n == 0 { "" } else { ", " };
            let value = self.parameter(known.len() + n, at);
            let _ = write!(text, "{comma}{} = {value}", self.columns[at].name);
        }
        let _ = write!(text, " WHERE {one}");
        text
    }

    /// Returns a statement that deletes as many rows of each content as are given of it, in two passes
    /// over the table. Parameters: all columns, as arrays or, for `rows` rows, one by one.
    pub(crate) fn remove_sql(&self, rows: Option<usize>) -> String {
        let all: Vec<_> = (0..self.columns.len()).collect();
        let names: Vec<_> = self
            .columns
            .iter()
            .map(|c| format!("t.{}", c.name))
            .collect();
        let (given, from) = match rows {
            None => {
                let given = all.iter().map(|at| self.staged(*at, *at));
                (given.collect::<Vec<_>>(), self.stage(&all))
            }
            Some(rows) => {
                let row = |row: usize| {
                    let values = all
                        .iter()
                        .map(|at| self.parameter(row * all.len() + at, *at));
                    format!("({})", values.collect::<Vec<_>>().join(", "))
                };
                let values: Vec<_> = (0..rows).map(row).collect();
                let names: Vec<_> = all.iter().map(|at| format!("c{at}")).collect();
                let from = format!(
                    " FROM (VALUES {}) AS s({})",
                    values.join(", "),
                    names.join(", ")
                );
                (names, from)
            }
        };
        format!(
            "WITH gone AS (SELECT {given} AS content, count(*) AS n{from} GROUP BY 1), \
             found AS (SELECT t.tableoid AS part, t.ctid AS place, g.n, \
                row_number() OVER (PARTITION BY g.content) AS nth \
                FROM {table} AS t JOIN gone AS g ON {held} = g.content) \
             DELETE FROM {table} AS t USING found AS f \
             WHERE t.tableoid = f.part AND t.ctid = f.place AND f.nth <= f.n",
            given = text_of(&given.join(", ")),
            held = text_of(&names.join(", ")),
            table = self.rows,
        )
    }

    /// Returns the `FROM` of a stage with one array parameter per column.
    fn stage(&self, columns: &[usize]) -> String {
        let (mut arrays, mut names) = (Vec::new(), Vec::new());
        for (n, &at) in columns.iter().enumerate() {
            let column = &self.columns[at];
            let element = if column.decoder.native() {
                &column.cast
            } else {
                "text"
            };
            arrays.push(format!("${}::{element}[]", n + 1));
            names.push(format!("c{n}"));
        }
        format!(
            " FROM unnest({}) AS s({})",
            arrays.join(", "),
            names.join(", ")
        )
    }

    fn staged(&self, n: usize, at: usize) -> String {
        let column = &self.columns[at];
        match column.decoder.native() {
            true => format!("s.c{n}"),
            false => format!("s.c{n}::{}", column.cast),
        }
    }

    fn parameter(&self, n: usize, at: usize) -> String {
        let column = &self.columns[at];
        match column.decoder.native() {
            true => format!("${}::{}", n + 1, column.cast),
            false => format!("${}::text::{}", n + 1, column.cast),
        }
    }
}

/// Returns the exact text of values, as their types' output has it: two are the same if it is.
fn text_of(values: &str) -> String {
    format!("ROW({values})::text COLLATE \"C\"")
}
