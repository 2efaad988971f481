//! What the load does: small pieces of transactions, each of which counts the events it must cause.

use std::collections::BTreeMap;

use anyhow::Result;
use rand::Rng;
use rand::rngs::StdRng;

use crate::sql::Sql;

/// How many events each table must give rise to.
pub type Events = BTreeMap<String, u64>;

/// A transaction being written.
pub(super) struct Writing<'a> {
    /// The session it is written in.
    pub(super) sql: &'a Sql,
    /// What it must cause so far.
    pub(super) events: Events,
    /// Where its choices come from.
    pub(super) dice: &'a mut StdRng,
    /// How many rows a big piece has.
    pub(super) big: u32,
}

impl Writing<'_> {
    /// Runs a statement each of whose rows causes `each` events of `table`.
    pub(super) fn change(&mut self, table: &str, each: u64, statement: &str) -> Result<u64> {
        let rows = self.sql.execute(statement, &[])?;
        if rows > 0 {
            *self.events.entry(format!("public.{table}")).or_default() += rows * each;
        }
        Ok(rows)
    }

    /// Truncates a table, which is one event.
    pub(super) fn truncate(&mut self, table: &str) -> Result<()> {
        self.sql.run(&format!("truncate {table}"))?;
        *self.events.entry(format!("public.{table}")).or_default() += 1;
        Ok(())
    }

    /// Runs `piece` behind a savepoint and takes it back.
    pub(super) fn taken_back(&mut self, piece: Piece) -> Result<()> {
        let before = self.events.clone();
        self.sql.run("savepoint taken_back")?;
        piece(self)?;
        self.sql.run("rollback to savepoint taken_back")?;
        self.events = before;
        Ok(())
    }

    /// Runs `piece` in a subtransaction that stays.
    pub(super) fn nested(&mut self, piece: Piece) -> Result<()> {
        self.sql.run("savepoint kept")?;
        piece(self)?;
        self.sql.run("release savepoint kept")
    }
}

/// One piece of a transaction.
pub(super) type Piece = fn(&mut Writing<'_>) -> Result<()>;

/// The usual pieces with how often each is chosen.
pub(super) const PIECES: &[(u32, Piece)] = &[
    (20, transfer),
    (8, rewrite_one_row),
    (6, journal_only),
    (6, swap_places),
    (3, shift_places),
    (5, move_key),
    (3, refill_key),
    (4, move_composite),
    (5, write_document),
    (8, touch_document),
    (2, move_document),
    (6, write_kinds),
    (5, change_kinds),
    (4, scribble),
    (2, truncate_in_the_middle),
    (4, grow),
];

/// Writes into three tables at once.
fn transfer(w: &mut Writing<'_>) -> Result<()> {
    let (from, to) = (w.dice.random_range(1..=200), w.dice.random_range(201..=400));
    let amount = w.dice.random_range(1..10_000);
    w.change(
        "account",
        1,
        &format!(
            "update account set balance = balance + case id when {from} then -{amount} else {amount} end, \
             touched = clock_timestamp() where id in ({from}, {to})"
        ),
    )?;
    w.change(
        "ledger",
        1,
        &format!(
            "insert into ledger select nextval('judge.ledger_id'), {to}, {amount} / 100.0, \
             nullif(repeat('m', {}), '')",
            amount % 7
        ),
    )?;
    w.change(
        "journal",
        1,
        &format!("insert into journal values ('transfer', jsonb_build_object('a', {amount}), {from}, clock_timestamp())"),
    )?;
    if amount % 5 == 0 {
        w.change(
            "ledger",
            1,
            "delete from ledger where id in (select id from ledger order by id limit 3)",
        )?;
    }
    Ok(())
}

/// Does everything to one key in one transaction.
fn rewrite_one_row(w: &mut Writing<'_>) -> Result<()> {
    let id = w.sql.number("select nextval('judge.ledger_id')")?;
    let insert = format!("insert into ledger values ({id}, 1, 1.5, 'first')");
    w.change("ledger", 1, &insert)?;
    w.change(
        "ledger",
        1,
        &format!("update ledger set memo = 'second' where id = {id}"),
    )?;
    w.change(
        "ledger",
        1,
        &format!("update ledger set memo = null where id = {id}"),
    )?;
    w.change("ledger", 1, &format!("delete from ledger where id = {id}"))?;
    if w.dice.random_bool(0.6) {
        w.change("ledger", 1, &insert)?;
    }
    Ok(())
}

/// Appends to the table without a key, equal rows among them.
fn journal_only(w: &mut Writing<'_>) -> Result<()> {
    let rows = w.dice.random_range(1..8);
    w.change(
        "journal",
        1,
        &format!(
            "insert into journal select 'same', '{{\"k\": [1, null, \"x\"]}}', null, null from generate_series(1, {rows})"
        ),
    )?;
    Ok(())
}

/// Takes the lock that keeps sessions from shifting keys under each other's hands.
fn alone_with_places(w: &Writing<'_>) -> Result<()> {
    w.sql.run("select pg_advisory_xact_lock(4711)")
}

/// Lets two rows change keys.
fn swap_places(w: &mut Writing<'_>) -> Result<()> {
    alone_with_places(w)?;
    let a = w.dice.random_range(1..=15);
    let b = w.dice.random_range(16..=30);
    w.change(
        "place",
        2,
        &format!("update place set id = case id when {a} then {b} else {a} end, label = label || '' where id in ({a}, {b})"),
    )?;
    w.change(
        "place",
        1,
        &format!("update place set weight = random() * 1e{b} where id = {a}"),
    )?;
    Ok(())
}

/// Moves every key by one, and sometimes back again in the same transaction.
fn shift_places(w: &mut Writing<'_>) -> Result<()> {
    alone_with_places(w)?;
    let low = w
        .sql
        .number("select coalesce(min(id), 0)::bigint from place")?;
    let step = if low > 3 { "-1" } else { "+1" };
    w.change("place", 2, &format!("update place set id = id {step}"))?;
    if w.dice.random_bool(0.3) {
        w.change(
            "place",
            1,
            "delete from place where id = (select max(id) from place)",
        )?;
        w.change("place", 2, &format!("update place set id = id {step}"))?;
        w.change(
            "place",
            1,
            "insert into place select max(id) + 1, 'new ' || md5(random()::text), 'NaN' from place",
        )?;
    }
    Ok(())
}

/// Gives rows a key never used before.
fn move_key(w: &mut Writing<'_>) -> Result<()> {
    let n = w.dice.random_range(1..5);
    w.change(
        "moved",
        2,
        &format!(
            "update moved set id = nextval('judge.moved_id')::int, tag = tag || '' \
             where id in (select id from moved order by id limit {n})"
        ),
    )?;
    Ok(())
}

/// Frees a key and gives it to another row.
fn refill_key(w: &mut Writing<'_>) -> Result<()> {
    let victim = w
        .sql
        .texts("select id::text from moved order by id for update limit 2")?;
    let [gone, heir] = victim.as_slice() else {
        return Ok(());
    };
    w.change("moved", 1, &format!("delete from moved where id = {gone}"))?;
    w.change(
        "moved",
        2,
        &format!("update moved set id = {gone}, tag = 'heir' where id = {heir}"),
    )?;
    w.change(
        "moved",
        1,
        &format!("insert into moved values ({heir}, 'next of ' || {gone}) on conflict do nothing"),
    )?;
    Ok(())
}

/// Changes half of a key of two columns.
fn move_composite(w: &mut Writing<'_>) -> Result<()> {
    let a = w.dice.random_range(1..20);
    let b = w.dice.random_range(1..1_000_000);
    w.change(
        "composite",
        1,
        &format!("insert into composite values ({b}, null, {a}) on conflict do nothing"),
    )?;
    w.change(
        "composite",
        2,
        &format!("update composite set b = b + 1000000 where a = {a} and b < 1000000"),
    )?;
    w.change(
        "composite",
        1,
        &format!("update composite set note = 'n' where a = {a}"),
    )?;
    w.change(
        "composite",
        1,
        &format!("delete from composite where a = {} and b % 3 = 0", a + 1),
    )?;
    Ok(())
}

/// Writes a document whose values are stored out of line.
fn write_document(w: &mut Writing<'_>) -> Result<()> {
    let id = w.dice.random_range(1..60);
    let size = w.dice.random_range(100..600);
    w.change(
        "document",
        1,
        &format!("delete from document where id % 100000 = {id}"),
    )?;
    w.change(
        "document",
        1,
        &format!(
            "insert into document values ({id}, 'title {id}', repeat(md5(random()::text), {size}), \
             decode(repeat(md5(random()::text), {size}), 'hex'), \
             jsonb_build_object('k', repeat(md5(random()::text), {size})), 1) on conflict do nothing"
        ),
    )?;
    Ok(())
}

/// Changes documents and leaves all or all but one of the big values alone.
fn touch_document(w: &mut Writing<'_>) -> Result<()> {
    let id = w.dice.random_range(1..60);
    let set = match w.dice.random_range(0..4) {
        0 => ", body = repeat(md5(random()::text), 300)",
        1 => ", attachment = null",
        _ => "",
    };
    w.change(
        "document",
        1,
        &format!("update document set revision = revision + 1{set} where id % 100000 = {id}"),
    )?;
    if w.dice.random_bool(0.3) {
        w.change(
            "document",
            1,
            &format!("update document set title = 'again' where id % 100000 = {id}"),
        )?;
    }
    Ok(())
}

/// Moves the key of a document whose big values are not in the WAL.
fn move_document(w: &mut Writing<'_>) -> Result<()> {
    let id = w.dice.random_range(1..60);
    w.change(
        "document",
        2,
        &format!("update document set id = id + 100000 where id = {id} and not exists (select 1 from document where id = {id} + 100000)"),
    )?;
    Ok(())
}

/// Writes a row with a value of every kind.
fn write_kinds(w: &mut Writing<'_>) -> Result<()> {
    let id = w.dice.random_range(1..300);
    let x = w.dice.random_range(0..1_000_000);
    w.change("kinds", 1, &format!("delete from kinds where id = {id}"))?;
    let values = match x % 4 {
        0 => "false, -32768, -9223372036854775808, '-Infinity', 'NaN', 'NaN', -0.001, '', '', '', \
              '00000000-0000-0000-0000-000000000000', ' [1,  2] ', 'null', 'infinity', '00:00', \
              '24:00:00+00', '-infinity', 'infinity', '-1 year 2 mons -3 days 04:05:06.789', 'sad', \
              '{}', '{}', '::1', B'00000', 'empty', '(0,0)'"
            .to_owned(),
        1 => "null, null, null, null, null, null, null, null, null, null, null, null, null, null, \
              null, null, null, null, null, null, null, null, null, null, null, null"
            .to_owned(),
        _ => format!(
            "true, {small}, {x} * 1000000007::bigint, random()::real, random() * 1e300, \
             {x}::numeric / 7 * 1e30, {x} / 1000.0, 'tränen 😀 {x}', 'c{small}', decode(md5('{x}'), 'hex'), \
             md5('{x}')::uuid, '{{\"a\" :  {x}, \"b\": [true, null]}}', '{{\"a\": {x}}}', \
             date '1600-02-28' + {x}, time '00:00:00.000001' + interval '{x} milliseconds', \
             '12:34:56.123456+00', timestamp '0044-03-15 12:00:00 BC' + interval '{x} hours', \
             clock_timestamp(), make_interval(months => {small}, secs => {x}.5), 'happy', \
             array[{x}, null, -{x}], array['a,b', null, '\"', '{{}}', ''], '10.1.2.3/8', \
             B'10110', int4range(1, {x} + 2), point({x}, 0.5)",
            small = x % 1000
        ),
    };
    w.change(
        "kinds",
        1,
        &format!("insert into kinds values ({id}, {values}) on conflict do nothing"),
    )?;
    Ok(())
}

/// Changes single columns of such rows.
fn change_kinds(w: &mut Writing<'_>) -> Result<()> {
    let id = w.dice.random_range(1..300);
    let set = match w.dice.random_range(0..6) {
        0 => "n = n * 3, m = 'ok'",
        1 => "texts = array_append(texts, v), j = null",
        2 => "tstz = clock_timestamp(), span = -span",
        3 => "bytes = bytes || '\\x00ff', u = null",
        4 => "ts = '290000-12-31 23:59:59.999999', day = '5874897-12-31'",
        _ => "flag = not flag, ints = array_prepend(null, ints)",
    };
    w.change(
        "kinds",
        1,
        &format!("update kinds set {set} where id between {id} and {id} + 9"),
    )?;
    Ok(())
}

/// Fills the table that is truncated now and then.
pub(super) fn scribble(w: &mut Writing<'_>) -> Result<()> {
    let id = w.dice.random_range(1..1000);
    w.change("scratch", 1, &format!("insert into scratch select i, 's' || i from generate_series({id}, {id} + 5) i on conflict do nothing"))?;
    w.change(
        "scratch",
        1,
        &format!("update scratch set v = v || '.' where id = {id}"),
    )?;
    Ok(())
}

/// Truncates between rows that go before and rows that come after.
fn truncate_in_the_middle(w: &mut Writing<'_>) -> Result<()> {
    scribble(w)?;
    w.truncate("scratch")?;
    if w.dice.random_bool(0.8) {
        scribble(w)?;
    }
    Ok(())
}

/// Writes the table that gets a column while the load runs.
fn grow(w: &mut Writing<'_>) -> Result<()> {
    let id = w.dice.random_range(1..500);
    w.change(
        "grown",
        1,
        &format!("insert into grown (id, v) values ({id}, 'v') on conflict do nothing"),
    )?;
    let wider = w.sql.number(
        "select count(*) from pg_attribute where attrelid = 'grown'::regclass and attname = 'extra'",
    )?;
    let set = if wider > 0 {
        "v = v || '+', extra = 'e' || id"
    } else {
        "v = v || '+'"
    };
    w.change(
        "grown",
        1,
        &format!("update grown set {set} where id between {id} and {id} + 3"),
    )?;
    Ok(())
}

/// Adds the column.
pub(super) fn add_column(w: &mut Writing<'_>) -> Result<()> {
    w.sql
        .run("alter table grown add column if not exists extra text")?;
    grow(w)
}

/// Writes many rows: far more than usual, in one transaction.
pub(super) fn big(w: &mut Writing<'_>) -> Result<()> {
    let rows = w.big;
    let held = w.sql.number("select count(*) from bulk")?;
    if held == 0 {
        w.change(
            "bulk",
            1,
            &format!(
                "insert into bulk select i, i % 100, md5(i::text), i / 3.0, clock_timestamp() \
                 from generate_series(1, {rows}) i"
            ),
        )?;
    } else {
        w.change(
            "bulk",
            1,
            "update bulk set a = a + 1, b = b || 'x' where id % 2 = 0",
        )?;
        w.change("bulk", 2, "update bulk set id = -id where id % 5 = 0")?;
        w.change(
            "bulk",
            1,
            "delete from bulk where id % 3 <> 0 or random() < 0.5",
        )?;
    }
    transfer(w)
}

/// What is in the tables before the load starts.
pub(super) const SEED: &str = "
    create sequence judge.ledger_id;
    create sequence judge.moved_id start 1000;
    insert into account select i, 'owner ' || i, 1000000, null from generate_series(1, 400) i;
    insert into place select i, 'place ' || i, i / 7.0 from generate_series(1, 30) i;
    insert into moved select i, 'tag ' || i from generate_series(1, 100) i;
    insert into grown select i, 'v' from generate_series(1, 50) i;
    insert into ledger select nextval('judge.ledger_id'), i, i, 'opening' from generate_series(1, 500) i;
    insert into document select i, 't', repeat(md5(i::text), 200), decode(repeat(md5(i::text), 200), 'hex'),
        jsonb_build_object('k', repeat(md5(i::text), 200)), 0 from generate_series(1, 20) i;
    insert into journal select 'opening', null, i % 3, null from generate_series(1, 50) i;
    select judge.seal('{}');
";
