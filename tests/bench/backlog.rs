//! The load: one table of twelve mixed columns, written in transactions of fixed size.

use anyhow::Result;
use clap::ValueEnum;
use walbridge_lab::Session;

use crate::Arguments;

/// The table that is replicated.
pub(crate) const TABLE: &str = "orders";

/// What a transaction of the backlog does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Mix {
    /// Inserts rows
    Insert,
    /// Inserts 60 %, updates 30 % and deletes 10 % of its rows
    Mixed,
}

/// Makes the table: the columns of an order as one finds them.
pub(crate) const DEFINITION: &str = "create table orders (
    id bigint primary key,
    account integer not null,
    amount numeric(12, 2) not null,
    currency char(3) not null,
    state varchar(16) not null,
    paid boolean not null,
    rate double precision,
    note text,
    reference uuid,
    attributes jsonb,
    made_at timestamptz not null,
    due date
)";

/// A backlog that was written.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Backlog {
    /// Row changes in it.
    pub(crate) rows: u64,
    /// The first of its keys.
    pub(crate) first: i64,
    /// The last of its keys: visible only once all of it is.
    pub(crate) last: i64,
}

impl Backlog {
    /// Writes a backlog behind the rows that are there.
    pub(crate) fn write(east: &Session, arguments: &Arguments) -> Result<Self> {
        let first = 1 + east.one::<i64>("select coalesce(max(id), 0) from orders")?;
        let size = i64::try_from(arguments.transaction)?;
        let transactions = i64::try_from(arguments.rows.div_ceil(arguments.transaction))?;
        let inserted = match arguments.mix {
            Mix::Insert => size,
            Mix::Mixed => size * 6 / 10,
        };
        east.run(&procedure(arguments.mix))?;
        east.run("set synchronous_commit = off")?;
        east.run(&format!(
            "call write_backlog({first}, {transactions}, {size}, {inserted})"
        ))?;
        // A commit that waits for the disk takes all before it along; it changes no table.
        east.run(
            "reset synchronous_commit; select pg_logical_emit_message(true, 'bench', 'written')",
        )?;
        Ok(Self {
            rows: east
                .one::<String>("select current_setting('bench.changed')")?
                .parse()?,
            first,
            last: first + transactions * inserted - 1,
        })
    }
}

/// The rows to change and to delete are those inserted two hundred transactions before, so they
/// are not in the transaction itself and each is there exactly once.
fn procedure(mix: Mix) -> String {
    let changes = match mix {
        Mix::Insert => "",
        Mix::Mixed => {
            "update orders set state = 'shipped', amount = amount + 1, paid = true
                 where id >= here - 200 * inserted and id < here - 200 * inserted + size * 3 / 10;
             get diagnostics touched = row_count; changed := changed + touched;
             delete from orders
                 where id >= here - 200 * inserted + size * 3 / 10 and id < here - 200 * inserted + size * 4 / 10;
             get diagnostics touched = row_count; changed := changed + touched;"
        }
    };
    format!(
        "create or replace procedure write_backlog(first bigint, transactions bigint, size bigint, inserted bigint)
         language plpgsql as $$
         declare here bigint := first; changed bigint := 0; touched bigint;
         begin
             for n in 1..transactions loop
                 {changes}
                 insert into orders
                     select i, i % 100000, (i % 10000000) / 100.0, 'EUR', (array['new', 'paid', 'sent'])[i % 3 + 1],
                         i % 2 = 0, case when i % 10 <> 0 then i * 0.001 end, 'order number ' || i || ', by post',
                         md5(i::text)::uuid, jsonb_build_object('k', i, 'tags', array['a', 'b']),
                         timestamptz '2024-01-01 00:00:00+00' + i * interval '1 second', date '2024-01-01' + (i % 365)::int
                     from generate_series(here, here + inserted - 1) i;
                 here := here + inserted;
                 changed := changed + inserted;
                 commit;
             end loop;
             perform set_config('bench.changed', changed::text, false);
         end $$"
    )
}

/// Computes how many rows a table has and a sum over their texts that no order changes.
pub(crate) fn checksum(session: &Session) -> Result<(i64, String)> {
    session.run("set timezone = 'UTC'; set extra_float_digits = 1")?;
    let rows = session.query(
        "select count(*), coalesce(sum(hashtextextended(o::text, 0)::numeric), 0)::text from orders o",
        &[],
    )?;
    let row = rows.first().ok_or_else(|| anyhow::anyhow!("no answer"))?;
    Ok((row.try_get(0)?, row.try_get(1)?))
}
