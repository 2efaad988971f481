//! The replication origin, which marks everything that a link writes: a link back can leave it out.
//!
//! Origins belong to the whole server, which has room for few of them in use, and no hook tells a sink that
//! its connector is deleted. The position is kept elsewhere, so an origin need not outlive its task: it is
//! made when a task starts and given back when it ends. One that a killed task left is taken up by the
//! link's next task, or cleared away by any link that finds no room.

use tokio_postgres::error::SqlState;
use walbridge_connector_api::{ConnectorError, Result};
use walbridge_postgres::connect::{Session, Settings};
use walbridge_postgres::ident::{literal, quote};
use walbridge_postgres::sqlstate;

/// What the names of all our origins begin with.
const PREFIX: &str = "walbridge_";

/// Takes the origin of a link for this session, and returns its name.
pub(crate) fn take(session: &Session, settings: &Settings, link: &str) -> Result<String> {
    let user = quote(&settings.user);
    let name = name(session, link)?;
    let mut taken = set_up(session, &name);
    if taken
        .as_ref()
        .is_err_and(|error| is(error, &SqlState::CONFIGURATION_LIMIT_EXCEEDED))
    {
        clear(session, &name)?;
        taken = set_up(session, &name);
    }
    taken.map_err(|error| explain(error, &name, &user))?;
    // As links were called before databases had a say.
    drop_unused(session, &format!("{PREFIX}{link}"));
    Ok(name)
}

/// Gives the origin back; one that is still wanted by nobody is gone afterwards.
pub(crate) fn give_back(session: &Session, name: &str) {
    if session.is_closed() {
        return;
    }
    if let Err(error) = session.execute("SELECT pg_replication_origin_session_reset()") {
        tracing::debug!(%error, name, "the replication origin stays");
        return;
    }
    drop_unused(session, name);
}

/// Returns the name of a link's origin: links of two databases may be called alike.
fn name(session: &Session, link: &str) -> Result<String> {
    let rows = session.query(
        "SELECT oid::text FROM pg_database WHERE datname = current_database()",
        &[],
    )?;
    let database: &str = rows.first().map_or("0", |row| row.get(0));
    Ok(format!("{PREFIX}{database}_{link}"))
}

fn set_up(session: &Session, name: &str) -> Result<(), tokio_postgres::Error> {
    let name = literal(name);
    session.block_on(session.client().batch_execute(&format!(
        "SELECT CASE WHEN pg_replication_origin_oid({name}) IS NULL \
            THEN pg_replication_origin_create({name}) END; \
         SELECT pg_replication_origin_session_setup({name})"
    )))
}

fn is(error: &tokio_postgres::Error, state: &SqlState) -> bool {
    error.code() == Some(state)
}

/// Drops those of our origins that no session uses: their links make them again when they start.
fn clear(session: &Session, own: &str) -> Result<()> {
    let all = "SELECT roname FROM pg_replication_origin WHERE starts_with(roname, $1)";
    for row in session.query(all, &[&PREFIX])? {
        let name: &str = row.get(0);
        if name != own {
            drop_unused(session, name);
        }
    }
    Ok(())
}

/// Drops an origin if it is there, nobody uses it, and we may.
fn drop_unused(session: &Session, name: &str) {
    let drop =
        "SELECT pg_replication_origin_drop(roname) FROM pg_replication_origin WHERE roname = $1";
    match session.query(drop, &[&name]) {
        Ok(rows) if rows.is_empty() => {}
        Ok(_) => tracing::debug!(name, "a replication origin is given back"),
        Err(error) => tracing::debug!(%error, name, "a replication origin stays"),
    }
}

fn explain(error: tokio_postgres::Error, name: &str, user: &str) -> ConnectorError {
    // Another task of the link creates it, or has just dropped it.
    let races = [SqlState::UNIQUE_VIOLATION, SqlState::UNDEFINED_OBJECT];
    let raced = races.iter().any(|state| is(&error, state));
    let error = sqlstate::from_client(error, &format!("setting up replication origin {name}"));
    match error.name() {
        _ if raced => ConnectorError::retry("OriginInUse", error.to_string()),
        "SlotInUse" => ConnectorError::retry(
            "OriginInUse",
            format!("replication origin {name} is in use by another session: {error}"),
        ),
        "MissingPrivilege" => error.remedy(format!(
            "as a superuser: GRANT EXECUTE ON FUNCTION pg_replication_origin_oid(text), \
             pg_replication_origin_create(text), pg_replication_origin_session_setup(text), \
             pg_replication_origin_xact_setup(pg_lsn, timestamptz), \
             pg_replication_origin_session_reset(), pg_replication_origin_drop(text) TO {user}"
        )),
        "OutOfResources" => error.remedy(format!(
            "raise max_replication_slots on the target (from PostgreSQL 18 on \
             max_active_replication_origins): each running link needs one for its origin; and let links give \
             theirs back: GRANT EXECUTE ON FUNCTION pg_replication_origin_session_reset(), \
             pg_replication_origin_drop(text) TO {user}"
        )),
        _ => error,
    }
}
