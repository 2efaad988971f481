//! Other people's consumers, and schemas equal to Debezium's.
//!
//! The source runs over `compat/tables.sql`, `rows.sql` and `changes.sql`, for which the real
//! Debezium's schemas are recorded in `compat/golden`.

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use walbridge_lab::{Http, Lab};
use walbridge_tests::chain::{Chain, End, Part, Plan, Shape};
use walbridge_tests::consumers::{Images, Reader, by_table, expected, folder, goldens};
use walbridge_tests::sql::Sql;

/// The prefix of Debezium's recording, so also the database's name here.
const PREFIX: &str = "srv";

/// Subjects whose schema is meant to be another than Debezium's, and why.
const DIFFERENT: [(&str, &str); 2] = [
    (
        "srv.public.numeric_negative_scale-value",
        "Debezium reads the scale -2 as 2046 and writes 852 bytes for every value",
    ),
    (
        "srv.public.function_default-value",
        "Debezium takes a default of date 'infinity' for another day",
    ),
];

/// Topics that Avro's own libraries do not read as Debezium means them: they want scale <= precision.
const ONLY_FOR_CONNECT: [&str; 1] = ["!srv.public.numeric_scale_over_precision"];

#[test]
fn consumers_agree_with_the_database_and_schemas_with_debezium() -> Result<()> {
    let lab = Lab::shared()?;
    let _peace = lab.peace();
    let mut plan = Plan::new(PREFIX, Shape::OneSite);
    plan.source = serde_json::json!({ "schema.include.list": null });
    let mut chain = Chain::prepare(lab, plan)?;
    let sql = Sql::connect(&chain.east())?;
    run(&sql, "tables.sql", "0")?;
    run(&sql, "rows.sql", "0")?;
    // Some tables have no key and no identity, as Debezium was shown them.
    sql.run(&format!("create publication {PREFIX} for all tables"))?;
    chain.start_worker(End::East, None)?;
    chain.create(Part::Source)?;
    // What follows is to come through the stream.
    chain.wait_snapshot()?;
    run(&sql, "rows.sql", "100")?;
    run(&sql, "changes.sql", "100")?;
    chain.wait_confirmed()?;

    // What is wrong in one comparison helps to understand what is wrong in another.
    let mut wrong = Vec::new();
    for reader in Reader::ALL {
        let mut topics = vec!["srv.*"];
        if reader != Reader::JavaConverter {
            topics.extend(ONLY_FOR_CONNECT);
        }
        let compared = compare_rows(reader, &topics, &sql, lab);
        wrong.extend(compared.err().map(|error| format!("{reader:?}: {error:#}")));
    }
    let compared = compare_schemas(&lab.east().registry().url());
    wrong.extend(compared.err().map(|error| format!("{error:#}")));
    ensure!(wrong.is_empty(), "{}", wrong.join("\n"));
    Ok(())
}

/// Runs a file of statements, each of which is a transaction unless the file says otherwise.
fn run(sql: &Sql, file: &str, base: &str) -> Result<()> {
    let text = std::fs::read_to_string(folder().join(file))?.replace(":base", base);
    let mut block = String::new();
    for statement in statements(&text) {
        block.push_str(&statement);
        match statement.trim() {
            "begin;" => continue,
            _ if block.starts_with("begin;")
                && !["commit;", "rollback;"].contains(&statement.trim()) =>
            {
                continue;
            }
            _ => sql
                .run(&std::mem::take(&mut block))
                .with_context(|| file.to_owned())?,
        }
    }
    Ok(())
}

/// Splits at semicolons that end a line; that is how the files are written.
fn statements(text: &str) -> Vec<String> {
    let mut found = vec![String::new()];
    for line in text.lines().filter(|line| !line.starts_with("--")) {
        if let Some(last) = found.last_mut() {
            last.push_str(line);
            last.push('\n');
        }
        if line.ends_with(';') {
            found.push(String::new());
        }
    }
    let statements = found.into_iter().map(|text| text.trim_start().to_owned());
    statements.filter(|text| !text.is_empty()).collect()
}

/// Compares what the registry shows with what it shows when Debezium is the one who registers.
fn compare_schemas(registry: &str) -> Result<()> {
    let http = Http::new()?;
    let (mut wrong, mut respelt) = (Vec::new(), 0);
    for (subject, text) in goldens()? {
        let meant = DIFFERENT.iter().any(|(different, _)| *different == subject);
        let answer = http.get(&format!("{registry}/subjects/{subject}/versions/latest"));
        let Ok(answer) = answer else {
            wrong.push(format!("{subject}: nothing is registered"));
            continue;
        };
        let ours = answer["schema"]
            .as_str()
            .context("the registry answered no schema")?;
        let (same, golden): (Value, Value) =
            (serde_json::from_str(ours)?, serde_json::from_str(&text)?);
        if (same == golden) == meant {
            wrong.push(format!("{subject}:\n  ours     {ours}\n  Debezium {text}"));
        } else if ours != text && !meant {
            respelt += 1;
            eprintln!(
                "{subject} is the same but spelt otherwise:\n  ours     {ours}\n  Debezium {text}"
            );
        }
    }
    eprintln!("{respelt} schemas are spelt otherwise");
    ensure!(
        wrong.is_empty(),
        "{} subjects:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    Ok(())
}

/// Replays what a consumer reads and compares the rows that come out with the database's.
fn compare_rows(reader: Reader, topics: &[&str], sql: &Sql, lab: &Lab) -> Result<()> {
    let records = reader.read(lab.east(), topics)?;
    let tables = by_table(&records, "srv.transaction")?;
    let streamed = records.iter().filter(|record| record.is_streamed()).count();
    ensure!(
        streamed > 100,
        "only {streamed} changes came through the stream"
    );
    let known = sql.texts(
        "select format('%I.%I', schemaname, tablename) from pg_tables
         where schemaname not in ('pg_catalog', 'information_schema') order by 1",
    )?;
    let mut wrong = Vec::new();
    for table in known {
        let topic = format!("{PREFIX}.{}", table.replace('"', "").replace(' ', "_"));
        if topics.contains(&format!("!{topic}").as_str()) {
            continue;
        }
        let expected = expected::table(sql, &table)?;
        let events = tables.get(&topic).map(Vec::as_slice).unwrap_or_default();
        let found = Images::replay(events, &expected.fields)
            .with_context(|| topic.clone())?
            .rows();
        if found.len() != expected.rows.len() {
            wrong.push(format!(
                "{table}: {} rows, not {}",
                found.len(),
                expected.rows.len()
            ));
        }
        for (found, expected) in found.iter().zip(&expected.rows) {
            let fields = expected.as_object().into_iter().flatten();
            for (name, value) in fields.filter(|(name, value)| found[*name] != **value) {
                wrong.push(format!(
                    "{table}.{name}: {} in the topic, {value} in the table",
                    found[name]
                ));
            }
        }
    }
    ensure!(
        wrong.is_empty(),
        "{} differences:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    Ok(())
}
