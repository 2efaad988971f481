//! What one row costs: twelve mixed columns from binary (and text) to Avro, and on to binary COPY.

use std::hint::black_box;
use std::time::Instant;

use walbridge_postgres::Wire;
use walbridge_postgres::decode::ColumnDecoder;
use walbridge_postgres::encode::{ColumnEncoder, Encoded};
use walbridge_postgres::types::{Kind, PgType, TypeModes, field_type};
use walbridge_schemas::{Field, RowSchema, TableSchema};

/// Name, type modifier, text form.
const COLUMNS: [(&str, i32, &str); 12] = [
    ("int8", -1, "123456789"),
    ("int4", -1, "4711"),
    ("int2", -1, "7"),
    ("bool", -1, "t"),
    ("float8", -1, "3.25"),
    ("numeric", (12 << 16) + 2 + 4, "12345.67"),
    ("text", -1, "a text of some thirty characters"),
    ("varchar", -1, "new"),
    ("timestamptz", -1, "2026-11-04 13:51:30.123456+00"),
    ("date", -1, "2026-11-04"),
    ("uuid", -1, "123e4567-e89b-12d3-a456-426614174000"),
    ("jsonb", -1, "{\"a\": 1, \"b\": [1, 2, 3]}"),
];
const ROWS: u32 = 2_000_000;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut fields = Vec::new();
    let mut encoders = Vec::new();
    let mut types = Vec::new();
    for (name, typmod, _) in COLUMNS {
        let ty = PgType {
            oid: 0,
            schema: "pg_catalog".to_owned(),
            name: name.to_owned(),
            typmod,
            sends: true,
            kind: Kind::Base,
        };
        let field = Field::new(name, field_type(&ty, &TypeModes::default()), true, None);
        encoders.push(ColumnEncoder::new(&ty, &field, ""));
        fields.push(field);
        types.push(ty);
    }
    let table = TableSchema::new("t", fields, &(0..COLUMNS.len()).collect::<Vec<_>>());
    let schema = RowSchema::parse(&table.key_json().ok_or("no columns")?)?;
    let decoders: Vec<_> = schema
        .fields()
        .iter()
        .zip(&types)
        .map(|(field, ty)| ColumnDecoder::new(field, ty))
        .collect();

    let mut row = Vec::new();
    let text: Vec<_> = COLUMNS
        .iter()
        .map(|column| column.2.as_bytes().to_vec())
        .collect();
    encode(&encoders, Wire::Text, &text, &mut row)?;
    let mut cells = Vec::new();
    schema.split(&row, &mut cells)?;
    let mut binary = Vec::new();
    for (decoder, cell) in decoders.iter().zip(&cells) {
        let mut out = Vec::new();
        decoder.decode(cell, &mut out)?;
        binary.push(out);
    }

    for (wire, values) in [(Wire::Text, &text), (Wire::Binary, &binary)] {
        let mut out = Vec::with_capacity(1024);
        let started = Instant::now();
        for _ in 0..ROWS {
            out.clear();
            encode(&encoders, wire, black_box(values), &mut out)?;
            black_box(&out);
        }
        println!(
            "{wire:?} to Avro: {} ns per row",
            started.elapsed().as_nanos() / u128::from(ROWS)
        );
    }
    let mut out = Vec::with_capacity(1024);
    let mut cells = Vec::new();
    let started = Instant::now();
    for _ in 0..ROWS {
        out.clear();
        schema.split(black_box(&row), &mut cells)?;
        for (decoder, cell) in decoders.iter().zip(&cells) {
            decoder.copy(cell, &mut out)?;
        }
        black_box(&out);
    }
    println!(
        "Avro to COPY: {} ns per row",
        started.elapsed().as_nanos() / u128::from(ROWS)
    );
    println!("{} bytes of Avro", row.len());
    Ok(())
}

fn encode(
    encoders: &[ColumnEncoder],
    wire: Wire,
    values: &[Vec<u8>],
    out: &mut Vec<u8>,
) -> Result<(), Box<dyn std::error::Error>> {
    for (encoder, value) in encoders.iter().zip(values) {
        if encoder.encode(wire, value, out)? == Encoded::Special {
            return Err("a value is special".into());
        }
    }
    Ok(())
}
