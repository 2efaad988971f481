//! A table's rows begin to come under a definition: the target's table is made to fit.

use walbridge_connector_api::{ConnectorError, Result};
use walbridge_postgres::connect::Session;
use walbridge_postgres::ident::qualified;
use walbridge_schemas::{fingerprint, marks};

use crate::apply::{Refused, Run};
use crate::binding::Binding;
use crate::config::Evolution;
use crate::ddl;
use crate::definition::Definition;
use crate::event::{self, Event};
use crate::evolve::{Evolve, Standing};
use crate::params::Raw;
use crate::sink::Sink;
use crate::stopped::REMEDY;
use crate::table::TargetTable;

pub(crate) const REMEMBER: &str = "\
INSERT INTO walbridge.relation (link, topic, definition, loaded)
VALUES ($1, $2, $3::text::jsonb, $4)
ON CONFLICT (link, topic) DO UPDATE SET definition = EXCLUDED.definition, loaded = EXCLUDED.loaded";

impl Sink {
    /// Makes the target's table fit the event at hand and binds its plan to the table.
    pub(crate) fn adopt(&mut self, topic: usize, event: &Event) -> Result<()> {
        let stored = self.topics[topic].definition.clone();
        let definition = match self.definition(event)? {
            Some(definition) => definition,
            None => stored.clone().ok_or_else(|| self.undefined(topic))?,
        };
        if let Some(stored) = &stored
            && stored.collection() != definition.collection()
        {
            let (other, table) = (definition.collection(), stored.collection());
            return Err(event::foreign(&self.rows, event.lane, &other, &table));
        }
        let known = stored.as_ref() == Some(&definition);
        let active = self.topics[topic].active == Some(event.plan);
        if known && active && self.bindings[event.plan as usize].is_some() {
            return Ok(());
        }
        self.check_layout(&definition, event)?;
        self.flush(false)?;
        let table = self.shape(&definition, stored.as_ref(), Standing::Stay)?;
        if !known {
            let name = self.topics[topic].name.to_string();
            self.remember(&name, &definition)?;
        }
        let plan = event.plan as usize;
        let binding = Binding::new(
            &definition,
            self.rows.plans[plan].schema.row(),
            table,
            self.commits,
        )?;
        self.bindings[plan] = Some(binding);
        self.topics[topic].active = Some(event.plan);
        self.topics[topic].definition = Some(definition);
        Ok(())
    }

    /// Checks that the schema that the registry gave is the one that the rows were written with:
    /// another one may well read them, with values in the wrong columns.
    fn check_layout(&self, definition: &Definition, event: &Event) -> Result<()> {
        let row = self.rows.plans[event.plan as usize].schema.row();
        let Some(written) = &definition.layout else {
            return Ok(());
        };
        let found = fingerprint(row.fields());
        if *written == found {
            return Ok(());
        }
        let lane = &self.rows.lanes[event.lane].partition;
        let id = event::schema_id(&self.rows, event.lane)?.unwrap_or_default();
        let fields: Vec<_> = row
            .fields()
            .iter()
            .map(|field| field.name.as_str())
            .collect();
        Err(ConnectorError::stop(
            "SchemaDiffers",
            format!(
                "topic {} partition {} offset {}: under id {id} the registry has another schema than the \
                 rows of table {} were written with (layout {found} instead of {written}): {} with the \
                 fields {}",
                lane.topic,
                lane.partition,
                event.offset,
                definition.collection(),
                row.name(),
                fields.join(", "),
            ),
        )
        .remedy(
            "point the sink to the registry that the topics were written with, or restore that registry \
             with its ids; nothing of these rows was applied",
        ))
    }

    /// Returns the definition that the event at hand carries.
    fn definition(&self, event: &Event) -> Result<Option<Definition>> {
        if !event.redefines {
            return Ok(None);
        }
        let lane = &self.rows.lanes[event.lane];
        let Some(head) = lane.head() else {
            return Ok(None);
        };
        let headers = &walbridge_connector_api::Headers::new(lane.bytes(head.headers()));
        let Some(json) = headers.last(marks::RELATION) else {
            return Ok(None);
        };
        serde_json::from_slice(json).map(Some).map_err(|e| {
            let cause = format!("its table definition: {e}");
            event::unreadable(&self.rows, event.lane, &cause)
        })
    }

    fn undefined(&self, topic: usize) -> ConnectorError {
        ConnectorError::stop(
            "IncompatibleTable",
            format!(
                "topic {}: rows come, but no definition of their table ever came",
                self.topics[topic].name
            ),
        )
        .remedy(REMEDY)
    }

    /// Creates or alters the target's table, in the open transaction, and returns it as it is then;
    /// `former` is the definition that the link has written by until now.
    pub(crate) fn shape(
        &mut self,
        definition: &Definition,
        former: Option<&Definition>,
        rows: Standing,
    ) -> Result<TargetTable> {
        self.shape_types(definition)?;
        let (schema, name) = (&definition.schema, &definition.table);
        let load = |sink: &mut Self| {
            TargetTable::load(&sink.target.session, &mut sink.types, schema, name)
        };
        let found = load(self)?;
        if let Some(table) = &found
            && rows == Standing::Stay
            && let Some(error) = ddl::unknown_values(definition, table)
            && self.has_rows(definition)?
        {
            return Err(error);
        }
        let statements = match &found {
            Some(table) => Evolve {
                wanted: definition,
                former,
                table,
                evolution: self.config.evolution,
                rows,
            }
            .statements()?,
            None if self.config.evolution >= Evolution::Basic => ddl::create(definition),
            None => {
                return Err(ConnectorError::stop(
                    "IncompatibleTable",
                    format!("table {} is not there", definition.collection()),
                )
                .remedy(format!(
                    "set schema.evolution to basic, or run at the target: {};",
                    ddl::create(definition).join("; ")
                )));
            }
        };
        match found {
            Some(table) if statements.is_empty() => return Ok(table),
            _ => {}
        }
        tracing::info!(
            table = definition.collection(),
            ?statements,
            "altering the target"
        );
        self.ddl(&statements.join("; "), definition)?;
        self.target.forget();
        load(self)?.ok_or_else(|| {
            ConnectorError::retry(
                "Interrupted",
                format!("table {} vanished", definition.collection()),
            )
        })
    }

    /// Returns whether the target's table has rows.
    pub(crate) fn has_rows(&self, definition: &Definition) -> Result<bool> {
        let table = qualified(&definition.schema, &definition.table);
        let exists = format!("SELECT EXISTS (SELECT 1 FROM {table})");
        let rows = self.target.session.query(&exists, &[])?;
        Ok(rows.first().is_some_and(|row| row.get(0)))
    }

    /// Runs statements in the open transaction.
    fn ddl(&mut self, sql: &str, definition: &Definition) -> Result<()> {
        let mut run = Run::new(
            &mut self.target,
            &self.rows,
            &self.bindings,
            &self.config.link,
        );
        run.sql(sql);
        run.send().map_err(|refused| {
            let error = refused.error();
            match error.name() {
                "MissingPrivilege" => error.remedy(
                    "let the sink's user own the table and create in its schema and database",
                ),
                "DatabaseError" | "StandbyDiverged" => ConnectorError::stop(
                    "IncompatibleTable",
                    format!("table {}: {error}", definition.collection()),
                )
                .remedy(format!(
                    "run at the target what fits, then restart the task: {sql};"
                )),
                _ => error,
            }
        })
    }

    /// Creates the enum types of a definition and adds labels that are new.
    fn shape_types(&mut self, definition: &Definition) -> Result<()> {
        for column in &definition.columns {
            let Some(labels) = &column.labels else {
                continue;
            };
            let base = column.type_name.trim_end_matches("[]");
            let rows = self.target.session.query(
                "SELECT to_regtype($1) IS NOT NULL, coalesce((SELECT array_agg(enumlabel::text
                    ORDER BY enumsortorder) FROM pg_enum WHERE enumtypid = to_regtype($1)), '{}')",
                &[&base],
            )?;
            let (there, existing): (bool, Vec<String>) = rows
                .first()
                .map(|row| (row.get(0), row.get(1)))
                .unwrap_or_default();
            let statements = ddl::labels(base, labels, there.then_some(&existing[..]));
            if statements.is_empty() {
                continue;
            }
            tracing::info!(ty = base, ?statements, "altering the target");
            if there {
                // A label cannot be used in the transaction that adds it: it is added beside it.
                let session = Session::open(&self.config.connection)?;
                session.execute("SET search_path = pg_catalog, public")?;
                for statement in &statements {
                    session.execute(statement)?;
                }
            } else {
                let (schema, _) = ddl::split_type(base);
                let create = schema.map(|s| format!("CREATE SCHEMA IF NOT EXISTS {s}; "));
                let sql = create.unwrap_or_default() + &statements.join("; ");
                self.ddl(&sql, definition)?;
            }
            self.types = walbridge_postgres::types::TypeCatalog::new();
        }
        Ok(())
    }

    /// Stores a definition, in the open transaction.
    pub(crate) fn remember(&mut self, topic: &str, definition: &Definition) -> Result<()> {
        let json = serde_json::to_string(definition).unwrap_or_default();
        let params = vec![
            Raw::text(&self.config.link),
            Raw::text(topic),
            Raw::text(&json),
            Raw::long(0),
        ];
        let mut run = Run::new(
            &mut self.target,
            &self.rows,
            &self.bindings,
            &self.config.link,
        );
        run.statement(REMEMBER, params, Some(1))?;
        run.send().map_err(Refused::error)
    }
}
