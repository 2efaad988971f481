//! Values in binary and in text, to Avro, to the judge, and back into a table.

use std::error::Error;

use anyhow::{Context, Result, ensure};
use apache_avro::Schema;
use apache_avro::reader::datum::GenericDatumReader;
use bytes::{BufMut, BytesMut};
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type};
use walbridge_lab::{Lab, Session};
use walbridge_postgres::Wire;
use walbridge_postgres::decode::ColumnDecoder;
use walbridge_postgres::encode::{ColumnEncoder, Encoded, SESSION_SETTINGS};
use walbridge_postgres::types::{PgType, TypeCatalog, TypeModes, field_type};
use walbridge_schemas::{Field, RowSchema, TableSchema};

use super::values::{SETUP, VALUES};

/// A value's binary form, whatever the type.
#[derive(Debug)]
struct Raw(Vec<u8>);

impl<'a> FromSql<'a> for Raw {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
        Ok(Self(raw.to_vec()))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

impl ToSql for Raw {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        out.put_slice(&self.0);
        Ok(IsNull::No)
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    tokio_postgres::types::to_sql_checked!();
}

#[test]
fn every_value_comes_back_as_it_was() -> Result<()> {
    let postgres = Lab::shared()?.west().postgres();
    postgres.create_database("types")?;
    let sql = Session::open(&postgres.url("types"))?;
    for (name, value) in SESSION_SETTINGS {
        sql.run(&format!("set {name} = '{value}'"))?;
    }
    sql.run(SETUP)?;
    let mut catalog = TypeCatalog::new();
    for row in sql.query(TypeCatalog::QUERY, &[])? {
        let mut parts: [Option<String>; 8] = Default::default();
        for (i, part) in parts.iter_mut().enumerate() {
            *part = row.try_get(i)?;
        }
        catalog
            .insert(&parts.each_ref().map(Option::as_deref))
            .context("a row of the catalog")?;
    }

    let mut wrong = Vec::new();
    for (name, values) in VALUES {
        for (required, nulls) in [(true, "not null"), (false, "")] {
            let trial = Trial::begin(&sql, &catalog, name, nulls, required)?;
            for value in *values {
                if let Err(error) = trial.value(value) {
                    wrong.push(format!("{name} {nulls} {value}: {error:#}"));
                }
            }
        }
    }
    ensure!(
        wrong.is_empty(),
        "{} values:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    Ok(())
}

/// One type on trial.
struct Trial<'a> {
    sql: &'a Session,
    name: &'a str,
    encoder: ColumnEncoder,
    schema: String,
    row: RowSchema,
    decoder: ColumnDecoder,
    texter: ColumnDecoder,
    sends: bool,
}

impl<'a> Trial<'a> {
    fn begin(
        sql: &'a Session,
        catalog: &TypeCatalog,
        name: &'a str,
        nulls: &str,
        required: bool,
    ) -> Result<Self> {
        sql.run(&format!("drop table if exists source, target; create table source(v {name} {nulls}); create table target(v {name})"))?;
        let row = sql.query("select atttypid, atttypmod from pg_attribute where attrelid = 'source'::regclass and attnum = 1", &[])?;
        let (oid, typmod): (u32, i32) = (row[0].try_get(0)?, row[0].try_get(1)?);
        let ty: PgType = catalog
            .resolve(oid, typmod)
            .with_context(|| format!("{name} does not resolve"))?;
        ensure!(ty.reads_binary(), "{name}'s binary form is not read");
        let field = Field::new("v", field_type(&ty, &TypeModes::default()), !required, None);
        let schema = TableSchema::new("types", vec![field.clone()], &[0])
            .key_json()
            .context("no key")?;
        let row = RowSchema::parse(&schema)?;
        let read = &row.fields()[0];
        ensure!(
            read.ty == field.ty,
            "{:?} is read back as {:?}",
            field.ty,
            read.ty
        );
        Ok(Self {
            sql,
            name,
            encoder: ColumnEncoder::new(&ty, &field, "unavailable"),
            decoder: ColumnDecoder::new(read, &ty),
            texter: ColumnDecoder::text(read, &ty),
            sends: ty.sends,
            schema,
            row,
        })
    }

    fn value(&self, literal: &str) -> Result<()> {
        let name = self.name;
        self.sql.run("truncate source, target")?;
        self.sql.run(&format!(
            "insert into source values ('{}'::{name})",
            literal.replace('\'', "''")
        ))?;
        let text: String = self.sql.one("select format('%s', v) from source")?;
        let mut forms = vec![(Wire::Text, text.clone().into_bytes())];
        if self.sends {
            let Raw(binary) = self.sql.one("select v from source")?;
            forms.push((Wire::Binary, binary));
        }

        let mut seen: Option<(Vec<u8>, Encoded)> = None;
        for (wire, bytes) in &forms {
            let mut avro = Vec::new();
            let encoded = self.encoder.encode(*wire, bytes, &mut avro)?;
            let mut special = Vec::new();
            self.encoder.special_text(*wire, bytes, &mut special)?;
            ensure!(
                special == text.as_bytes(),
                "{wire:?} prints {:?}, not {text:?}",
                String::from_utf8_lossy(&special)
            );
            let now = (avro, encoded);
            match &seen {
                None => seen = Some(now),
                Some(before) => ensure!(*before == now, "text gives {before:?}, binary {now:?}"),
            }
        }
        let (avro, encoded) = seen.context("no form")?;
        self.judge(&avro)?;

        for decoder in [&self.decoder, &self.texter] {
            let mut decoded = Vec::new();
            match encoded {
                Encoded::Exact => ensure!(decoder.decode(&avro, &mut decoded)?, "a value is null"),
                Encoded::Special => decoder.decode_special(text.as_bytes(), &mut decoded)?,
            }
            if decoder.native()
                && let Some((_, binary)) = forms.get(1)
            {
                ensure!(
                    decoded == *binary,
                    "{encoded:?}: the binary form is {decoded:?}, not {binary:?}"
                );
            }
            self.insert(decoder.native(), &decoded)?;
            let back: String = self.sql.one("select format('%s', v) from target")?;
            ensure!(back == text, "{encoded:?}: {back:?} came back for {text:?}");
        }
        Ok(())
    }

    /// Lets apache-avro read the field, and splits the row.
    fn judge(&self, avro: &[u8]) -> Result<()> {
        let schema = Schema::parse_str(&self.schema)?;
        let mut rest = avro;
        GenericDatumReader::builder(&schema)
            .build()?
            .read_value(&mut rest)?;
        ensure!(rest.is_empty(), "{} bytes left by apache-avro", rest.len());
        let mut fields = Vec::new();
        self.row.split(avro, &mut fields)?;
        ensure!(fields == [avro], "the row is split into {fields:?}");
        for len in 0..avro.len() {
            let mut out = Vec::new();
            let _ = self.decoder.decode(&avro[..len], &mut out);
            let _ = self.texter.decode(&avro[..len], &mut out);
        }
        Ok(())
    }

    fn insert(&self, native: bool, value: &[u8]) -> Result<()> {
        self.sql.run("truncate target")?;
        if native {
            self.sql
                .execute("insert into target values ($1)", &[&Raw(value.to_vec())])?;
        } else {
            let text = std::str::from_utf8(value)?;
            let cast = format!("insert into target values (($1::text)::{})", self.name);
            self.sql.execute(&cast, &[&text])?;
        }
        Ok(())
    }
}
