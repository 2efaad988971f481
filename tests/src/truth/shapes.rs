//! Shapes of transactions that once led to a wrong standby, and stay in the load for that reason.

use anyhow::Result;
use rand::Rng;

use super::operations::{Piece, Writing, scribble};

/// How many tables [`spread_thin`] writes to: `small_01` and so on.
const SMALL: u32 = 12;

/// How many columns [`redefine`] adds before it only changes the replica identity.
const ADDED: i64 = 8;

/// Pieces that native logical replication carries too, with how often each is chosen.
pub(super) const CARRIED: &[(u32, Piece)] = &[
    (2, truncate_moved_rows),
    (4, change_special_numbers),
    (3, change_special_times),
    (4, spread_thin),
];

/// Pieces that native logical replication does not carry: it has no definitions, and takes rows
/// for alike that are merely equal.
pub(super) const BEYOND_NATIVE: &[(u32, Piece)] = &[(2, redefine), (4, change_shades)];

/// Moves rows to keys of their own, then truncates the table, all in one transaction.
fn truncate_moved_rows(w: &mut Writing<'_>) -> Result<()> {
    scribble(w)?;
    w.change(
        "scratch",
        2,
        "update scratch set id = id + 1000000 where id % 3 = 0 and id < 1000000",
    )?;
    w.truncate("scratch")?;
    if w.dice.random_bool(0.7) {
        scribble(w)?;
    }
    Ok(())
}

/// Changes rows whose keys are numbers for which Avro has no exact form, several at once.
fn change_special_numbers(w: &mut Writing<'_>) -> Result<()> {
    let x = w.dice.random_range(0..1_000_000);
    match x % 4 {
        0 => w.change("odd_number", 1, "insert into odd_number values (0, 'zero'), ('NaN', 'nan'), ('Infinity', 'inf'), ('-Infinity', '-inf'), (1.5, 'usual'), (-0.5, 'less') on conflict do nothing")?,
        1 => w.change("odd_number", 1, &format!("update odd_number set v = k || ' {x}'"))?,
        2 => {
            w.change("odd_number", 1, "delete from odd_number where k = 'Infinity'")?;
            w.change("odd_number", 1, &format!("insert into odd_number values ('NaN', 'n{x}') on conflict do nothing"))?
        }
        _ => {
            w.change("odd_number", 1, "delete from odd_number where k = 0")?;
            w.change("odd_number", 2, "update odd_number set k = 0 where k = 'NaN'")?
        }
    };
    Ok(())
}

/// Does the same to keys of times with zones and of intervals, which look alike in Avro.
fn change_special_times(w: &mut Writing<'_>) -> Result<()> {
    let x = w.dice.random_range(0..1_000_000);
    w.change(
        "odd_time",
        1,
        "insert into odd_time select t, d, 'new' from \
         unnest('{12:00+00,13:00+01,11:00-01}'::timetz[]) t, \
         unnest('{1 mon,30 days 10:30:00,1 year}'::interval[]) d on conflict do nothing",
    )?;
    w.change(
        "odd_time",
        1,
        &format!(
            "update odd_time set v = t || ' ' || d || ' {x}' where extract(timezone from t) <> 0"
        ),
    )?;
    if x % 3 == 0 {
        w.change(
            "odd_time",
            1,
            "delete from odd_time where t = '13:00+01' and d = '1 mon'",
        )?;
    }
    Ok(())
}

/// Writes to several of many small tables.
fn spread_thin(w: &mut Writing<'_>) -> Result<()> {
    for _ in 0..5 {
        let table = format!("small_{:02}", w.dice.random_range(1..=SMALL));
        let id = w.dice.random_range(1..20);
        w.change(
            &table,
            1,
            &format!("insert into {table} values ({id}, 'n') on conflict do nothing"),
        )?;
        w.change(
            &table,
            1,
            &format!("update {table} set v = v || '+' where id = {id} and length(v) < 50"),
        )?;
    }
    Ok(())
}

/// Changes a table's definition between two changes of one row.
fn redefine(w: &mut Writing<'_>) -> Result<()> {
    let id = w.dice.random_range(1..30);
    w.change(
        "altered",
        1,
        &format!("insert into altered (id, a) values ({id}, 'new') on conflict do nothing"),
    )?;
    w.change(
        "altered",
        1,
        &format!("update altered set a = 'OLD' where id = {id}"),
    )?;
    alter(w)?;
    w.change(
        "altered",
        1,
        &format!("update altered set a = 'NEW' where id = {id}"),
    )?;
    w.change(
        "altered",
        1,
        &format!("insert into altered (id, a) values ({id} + 100, 'q') on conflict do nothing"),
    )?;
    alter(w)?;
    w.change(
        "altered",
        1,
        &format!("delete from altered where id = {id} + 100"),
    )?;
    Ok(())
}

/// Adds a column, or changes the replica identity once there are enough.
fn alter(w: &mut Writing<'_>) -> Result<()> {
    w.sql.run("lock table altered in access exclusive mode")?;
    let added = w.sql.number(
        "select count(*) from pg_attribute where attrelid = 'altered'::regclass and attname ~ '^c[0-9]+$'",
    )?;
    if added < ADDED && w.dice.random_bool(0.5) {
        return w
            .sql
            .run(&format!("alter table altered add column c{added} text"));
    }
    let identity = if w.dice.random_bool(0.5) {
        "full"
    } else {
        "default"
    };
    w.sql
        .run(&format!("alter table altered replica identity {identity}"))
}

/// Changes single rows of a table without a key, among rows that are equal and not alike.
fn change_shades(w: &mut Writing<'_>) -> Result<()> {
    let x = w.dice.random_range(0..1_000_000);
    w.change(
        "shade",
        1,
        "insert into shade values (-0.0::float8, 1.0, 'a'), (0.0, 1.00, 'a'), (0.0, 1.0, 'a'), ('NaN', 'NaN', 'a')",
    )?;
    w.change(
        "shade",
        1,
        &format!("update shade set tag = 'b{x}' where ctid = (select ctid from shade order by random() limit 1)"),
    )?;
    w.change(
        "shade",
        1,
        "delete from shade where ctid in (select ctid from shade order by random() limit 4)",
    )?;
    Ok(())
}
