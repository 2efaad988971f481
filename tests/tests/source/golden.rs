//! The schemas of every table in `tests/compat/tables.sql` against those that Debezium registered.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use walbridge_lab::{Http, Lab};

use super::driver::Site;

/// Where the recorded schemas are.
const GOLDEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/compat/golden");

/// Where walbridge says something else on purpose: subject, what Debezium says, what we say.
const OURS: &[(&str, &str, &str)] = &[
    // It takes the scale -2 for 2046.
    (
        "srv.public.numeric_negative_scale-value",
        r#""scale":2046,"precision":5,"connect.version":1,"connect.parameters":{"scale":"2046","connect.decimal.precision":"5"}"#,
        r#""scale":0,"precision":7,"connect.version":1,"connect.parameters":{"scale":"0","connect.decimal.precision":"7"}"#,
    ),
    // It takes the infinite date for another day.
    (
        "srv.public.function_default-value",
        "169560311",
        "-2147472692",
    ),
];

#[test]
fn schemas_are_debeziums() -> Result<()> {
    let mut site = Site::create("golden")?;
    site.set("topic.prefix", "srv");
    for file in ["tables.sql", "rows.sql"] {
        let path = Path::new(GOLDEN).with_file_name(file);
        let sql = std::fs::read_to_string(&path)
            .with_context(|| format!("reading {}", path.display()))?;
        site.sql.run(&sql.replace(":base", "0"))?;
    }
    site.publish()?;
    site.snapshot()?;

    let registry = Lab::shared()?.east().registry().url();
    let http = Http::new()?;
    let mut wrong = Vec::new();
    let mut seen = 0;
    for entry in std::fs::read_dir(GOLDEN)? {
        let path = entry?.path();
        let name = path
            .file_name()
            .and_then(|n| n.to_str())
            .unwrap_or_default();
        let Some(subject) = name
            .strip_suffix(".json")
            .filter(|s| s.ends_with("-key") || s.ends_with("-value"))
        else {
            continue;
        };
        let mut theirs = std::fs::read_to_string(&path)?.trim().to_owned();
        for (_, said, say) in OURS.iter().filter(|(of, ..)| *of == subject) {
            ensure!(theirs.contains(said), "{subject} does not say {said}");
            theirs = theirs.replace(said, say);
        }
        match http.get(&format!("{registry}/subjects/{subject}/versions/latest")) {
            Ok(answer) => {
                let ours = answer["schema"].as_str().unwrap_or_default();
                if ours != theirs {
                    wrong.push(format!(
                        "{subject}\n  theirs {theirs}\n  ours   {ours}\n  {}",
                        difference(&theirs, ours)
                    ));
                }
            }
            Err(error) => wrong.push(format!("{subject}: {error:#}")),
        }
        seen += 1;
    }
    ensure!(seen > 100, "only {seen} schemas were recorded");
    ensure!(
        wrong.is_empty(),
        "{} of {seen} schemas differ:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    Ok(())
}

/// Says whether only the text differs, and where it begins to.
fn difference(theirs: &str, ours: &str) -> String {
    let same = theirs
        .bytes()
        .zip(ours.bytes())
        .take_while(|(a, b)| a == b)
        .count();
    let json = |text: &str| serde_json::from_str::<Value>(text).unwrap_or_default();
    let meaning = if json(theirs) == json(ours) {
        "equal but for the text"
    } else {
        "different"
    };
    format!(
        "{meaning} from byte {same}: {:.80} / {:.80}",
        &theirs[same..],
        &ours[same..]
    )
}
