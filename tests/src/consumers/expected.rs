//! What a consumer must see of a row, computed by the database itself: one SQL expression per type
//! that yields the JSON which the consumers print for Debezium's form of the value.

use anyhow::{Context, Result};
use serde_json::Value;

use super::canonical;
use crate::sql::Sql;

/// The columns of a table with their types, domains looked through: type, modifier, is an array.
const COLUMNS: &str = "
    with recursive typed as (
        select a.attnum, a.attname, a.atttypid as type, a.atttypmod as modifier
        from pg_attribute a
        where a.attrelid = $1::text::regclass and a.attnum > 0 and not a.attisdropped and a.attgenerated = ''
        union all
        select d.attnum, d.attname, t.typbasetype, case when t.typtypmod >= 0 then t.typtypmod else d.modifier end
        from typed d join pg_type t on t.oid = d.type where t.typtype = 'd'
    )
    select d.attname::text,
        format_type(case when t.typcategory = 'A' then t.typelem else t.oid end, d.modifier),
        t.typcategory = 'A'
    from typed d join pg_type t on t.oid = d.type where t.typtype <> 'd' order by d.attnum";

/// A table as consumers must see it.
#[derive(Debug)]
pub struct Table {
    /// The names of its fields.
    pub fields: Vec<String>,
    /// Its rows, in the order of [`super::Images::rows`].
    pub rows: Vec<Value>,
}

/// Returns what consumers must see of a table.
///
/// # Errors
/// If the database refuses.
pub fn table(sql: &Sql, table: &str) -> Result<Table> {
    let (mut fields, mut pairs) = (Vec::new(), Vec::new());
    for row in sql.query(COLUMNS, &[&table])? {
        let (name, ty, array): (String, String, bool) =
            (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
        let column = format!("\"{name}\"");
        let shown = match array {
            false => expression(&ty, &column),
            true => format!(
                "case when {column} is not null then coalesce((select json_agg({} order by n) \
                 from unnest({column}) with ordinality u(e, n)), '[]') end",
                expression(&ty, "e")
            ),
        };
        fields.push(adjusted(&name));
        pairs.push(format!("'{}', {shown}", adjusted(&name)));
    }
    let texts = sql.texts(&format!(
        "select json_build_object({})::text from {table}",
        pairs.join(", ")
    ))?;
    let parsed: Result<Vec<Value>> = texts
        .iter()
        .map(|text| {
            Ok(canonical(
                &serde_json::from_str(text).with_context(|| text.clone())?,
            ))
        })
        .collect();
    let mut rows = parsed?;
    rows.sort_by_key(Value::to_string);
    Ok(Table { fields, rows })
}

/// Returns the name that an Avro field gets.
fn adjusted(name: &str) -> String {
    let legal = name.chars().map(|c| {
        if c.is_ascii_alphanumeric() || c == '_' {
            c
        } else {
            '_'
        }
    });
    let legal: String = legal.collect();
    match legal.starts_with(|c: char| c.is_ascii_digit()) {
        true => format!("_{legal}"),
        false => legal,
    }
}

/// Returns an expression for one value.
fn expression(ty: &str, x: &str) -> String {
    let precision = ty
        .split_once('(')
        .and_then(|(_, rest)| rest.split(')').next());
    let precision = precision.and_then(|text| text.parse::<u32>().ok());
    let base = ty.split(['(', ' ']).next().unwrap_or(ty);
    let zoned = ty.contains("with time zone");
    let fine = precision.is_none_or(|digits| digits > 3);
    let unit = if fine { "1e6" } else { "1e3" };
    let value = match base {
        "boolean" | "smallint" | "integer" | "bigint" => format!("to_jsonb({x})"),
        "oid" => format!("to_jsonb({x}::bigint)"),
        // Not jsonb, which writes the largest with all its digits.
        "real" | "double" => format!("to_json({x}::float8)"),
        "numeric" | "money" => format!("jsonb_build_object('decimal', ({x}::numeric)::text)"),
        "bytea" => {
            format!("jsonb_build_object('bytes', translate(encode({x}, 'base64'), E'\\n', ''))")
        }
        "hstore" => format!(
            "to_jsonb(replace(replace(hstore_to_json({x})::text, '\": ', '\":'), ', \"', ',\"'))"
        ),
        "date" => format!(
            "case {x} when 'infinity' then to_jsonb(-2147472692) when '-infinity' then to_jsonb(-2147472691) \
             else to_jsonb({x} - date '1970-01-01') end"
        ),
        "time" if zoned => format!("to_jsonb(replace(timezone('UTC', {x})::text, '+00', 'Z'))"),
        "time" => format!("to_jsonb((extract(epoch from {x}) * {unit})::bigint)"),
        "timestamp" if zoned => format!("to_jsonb({})", instant(x, precision.unwrap_or(6))),
        "timestamp" => format!(
            "case {x} when 'infinity' then to_jsonb(9223372036825200000 / (1e6 / {unit})::bigint) \
             when '-infinity' then to_jsonb(-9223372036832400000 / (1e6 / {unit})::bigint) \
             else to_jsonb((extract(epoch from {x}) * {unit})::bigint) end"
        ),
        "interval" => format!(
            "to_jsonb((((extract(year from {x}) * 12 + extract(month from {x})) * 30.4375 + extract(day from {x})) * 86400e6 \
             + extract(hour from {x}) * 3600e6 + extract(minute from {x}) * 60e6 + extract(microseconds from {x}))::bigint)"
        ),
        "bit" if !ty.contains("varying") && precision.unwrap_or(1) == 1 => {
            format!("to_jsonb({x} = B'1')")
        }
        "bit" if precision == Some(1) => format!("to_jsonb({x} = B'1')"),
        "bit" => bits(x),
        "point" => format!(
            "jsonb_build_object('x', {x}[0], 'y', {x}[1], 'srid', null, 'wkb', jsonb_build_object('bytes', \
             encode('\\x0101000000' || {} || {}, 'base64')))",
            little_endian(&format!("{x}[0]")),
            little_endian(&format!("{x}[1]"))
        ),
        // The text form; a cast to text would lose the padding of char(n).
        _ => format!("to_jsonb(format('%s', {x}))"),
    };
    format!("case when {x} is not null then {value} end")
}

/// Writes an instant as ISO 8601 in UTC; years have four digits, more with a sign, and year 0.
fn instant(x: &str, precision: u32) -> String {
    let utc = format!("timezone('UTC', {x})");
    let fraction = if precision == 0 {
        String::new()
    } else {
        format!(".FF{precision}")
    };
    let rest = format!("-MM-DD\"T\"HH24:MI:SS{fraction}\"Z\"");
    format!(
        "case when {x} in ('infinity', '-infinity') then {x}::text \
         when extract(year from {utc}) < 0 then '-' || lpad((-1 - extract(year from {utc}))::text, 4, '0') || to_char({utc}, '{rest}') \
         when extract(year from {utc}) > 9999 then '+' || to_char({utc}, 'YYYY{rest}') \
         else to_char({utc}, 'YYYY{rest}') end"
    )
}

/// The bits as a number, least byte first, as few bytes as possible.
fn bits(x: &str) -> String {
    let reversed = format!("reverse(lpad({x}::text, 64, '0'))");
    format!(
        "jsonb_build_object('bytes', coalesce((select encode(string_agg(set_byte('\\x00', 0, \
         reverse(substr({reversed}, n * 8 + 1, 8))::bit(8)::int), ''::bytea order by n), 'base64') \
         from generate_series(0, 7) n where strpos(substr({reversed}, n * 8 + 1), '1') > 0), ''))"
    )
}

fn little_endian(x: &str) -> String {
    format!(
        "(select string_agg(substring(float8send({x}) from n for 1), '' order by n desc) from generate_series(1, 8) n)"
    )
}
