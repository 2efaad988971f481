//! The walbridge command.
fn main() {}
