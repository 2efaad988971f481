//! Saying hello: startup message, authentication, until the server is ready for queries.

use bytes::BytesMut;
use postgres_protocol::authentication::md5_hash;
use postgres_protocol::authentication::sasl::{ChannelBinding, SCRAM_SHA_256, ScramSha256};
use postgres_protocol::message::frontend;
use walbridge_connector_api::{ConnectorError, Result};
use walbridge_postgres::connect::Settings;
use walbridge_postgres::encode::SESSION_SETTINGS;

use super::Wire;
use crate::cursor::Cursor;

/// What every connection asks of the server beside what values need to have one text form only.
const PARAMETERS: &[(&str, &str)] = &[
    ("statement_timeout", "0"),
    ("lock_timeout", "0"),
    ("idle_session_timeout", "0"),
    ("idle_in_transaction_session_timeout", "0"),
    ("search_path", "pg_catalog"),
];

/// Logs in on a fresh connection.
pub(super) fn log_in(wire: &mut Wire, settings: &Settings, replication: bool) -> Result<()> {
    let mut parameters = vec![
        ("user", settings.user.as_str()),
        ("database", settings.dbname.as_str()),
        ("application_name", settings.application_name.as_str()),
    ];
    parameters.extend_from_slice(SESSION_SETTINGS);
    parameters.extend_from_slice(PARAMETERS);
    if replication {
        parameters.push(("replication", "database"));
    }
    let mut out = BytesMut::new();
    frontend::startup_message(parameters, &mut out).map_err(|error| wire.io(error))?;
    wire.send(&out)?;
    let mut scram = None;
    loop {
        let (tag, body) = wire.message()?;
        match tag {
            b'R' => {
                if let Some(answer) = authenticate(&body, settings, &mut scram)? {
                    wire.send(&answer)?;
                }
            }
            b'Z' => return Ok(()),
            // Parameters and the key for cancelling are of no use here.
            _ => {}
        }
    }
}

fn authenticate(
    body: &[u8],
    settings: &Settings,
    scram: &mut Option<ScramSha256>,
) -> Result<Option<BytesMut>> {
    let mut cursor = Cursor::new(body);
    let kind = cursor
        .u32("authentication")
        .map_err(|error| refused(settings, &error.to_string()))?;
    let wrong = |error: std::io::Error| refused(settings, &error.to_string());
    let password = || {
        let given = settings.password.as_deref().map(str::as_bytes);
        given.ok_or_else(|| refused(settings, "the server asks for a password and none is given"))
    };
    let mut out = BytesMut::new();
    match kind {
        0 => return Ok(None),
        3 => frontend::password_message(password()?, &mut out).map_err(wrong)?,
        5 => {
            let salt = cursor
                .u32("salt")
                .map_err(|error| refused(settings, &error.to_string()))?;
            let hash = md5_hash(settings.user.as_bytes(), password()?, salt.to_be_bytes());
            frontend::password_message(hash.as_bytes(), &mut out).map_err(wrong)?;
        }
        10 => {
            let offered = cursor.rest().split(|byte| *byte == 0);
            if !offered
                .into_iter()
                .any(|name| name == SCRAM_SHA_256.as_bytes())
            {
                return Err(refused(settings, "the server offers no SCRAM-SHA-256"));
            }
            let state = ScramSha256::new(password()?, ChannelBinding::unsupported());
            frontend::sasl_initial_response(SCRAM_SHA_256, state.message(), &mut out)
                .map_err(wrong)?;
            *scram = Some(state);
        }
        11 => {
            let state = scram
                .as_mut()
                .ok_or_else(|| refused(settings, "SCRAM out of turn"))?;
            state.update(cursor.rest()).map_err(wrong)?;
            frontend::sasl_response(state.message(), &mut out).map_err(wrong)?;
        }
        12 => {
            let state = scram
                .as_mut()
                .ok_or_else(|| refused(settings, "SCRAM out of turn"))?;
            // Only a server that knows the password can sign: this is its own proof.
            state.finish(cursor.rest()).map_err(wrong)?;
            return Ok(None);
        }
        other => {
            return Err(refused(
                settings,
                &format!("method {other} is not supported"),
            ));
        }
    }
    Ok(Some(out))
}

fn refused(settings: &Settings, why: &str) -> ConnectorError {
    ConnectorError::configuration(
        "AuthenticationFailed",
        format!("logging in as {}: {why}", settings.target()),
    )
    .remedy(
        "check user and password in the connector's configuration and pg_hba.conf on the server",
    )
}
