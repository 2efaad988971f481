//! Transactions of every shape.

/// A transaction of a certain shape: its name, what there is before, what it does.
pub(crate) type Case = (&'static str, &'static str, &'static str);

/// Every case has a table of its own, called as the case is.
pub(crate) const CASES: &[Case] = &[
    (
        "many_changes_to_one_key",
        "create table {t} (id int primary key, v text); insert into {t} values (1, 'a')",
        "update {t} set v = 'b'; update {t} set v = null; update {t} set v = 'c'; delete from {t}; \
         insert into {t} values (1, 'd'); update {t} set v = v || 'e'",
    ),
    (
        "born_and_gone",
        "create table {t} (id int primary key, v text); insert into {t} values (1, 'stays')",
        "insert into {t} values (2, 'x'); update {t} set v = 'y' where id = 2; delete from {t} where id = 2",
    ),
    (
        "deleted_and_inserted_again",
        "create table {t} (id int primary key, v text, w text); insert into {t} values (1, 'a', 'old'), (2, 'b', 'old')",
        "delete from {t}; insert into {t} (id, v) values (2, 'new'), (1, 'new')",
    ),
    (
        "swapped",
        "create table {t} (id int primary key deferrable initially deferred, v text); \
         alter table {t} replica identity full; insert into {t} select i, 'v' || i from generate_series(1, 6) i",
        "update {t} set id = 7 - id where id in (1, 6); update {t} set v = v || '!' where id = 1; \
         update {t} set id = case id when 2 then 3 when 3 then 4 when 4 then 2 end where id in (2, 3, 4)",
    ),
    (
        "shifted",
        "create table {t} (id int primary key deferrable, v text); alter table {t} replica identity full; \
         insert into {t} select i, 'v' || i from generate_series(1, 500) i",
        "update {t} set id = id + 1; update {t} set id = id + 1; delete from {t} where id = 3; \
         insert into {t} values (2, 'two'), (1, 'one')",
    ),
    (
        "shifted_downwards_by_key_alone",
        "create table {t} (id int primary key, v text); insert into {t} select i, 'v' || i from generate_series(2, 100) i",
        "do $$ begin for i in 2..100 loop update {t} set id = i - 1 where id = i; end loop; end $$",
    ),
    (
        "key_freed_and_taken",
        "create table {t} (id int primary key, v text); insert into {t} values (1, 'a'), (2, 'b')",
        "delete from {t} where id = 1; update {t} set id = 1 where id = 2; insert into {t} values (2, 'c')",
    ),
    (
        "unique_beside_the_key",
        "create table {t} (id int primary key, u int unique, v text); insert into {t} values (1, 10, 'a'), (2, 20, 'b')",
        "update {t} set u = null where id = 1; update {t} set u = 10 where id = 2; update {t} set u = 20 where id = 1",
    ),
    (
        "truncated_in_the_middle",
        "create table {t} (id int primary key, v text); insert into {t} select i, 'a' from generate_series(1, 50) i",
        "insert into {t} values (51, 'b'); update {t} set v = 'x' where id = 1; truncate {t}; \
         insert into {t} values (1, 'c'), (2, 'd'); update {t} set v = 'e' where id = 2",
    ),
    (
        "truncated_last",
        "create table {t} (id int primary key, v text); insert into {t} select i, 'a' from generate_series(1, 50) i",
        "insert into {t} values (51, 'b'); truncate {t}",
    ),
    (
        "without_key",
        "create table {t} (v text, n int); alter table {t} replica identity nothing; \
         insert into {t} values ('same', 1), ('same', 1), (null, null)",
        "insert into {t} values ('same', 1), (null, null), ('other', 2); insert into {t} select 'same', 1 from generate_series(1, 20)",
    ),
    (
        "nulls",
        "create table {t} (id int primary key, a int, b text, c jsonb, d int[], e timestamptz, f bytea); \
         insert into {t} values (1, 1, 'b', '1', '{1}', now(), 'x'), (2, null, null, null, null, null, null)",
        "update {t} set a = null, b = null, c = null, d = null, e = null, f = null where id = 1; \
         update {t} set a = 0, b = '', c = 'null', d = '{null}', e = 'infinity', f = '' where id = 2; insert into {t} values (3)",
    ),
    (
        "large_values_left_alone",
        "create table {t} (id int primary key, n int, a text, b bytea, c jsonb, d text[]); \
         alter table {t} alter a set storage external, alter b set storage external, alter c set storage external, alter d set storage external; \
         insert into {t} select i, 0, repeat(md5(i::text), 400), decode(repeat(md5(i::text), 400), 'hex'), \
         jsonb_build_object('k', repeat(md5(i::text), 400)), array[repeat(md5(i::text), 400), null] from generate_series(1, 10) i",
        "update {t} set n = 1; update {t} set n = 2, a = 'short' where id = 2; update {t} set n = 3 where id = 2; \
         update {t} set b = null where id = 3; update {t} set n = 4 where id = 3; \
         update {t} set id = 40 where id = 4; update {t} set n = 5 where id = 40; \
         update {t} set id = 50 where id = 5; update {t} set id = 60 where id = 50; \
         update {t} set n = 6 where id = 6; delete from {t} where id = 6; \
         insert into {t} values (6, 7, repeat('z', 9000)); update {t} set n = 8 where id = 6",
    ),
    (
        "an_honest_placeholder",
        "create table {t} (id int primary key, v text, b bytea); insert into {t} values (1, 'x', 'x')",
        "update {t} set v = '__debezium_unavailable_value', b = '__debezium_unavailable_value'",
    ),
    (
        "identity_by_index",
        "create table {t} (a int not null, b text not null, v text); create unique index {t}_i on {t} (b, a); \
         alter table {t} replica identity using index {t}_i; insert into {t} values (1, 'x', 'v'), (2, 'y', 'w')",
        "update {t} set v = 'new' where a = 1; update {t} set b = 'z' where a = 2; insert into {t} values (2, 'y', 'again')",
    ),
    (
        "Odd \"Names\"",
        "create table {t} (\"Id\" int primary key, \"a b\" text, \"select\" int); insert into {t} values (1, 'x', 1)",
        "update {t} set \"a b\" = 'y', \"select\" = 2; insert into {t} values (2, 'z', 3)",
    ),
];
