//! What the workspace is made of: which crate may use which, and what it may take from outside.

#![allow(clippy::expect_used, reason = "a test may panic, in its helpers too")]

mod direction;
mod expression;
mod outside;
mod script;

use cargo_metadata::{Metadata, MetadataCommand};

/// Reads the workspace as Cargo sees it, from the lock file alone.
fn metadata() -> Metadata {
    MetadataCommand::new()
        .manifest_path(concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.toml"))
        .other_options(vec!["--locked".to_owned()])
        .exec()
        .expect("cargo metadata")
}
