-- What the recorder of truth needs in the primary's database. Everything in schema `judge` stays
-- there and is never replicated; everything in schema `public` is.
create schema judge;

create type mood as enum ('sad', 'ok', 'happy');

-- One row. Every transaction of the load counts `seq` up and brings `digest` up to date.
create table truth (id int primary key, seq bigint not null, digest numeric not null, at timestamptz not null);

create table account (id int primary key, owner text not null, balance bigint not null, touched timestamptz);
create table ledger (id bigint primary key, account int not null, amount numeric(12,2) not null, memo text);
-- No key: it only ever receives rows, equal ones among them.
create table journal (kind text, detail jsonb, n int, at timestamptz);
-- It only grows.
alter table journal replica identity nothing;
-- Keys move through each other inside one transaction.
create table place (id int primary key deferrable initially deferred, label text not null, weight double precision);
alter table place replica identity full;
-- Keys move, and the old row is known by its key alone.
create table moved (id int primary key, tag text);
create table composite (b int, note text, a int, primary key (a, b));
-- Values that are stored out of line and that most updates leave alone.
create table document (id int primary key, title text, body text, attachment bytea, extra jsonb, revision int not null);
alter table document alter body set storage external, alter attachment set storage external, alter extra set storage external;
create table kinds (
    id int primary key, flag boolean, small smallint, big bigint, r real, d double precision,
    n numeric, n2 numeric(10,3), v varchar(40), c char(6), bytes bytea, u uuid, j json, jb jsonb,
    day date, t time, tz timetz, ts timestamp, tstz timestamptz, span interval, m mood,
    ints int[], texts text[], net inet, bits bit(5), range int4range, spot point
);
create table scratch (id int primary key, v text);
create table bulk (id bigint primary key, a int, b text, c numeric, d timestamptz);
-- Gets a column while the load runs.
create table grown (id int primary key, v text);
-- Keys that look alike in Avro.
create table odd_number (k numeric primary key, v text);
create table odd_time (t timetz, d interval, v text, primary key (t, d));
-- No key, and rows that are equal and not alike.
create table shade (f double precision, n numeric, tag text);
alter table shade replica identity full;
-- Its definition changes while the load runs, between the changes of a transaction.
create table altered (id int primary key, a text);
create function judge.make_small() returns void language plpgsql as $$
begin
    for i in 1..12 loop
        execute format('create table small_%s (id int primary key, v text)', lpad(i::text, 2, '0'));
    end loop;
end $$;
select judge.make_small();

-- Every sealed transaction: its digest, the part of each table in it, and how many events each
-- table must give rise to.
create table judge.txn (seq bigint primary key, xid bigint not null, digest numeric not null, sums jsonb not null, events jsonb not null);
create table judge.sum (tab text primary key, sum numeric not null);

-- (Nothing here may be called as a column is: a name alone would mean the column, not the row.)
-- The digest of a row does not depend on the order of columns nor on columns that are null, so
-- that a column added later changes nothing until a row has a value in it.
create function judge.hash(tab text, content jsonb) returns numeric language sql immutable parallel safe as
$$ select hashtextextended(tab || jsonb_strip_nulls(content)::text, 0)::numeric $$;

-- The changes of the transaction at hand are kept in a setting local to it: it costs no WAL, and
-- what a savepoint takes back is taken back here as well.
create function judge.note(tab text, delta numeric) returns void language plpgsql as $$
declare
    notes jsonb := coalesce(nullif(current_setting('judge.delta', true), ''), '{}')::jsonb;
begin
    notes := jsonb_set(notes, array[tab], to_jsonb(coalesce((notes ->> tab)::numeric, 0) + coalesce(delta, 0)));
    perform set_config('judge.delta', notes::text, true);
end $$;

create function judge.on_insert() returns trigger language plpgsql as $$
begin
    perform judge.note(tg_table_name, (select sum(judge.hash(tg_table_name, to_jsonb(a_row))) from new_rows a_row));
    return null;
end $$;

create function judge.on_delete() returns trigger language plpgsql as $$
begin
    perform judge.note(tg_table_name, (select -sum(judge.hash(tg_table_name, to_jsonb(a_row))) from old_rows a_row));
    return null;
end $$;

create function judge.on_update() returns trigger language plpgsql as $$
begin
    perform judge.note(tg_table_name,
        coalesce((select sum(judge.hash(tg_table_name, to_jsonb(a_row))) from new_rows a_row), 0)
        - coalesce((select sum(judge.hash(tg_table_name, to_jsonb(a_row))) from old_rows a_row), 0));
    return null;
end $$;

create function judge.on_truncate() returns trigger language plpgsql as $$
declare
    lost numeric;
begin
    execute format('select -sum(judge.hash(%L, to_jsonb(a_row))) from %I.%I a_row', tg_table_name, tg_table_schema, tg_table_name) into lost;
    perform judge.note(tg_table_name, lost);
    return null;
end $$;

create function judge.watch(tab text) returns void language plpgsql as $$
begin
    execute format('create trigger judge_i after insert on %I referencing new table as new_rows for each statement execute function judge.on_insert()', tab);
    execute format('create trigger judge_u after update on %I referencing old table as old_rows new table as new_rows for each statement execute function judge.on_update()', tab);
    execute format('create trigger judge_d after delete on %I referencing old table as old_rows for each statement execute function judge.on_delete()', tab);
    execute format('create trigger judge_t before truncate on %I for each statement execute function judge.on_truncate()', tab);
    insert into judge.sum values (tab, 0);
end $$;

select judge.watch(t) from unnest(array['account', 'ledger', 'journal', 'place', 'moved', 'composite', 'document', 'kinds', 'scratch', 'bulk', 'grown', 'odd_number', 'odd_time', 'shade', 'altered']) t;
select judge.watch('small_' || lpad(i::text, 2, '0')) from generate_series(1, 12) i;

-- Seals the transaction at hand. The row of `truth` stays locked until it ends, so transactions
-- commit in the order of their numbers, however many sessions write.
create function judge.seal(happened jsonb) returns bigint language plpgsql as $$
declare
    notes jsonb := coalesce(nullif(current_setting('judge.delta', true), ''), '{}')::jsonb;
    delta numeric := (select coalesce(sum(value::numeric), 0) from jsonb_each_text(notes));
    sealed truth;
begin
    update truth set seq = seq + 1, digest = digest + delta, at = clock_timestamp() where id = 1 returning * into sealed;
    update judge.sum s set sum = s.sum + n.value::numeric from jsonb_each_text(notes) n where s.tab = n.key;
    insert into judge.txn values (sealed.seq, (pg_current_xact_id()::text::bigint) & 4294967295, sealed.digest,
        (select jsonb_object_agg(s.tab, s.sum) from judge.sum s), happened);
    perform set_config('judge.delta', '', true);
    return sealed.seq;
end $$;

insert into truth values (1, 0, 0, clock_timestamp());
