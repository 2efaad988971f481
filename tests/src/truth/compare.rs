//! Two databases, row by row.

use anyhow::Result;

use crate::sql::Sql;

/// How many differing rows of a table are shown.
const SHOWN: usize = 3;

/// Compares all rows and all columns of `tables` in two databases, each value as its text, and
/// returns what differs. Nothing may be writing.
///
/// # Errors
/// If one of them cannot be read.
pub fn compare(east: &Sql, west: &Sql, tables: &[&str]) -> Result<Vec<String>> {
    let mut differences = Vec::new();
    for table in tables {
        let columns = columns(east, table)?;
        let there = self::columns(west, table)?;
        let mut sorted = (columns.clone(), there.clone());
        sorted.0.sort();
        sorted.1.sort();
        if sorted.0 != sorted.1 {
            differences.push(format!(
                "{table}: columns {columns:?} there, {there:?} here"
            ));
            continue;
        }
        let (left, right) = (rows(east, table, &columns)?, rows(west, table, &columns)?);
        if left != right {
            differences.push(describe(table, &left, &right));
        }
    }
    Ok(differences)
}

/// Compares the definitions of `tables`: names, types and keys of the columns.
///
/// # Errors
/// If one of them cannot be read.
pub fn compare_definitions(east: &Sql, west: &Sql, tables: &[&str]) -> Result<Vec<String>> {
    let mut differences = Vec::new();
    for table in tables {
        let query = format!(
            "select format('%s %s%s', a.attname, format_type(a.atttypid, a.atttypmod), \
             case when a.attnum = any(i.indkey) then ' key' else '' end) \
             from pg_attribute a left join pg_index i on i.indrelid = a.attrelid and i.indisprimary \
             where a.attrelid = 'public.{table}'::regclass and a.attnum > 0 and not a.attisdropped \
             order by a.attname"
        );
        let (left, right) = (east.texts(&query)?, west.texts(&query)?);
        for column in left.iter().filter(|column| !right.contains(column)) {
            differences.push(format!("{table}: {column:?} is not in {right:?}"));
        }
    }
    Ok(differences)
}

fn columns(sql: &Sql, table: &str) -> Result<Vec<String>> {
    sql.texts(&format!(
        "select attname::text from pg_attribute where attrelid = to_regclass('public.{table}') \
         and attnum > 0 and not attisdropped order by attnum"
    ))
}

fn rows(sql: &Sql, table: &str, columns: &[String]) -> Result<Vec<String>> {
    let texts: Vec<_> = columns
        .iter()
        .map(|name| format!("\"{name}\"::text"))
        .collect();
    let list = texts.join(", ");
    let mut rows = sql.texts(&format!(
        "select to_json(array[{list}]::text[])::text from public.{table}"
    ))?;
    rows.sort_unstable();
    Ok(rows)
}

/// Says how many rows differ and shows the first.
fn describe(table: &str, left: &[String], right: &[String]) -> String {
    let only = |a: &[String], b: &[String]| -> Vec<String> {
        let mut rest = b.iter().peekable();
        let mut only = Vec::new();
        for line in a {
            while rest.peek().is_some_and(|other| *other < line) {
                rest.next();
            }
            if rest.peek() == Some(&line) {
                rest.next();
            } else {
                only.push(line.chars().take(600).collect());
            }
        }
        only
    };
    let (lost, invented) = (only(left, right), only(right, left));
    format!(
        "{table}: {} rows there, {} here; {} missing, such as {:?}; {} not there, such as {:?}",
        left.len(),
        right.len(),
        lost.len(),
        &lost[..lost.len().min(SHOWN)],
        invented.len(),
        &invented[..invented.len().min(SHOWN)]
    )
}
