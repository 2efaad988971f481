//! A PostgreSQL of a test's own, to be replaced behind its address.

use anyhow::Result;
use walbridge_lab::{Lab, Parts, Postgres};

/// Creates and starts a server with these settings.
///
/// # Errors
/// If it does not come up.
pub fn own_postgres(lab: &Lab, name: &str, settings: &[(&str, &str)]) -> Result<Postgres> {
    let parts = Parts::ensure(&|line| println!("{line}"))?;
    let postgres = Postgres::new(name, lab.dir(), lab.free_port()?, &parts)?;
    let settings: Vec<_> = (settings.iter())
        .map(|(key, value)| ((*key).into(), (*value).into()))
        .collect();
    postgres.create(&settings)?;
    postgres.start()?;
    Ok(postgres)
}
