//! The types whose forms are known here.

use super::{Kind, PgType};

/// Base types with a binary form that is known here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Known {
    Bool,
    Int2,
    Int4,
    Int8,
    Oid,
    Float4,
    Float8,
    Numeric,
    Money,
    /// Text of any kind, the binary form being the text itself.
    Text,
    /// `char(n)`.
    Bpchar,
    /// The one-byte type `"char"`.
    Char,
    Bytea,
    Uuid,
    Json,
    Jsonb,
    Xml,
    Date,
    Time,
    Timetz,
    Timestamp,
    Timestamptz,
    Interval,
    Bit,
    Varbit,
    Point,
    Lseg,
    Box,
    Path,
    Line,
    Polygon,
    Circle,
    Inet,
    Macaddr,
    Tsvector,
    Tsquery,
    PgLsn,
    Xid,
    Xid8,
    Tid,
    Snapshot,
    /// A version byte and text: `jsonpath`, `ltree`, `lquery`, `ltxtquery`.
    Versioned,
    Ltree,
    Hstore,
    Vector,
    /// `int2vector` and `oidvector`: arrays in binary, numbers between blanks in text.
    NumberVector,
}

impl Known {
    /// Returns what a base type is, if it is known.
    pub(crate) fn of(ty: &PgType) -> Option<Known> {
        if ty.kind != Kind::Base {
            return None;
        }
        if ty.schema == "pg_catalog" {
            Self::builtin(&ty.name)
        } else {
            Self::extension(&ty.name)
        }
    }

    fn builtin(name: &str) -> Option<Known> {
        Some(match name {
            "bool" => Known::Bool,
            "int2" => Known::Int2,
            "int4" => Known::Int4,
            "int8" => Known::Int8,
            "oid" => Known::Oid,
            "float4" => Known::Float4,
            "float8" => Known::Float8,
            "numeric" => Known::Numeric,
            "money" => Known::Money,
            "text" | "varchar" | "name" | "refcursor" | "unknown" => Known::Text,
            "bpchar" => Known::Bpchar,
            "char" => Known::Char,
            "bytea" => Known::Bytea,
            "uuid" => Known::Uuid,
            "json" => Known::Json,
            "jsonb" => Known::Jsonb,
            "xml" => Known::Xml,
            "date" => Known::Date,
            "time" => Known::Time,
            "timetz" => Known::Timetz,
            "timestamp" => Known::Timestamp,
            "timestamptz" => Known::Timestamptz,
            "interval" => Known::Interval,
            "bit" => Known::Bit,
            "varbit" => Known::Varbit,
            "point" => Known::Point,
            "lseg" => Known::Lseg,
            "box" => Known::Box,
            "path" => Known::Path,
            "line" => Known::Line,
            "polygon" => Known::Polygon,
            "circle" => Known::Circle,
            "inet" | "cidr" => Known::Inet,
            "macaddr" | "macaddr8" => Known::Macaddr,
            "tsvector" => Known::Tsvector,
            "tsquery" => Known::Tsquery,
            "pg_lsn" => Known::PgLsn,
            "xid" | "cid" => Known::Xid,
            "xid8" => Known::Xid8,
            "tid" => Known::Tid,
            "pg_snapshot" | "txid_snapshot" => Known::Snapshot,
            "jsonpath" => Known::Versioned,
            "int2vector" | "oidvector" => Known::NumberVector,
            _ => return None,
        })
    }

    fn extension(name: &str) -> Option<Known> {
        Some(match name {
            "citext" => Known::Text,
            "ltree" => Known::Ltree,
            "lquery" | "ltxtquery" => Known::Versioned,
            "hstore" => Known::Hstore,
            "vector" => Known::Vector,
            _ => return None,
        })
    }
}
