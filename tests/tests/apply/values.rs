//! Transactions whose rows are hard to tell apart, and tables that are unlike others.

use crate::cases::Case;

/// What is done at the target before the transactions come.
pub(crate) const AT_WEST: &[&str] = &[
    "alter table child_of_emptied add foreign key (parent) references emptied_with_its_child (id)",
    "create table outside (id int references emptied_under_a_reference (id))",
    "alter table identity_always alter column s add generated always as identity",
    "alter table type_made_anew alter m type text; drop type made_anew; \
     create type made_anew as enum ('a', 'b', 'c'); alter table type_made_anew alter m type made_anew using m::made_anew",
];

/// Every case has a table of its own, called as the case is.
pub(crate) const VALUES: &[Case] = &[
    (
        "truncated_after_a_move",
        "create table {t} (id int primary key, v text); insert into {t} values (1, 'a'), (2, 'b'), (3, 'c')",
        "update {t} set id = 100 where id = 1; truncate {t}; commit; \
         begin; insert into {t} values (1, 'd'), (2, 'e'); update {t} set id = 200 where id = 2; commit; \
         begin; update {t} set id = 100 where id = 1; truncate {t}; insert into {t} values (100, 'f')",
    ),
    (
        "truncated_twice",
        "create table {t} (id int primary key, v text); insert into {t} values (1, 'a')",
        "truncate {t}; insert into {t} values (1, 'b'); update {t} set id = 2; truncate {t}; insert into {t} values (2, 'c')",
    ),
    (
        "emptied_with_its_child",
        "create table {t} (id int primary key); insert into {t} values (1); \
         create table child_of_emptied (id int primary key, parent int); insert into child_of_emptied values (1, 1)",
        "truncate {t}, child_of_emptied; insert into {t} values (9); insert into child_of_emptied values (9, 9)",
    ),
    ("child_of_emptied", "select 1", "select 1"),
    (
        "emptied_under_a_reference",
        "create table {t} (id int primary key); insert into {t} values (1), (2)",
        "truncate {t}; insert into {t} values (2), (3)",
    ),
    (
        "numbers_as_keys",
        "create table {t} (k numeric primary key, v text); \
         insert into {t} values (0, 'zero'), ('NaN', 'nan'), ('Infinity', 'inf'), (12.3, 'few'), (5, 'five')",
        "update {t} set v = 'zero2' where k = 0; update {t} set v = 'nan2' where k = 'NaN'; \
         insert into {t} values ('-Infinity', 'minus'); delete from {t} where k = 'Infinity'; commit; \
         begin; delete from {t} where k = 0; update {t} set k = 0 where k = 'NaN'; insert into {t} values ('NaN', 'new'); \
         update {t} set k = 12.300 where k = 12.3; update {t} set v = 'respelled' where k = 12.3; \
         update {t} set k = 5.0 where k = 5; delete from {t} where k = 5.00",
    ),
    (
        "floats_as_keys",
        "create table {t} (k double precision primary key, v text); insert into {t} values (0, 'zero'), ('NaN', 'nan'), (1.5, 'x')",
        "update {t} set k = '-0' where k = 0; update {t} set v = 'minus' where k = 0; update {t} set v = 'n' where k = 'NaN'; delete from {t} where k = 1.5",
    ),
    (
        "times_as_keys",
        "create table {t} (t timetz, d interval, v text, primary key (t, d)); \
         insert into {t} select t, d, 'old' from unnest('{12:00+00,13:00+01,11:00-01}'::timetz[]) t, \
         unnest('{1 mon,30 days 10:30:00,1 year}'::interval[]) d",
        "update {t} set v = 'a' where t = '12:00+00'; update {t} set v = 'b' where t = '13:00+01' and d = '1 mon'; \
         delete from {t} where t = '11:00-01' and d <> '1 mon'; update {t} set d = '30 days' where d = '1 mon' and v = 'a'",
    ),
    (
        "days_as_keys",
        "create table {t} (d date, s timestamp, z timestamptz, v text, primary key (d, s, z)); \
         insert into {t} select d, s, z, 'old' from unnest('{infinity,-infinity,2020-01-01,5874897-12-31}'::date[]) d, \
         unnest('{infinity,-infinity,294276-12-31}'::timestamp[]) s, unnest('{infinity,-infinity,2020-01-01 00:00+00}'::timestamptz[]) z",
        "update {t} set v = d || ' ' || s || ' ' || z; delete from {t} where d = 'infinity' and z = '-infinity'",
    ),
    (
        "bits_as_keys",
        "create table {t} (k varbit primary key, v text); insert into {t} values (B'1', 'a'), (B'01', 'b'), (B'001', 'c'), (B'', 'd')",
        "update {t} set v = k::text || v; delete from {t} where k = B'01'; insert into {t} values (B'0001', 'e')",
    ),
    (
        "arrays_as_keys",
        "create table {t} (k int[] primary key, v text); insert into {t} values ('{1}', 'a'), ('{1,2}', 'b'), ('{{1,2},{3,4}}', 'c'), ('{}', 'd')",
        "update {t} set v = v || '!' where k <> '{1}'; delete from {t} where k = '{1}'; delete from {t} where k = '{{1,2},{3,4}}'; \
         update {t} set k = '{7,8}' where k = '{1,2}'; insert into {t} values ('{1}', 'again'), ('[0:1]={5,6}', 'low')",
    ),
    (
        "keys_that_only_the_server_compares",
        "create table {t} (k numeric[] primary key, v text, w text); insert into {t} values ('{1.0}', 'a', 'x'), ('{2,NaN}', 'b', 'y'), ('{3}', 'c', 'z')",
        "insert into {t} values ('{4}', 'd'); update {t} set v = 'e' where k = '{4}'; update {t} set v = 'a2' where k = '{1}'; \
         update {t} set k = '{1.000}' where k = '{1}'; delete from {t} where k = '{2,NaN}'; update {t} set k = '{33}' where k = '{3}'; \
         truncate {t}; insert into {t} values ('{2}', 'f'); update {t} set k = '{2.00}', v = 'g'",
    ),
    (
        "chars_as_keys",
        "create table {t} (k char(5), b bpchar, v text, primary key (k, b)); insert into {t} values ('a', 'x', '1'), ('b', 'y ', '2')",
        "update {t} set v = 'q' where k = 'a'; update {t} set b = 'y   ' where k = 'b'; update {t} set v = 'r' where k = 'b'",
    ),
    (
        "shades_without_key",
        "create table {t} (f double precision, n numeric, j jsonb, i interval, a numeric[], b bpchar, tag text); alter table {t} replica identity full; \
         insert into {t} select f, n, j, i, a, b, 'old' from unnest('{-0,0}'::float8[]) f, unnest('{1.0,1.00}'::numeric[]) n, \
         unnest(array['{\"k\": 1.0}', '{\"k\": 1.00}']::jsonb[]) j, unnest('{1 mon,30 days}'::interval[]) i, \
         (values ('{1.0}'::numeric[]), ('{1.00}')) as v(a), unnest('{x,x }'::bpchar[]) b",
        "delete from {t} where f::text = '-0' and n::text = '1.00' and a::text = '{1.0}'; \
         update {t} set tag = 'new' where f::text = '0' and i::text = '30 days' and j::text like '%1.00%'; \
         update {t} set f = -f where n::text = '1.0' and tag = 'old'; delete from {t} where ctid = (select max(ctid) from {t})",
    ),
    (
        "equal_rows_without_key",
        "create table {t} (v text, n int); alter table {t} replica identity full; \
         insert into {t} select 'same', i % 3 from generate_series(1, 60) i",
        "delete from {t} where ctid in (select ctid from {t} where n = 1 limit 7); update {t} set n = 1 where n = 2; \
         insert into {t} select 'same', 1 from generate_series(1, 5); delete from {t} where ctid in (select ctid from {t} where n = 1 limit 23); \
         update {t} set v = null where n = 0; delete from {t} where v is null and ctid in (select ctid from {t} where v is null limit 3)",
    ),
    (
        "arrays_without_key",
        "create table {t} (a int[], b text[], n numeric); alter table {t} replica identity full; \
         insert into {t} select array[i % 7, i % 3], array['x', null], i % 5 from generate_series(1, 900) i",
        "delete from {t} where n = 3; update {t} set a = a || 1 where n = 2; delete from {t} where a[1] = 4",
    ),
    (
        "without_columns",
        "create table {t} (); alter table {t} replica identity full; insert into {t} default values",
        "insert into {t} default values; insert into {t} default values; insert into {t} default values; delete from {t} where ctid = (select min(ctid) from {t})",
    ),
    (
        "type_made_anew",
        "create type made_anew as enum ('a', 'b', 'c'); create table {t} (id int primary key, m made_anew); insert into {t} values (1, 'a')",
        "insert into {t} values (2, 'b'); update {t} set m = 'c' where id = 1",
    ),
    (
        "type_with_a_dot",
        "create schema \"Odd.Schema\"; create type \"Mood.Of.It\" as enum ('a.b', 'c'); \
         create type \"Odd.Schema\".\"m\"\"x\" as enum ('y', 'z'); \
         create type no_labels as enum (); \
         create table {t} (id int primary key, m \"Mood.Of.It\", n \"Odd.Schema\".\"m\"\"x\"[], o no_labels); insert into {t} values (1, 'c', '{y}')",
        "insert into {t} values (2, 'a.b', '{z,y}'); update {t} set m = null where id = 1",
    ),
    (
        "identity_always",
        "create table {t} (a int primary key, s int generated always as identity, x text); insert into {t} (a, x) values (1, 'a'), (2, 'b')",
        "update {t} set x = 'c' where a = 1; update {t} set a = 3 where a = 2; insert into {t} (a, x) values (4, 'd'); update {t} set x = 'e' where a = 4",
    ),
];
