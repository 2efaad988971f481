//! Who may use the REST API: users with roles, and how they prove who they are.
//!
//! A users file has a line per user: name, role, and one of
//! `pbkdf2-sha256$…` (a password), `sha256$…` (a bearer token), `certificate` (the common name of a
//! client certificate is the user's name). Secrets stand there only as hashes, and a file that changes
//! holds from the next request on.

mod current;
mod guard;
mod hash;
mod users;

pub(crate) use guard::{Access, Proof};
pub use hash::{hash_password, hash_token, new_token};
pub use users::{Role, User, Users};
