//! Secrets: taken from where they lie only when a task starts, and never shown.

mod mask;
mod properties;
mod resolve;

pub use mask::{MASK, is_secret, masked, restore};
pub use resolve::{ResolveError, Resolver, has_placeholder};
