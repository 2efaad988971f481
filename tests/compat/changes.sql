-- What happens to the rows of rows.sql while the connector runs. Each begin … commit is one transaction.

-- Updates: plain, of nothing but a key's table, to NULL, with REPLICA IDENTITY FULL
update pgbench_accounts set abalance = abalance + 10 where aid = 1;
update numbers_nullable set "boolean" = null, numeric_any = 1e20 where id = 1;
update numbers_default set "integer" = null where id = 1;
update text_nullable set text_ = 'changed' where id = 1;
update temporal_nullable set date_ = 'infinity', timestamp_ = 'infinity', timestamp_3 = '-infinity', timestamptz_ = 'infinity' where id = 1;
update temporal_nullable set date_ = '-infinity' where id = 2;
update arrays_nullable set integer_a = null where id = 1;
update other_nullable set point_ = null where id = 1;
update key_full set a = 'a2' where id = 1;
update key_none_full set b = 'b2' where a = 1;
update key_replica_index set v = 'v2' where x = 0;
update wide_mix set state = 'paid', paid = true where id = 1;
update "s-2"."Odd Table" set "a.b" = null where "1st" = 1;

-- Deletes: key-only old tuple, full old tuple, without a primary key
delete from numbers_required where id = 2;
delete from text_required where id = 2;
delete from temporal_required where id = 2;
delete from other_required where id = 2;
delete from arrays_required where id = 2;
delete from numbers_default where id = 2;
delete from text_default where id = 2;
delete from temporal_required_default where id = 2;
delete from key_full where id = 1;
delete from key_none_full where a = 1;
delete from key_replica_index where x = 0;
delete from key_composite_mixed where day = '2024-02-29';

-- Key changes
update key_serial set id = 10 where id = 1;
update key_composite set b = 3 where a = 1;
update key_text set k = 'other' where k = 'k0';
update key_full set id = 102, b = 'b2' where id = 101;
update key_replica_index set b = b + 1000 where x = 100;

-- TOAST: unchanged, changed, on a key change
update toast set small = 's2' where id = 1;
update toast set t = t || 'tail' where id = 1;
update toast set id = 2 where id = 1;
delete from toast where id = 2;

-- Transactions: several tables, savepoint rolled back, key change inside, roll back, several changes of one row
begin;
insert into key_none (a, b) values (10, 'in transaction');
insert into key_include (a, b) values (10, 'in transaction');
savepoint s;
insert into key_none (a, b) values (11, 'rolled back');
rollback to s;
insert into key_none (a, b) values (12, 'kept');
update key_include set b = 'twice' where a = 10;
commit;
begin;
insert into key_composite (a, b, c) values (60, 1, 'v');
update key_composite set c = 'v2' where a = 60;
update key_composite set a = 61 where a = 60;
delete from key_composite where a = 61;
insert into key_composite (a, b, c) values (60, 1, 'again');
commit;
begin;
insert into key_none (a, b) values (99, 'never');
rollback;
begin;
update pgbench_accounts set abalance = abalance + -31 where aid = 1;
update pgbench_tellers set tbalance = tbalance + -31 where tid = 1;
update pgbench_branches set bbalance = bbalance + -31 where bid = 1;
insert into pgbench_history (tid, bid, aid, delta, mtime) values (1, 1, 1, -31, '2024-03-01 00:00:00');
commit;

-- A shift through each other's keys
begin;
insert into nothing_but_key (id) select generate_series(1001, 1003);
commit;
update nothing_but_key set id = id + 10000 where id > 1000;

-- Many rows in one transaction
insert into inventory.customers (id, name) select 1000 + n, 'customer ' || n from generate_series(1, 100) n;
update inventory.customers set name = upper(name) where id between 1001 and 1020;
delete from inventory.customers where id between 1091 and 1100;

-- Truncate: one table, two at once, between rows
truncate key_unique_pair;
truncate key_inet, key_bit_5;
begin;
insert into key_interval (k, v) values ('1 hour', 'before');
truncate key_interval;
insert into key_interval (k, v) values ('2 hours', 'after');
commit;
