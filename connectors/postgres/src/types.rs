//! PostgreSQL's types: what the catalog says about them, and how they travel.

mod catalog;
mod field;
mod known;

pub use catalog::TypeCatalog;
pub use field::{TypeModes, field_type};
pub(crate) use known::Known;

/// A column's type, resolved down to what its values are made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PgType {
    /// The type's oid; only meaningful on the server it came from.
    pub oid: u32,
    /// The schema the type lives in.
    pub schema: String,
    /// The type's name in `pg_type`, such as `int4` or `_text`.
    pub name: String,
    /// The type modifier; -1 for none.
    pub typmod: i32,
    /// Whether the server can send values in binary; otherwise it sends text whatever was asked for.
    pub sends: bool,
    /// What kind of type it is.
    pub kind: Kind,
}

/// The kinds of types.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// A type with its own input and output.
    Base,
    /// One of a list of labels, in their sort order.
    Enum {
        /// The labels.
        labels: Vec<String>,
    },
    /// Values of another type.
    Array(Box<PgType>),
    /// Another type under a name of its own; its type modifier is the domain's.
    Domain(Box<PgType>),
    /// A row type.
    Composite(Vec<PgType>),
    /// A range over another type.
    Range(Box<PgType>),
    /// Several ranges; the inner type is the range's.
    Multirange(Box<PgType>),
}

impl PgType {
    /// Returns the type under all domains.
    pub fn base(&self) -> &PgType {
        let mut ty = self;
        while let Kind::Domain(base) = &ty.kind {
            ty = base;
        }
        ty
    }

    /// Returns whether binary values of this type can be read here.
    ///
    /// `false` means that the server would send a form unknown to us (that of an extension's type, or
    /// of a type whose binary form is a bare oid): ask for text then.
    pub fn reads_binary(&self) -> bool {
        let ty = self.base();
        match &ty.kind {
            _ if !ty.sends => true,
            Kind::Base => Known::of(ty).is_some(),
            Kind::Enum { .. } => true,
            // What has no binary form has none inside of another either.
            Kind::Array(inner)
            | Kind::Range(inner)
            | Kind::Multirange(inner)
            | Kind::Domain(inner) => inner.sends && inner.reads_binary(),
            Kind::Composite(columns) => columns.iter().all(|ty| ty.sends && ty.reads_binary()),
        }
    }
}
