//! From what PostgreSQL answers to what the runtime must do.

use std::error::Error as StdError;

use walbridge_connector_api::{ConnectorError, Disposition};

/// Returns the error's name and disposition for a SQLSTATE.
pub fn classify(code: &str) -> (&'static str, Disposition) {
    use Disposition::{Retry, Stop};
    match code {
        "28P01" | "28000" => ("AuthenticationFailed", Stop),
        "3D000" => ("DatabaseMissing", Stop),
        "42501" => ("MissingPrivilege", Stop),
        "55006" => ("SlotInUse", Retry),
        // Starting up, shutting down, crashed, terminated by an administrator, too many clients.
        "57P01" | "57P02" | "57P03" | "57P05" | "53300" => ("Unreachable", Retry),
        "40001" | "40P01" | "55P03" | "57014" => ("Interrupted", Retry),
        _ if code.starts_with("08") => ("Unreachable", Retry),
        _ if code.starts_with("53") => ("OutOfResources", Retry),
        _ if code.starts_with("58") => ("ServerTrouble", Retry),
        _ => ("DatabaseError", Stop),
    }
}

/// Returns what a person can do about a SQLSTATE, if there is something to say.
fn remedy(code: &str) -> Option<&'static str> {
    Some(match code {
        "28P01" | "28000" => {
            "check user and password in the connector's configuration and pg_hba.conf on the server"
        }
        "3D000" => "create the database or correct its name in the connector's configuration",
        "42501" => "grant the connector's user what the message names",
        "53300" => "raise max_connections on the server or free connections",
        _ => return None,
    })
}

/// Creates an error from a SQLSTATE and the server's message; `what` says what was being done.
pub fn from_server(code: &str, message: &str, what: &str) -> ConnectorError {
    let (mut name, mut disposition) = classify(code);
    // A walsender that remembers an old catalog; a fresh one reads the same log without it.
    if code == "XX000" && message.starts_with("could not map filenode") {
        (name, disposition) = ("DecodingFailed", Disposition::Retry);
    }
    // A session that remembers a table or a type as it was; a fresh one reads it as it is.
    if code == "XX000" && message.starts_with("cache lookup failed")
        || code == "0A000" && message.starts_with("cached plan must not change")
    {
        (name, disposition) = ("CatalogChanged", Disposition::Retry);
    }
    let text = format!("{what}: {message} (SQLSTATE {code})");
    let error = match disposition {
        Disposition::Stop if name == "AuthenticationFailed" => {
            ConnectorError::configuration(name, text)
        }
        Disposition::Stop => ConnectorError::stop(name, text),
        Disposition::Retry => ConnectorError::retry(name, text),
        Disposition::Rewind => ConnectorError::rewind(name, text),
    };
    match remedy(code) {
        Some(remedy) => error.remedy(remedy),
        None => error,
    }
}

/// Creates an error from an input or output error; `what` says what was being done.
pub fn from_io(error: std::io::Error, what: &str) -> ConnectorError {
    if let Some(tls) = find::<rustls::Error>(&error) {
        let text = format!("{what}: {tls}");
        return tls_error(tls, text).because(error);
    }
    ConnectorError::retry("Unreachable", format!("{what}: {error}")).because(error)
}

/// Creates an error from what tokio-postgres answered; `what` says what was being done.
pub fn from_client(error: tokio_postgres::Error, what: &str) -> ConnectorError {
    if let Some(server) = error.as_db_error() {
        let mut message = server.message().to_owned();
        for more in [server.detail(), server.where_()].into_iter().flatten() {
            message.push_str("; ");
            message.push_str(more);
        }
        return from_server(server.code().code(), &message, what).because(error);
    }
    if let Some(tls) = find::<rustls::Error>(&error) {
        let text = format!("{what}: {tls}");
        return tls_error(tls, text).because(error);
    }
    let text = match error.source() {
        Some(cause) => format!("{what}: {error}: {cause}"),
        None => format!("{what}: {error}"),
    };
    if find::<std::io::Error>(&error).is_some() || error.is_closed() {
        return ConnectorError::retry("Unreachable", text).because(error);
    }
    // The rest has no public kind: connecting and waiting too long pass by themselves, while a
    // refused handshake or a wrong conversion does not.
    let shown = error.to_string();
    if shown.contains("error connecting") || shown.contains("timeout") {
        return ConnectorError::retry("Unreachable", text).because(error);
    }
    if shown.contains("authentication") || shown.contains("invalid configuration") {
        return ConnectorError::configuration("AuthenticationFailed", text)
            .because(error)
            .remedy("check user and password in the connector's configuration");
    }
    if shown.contains("TLS") {
        return ConnectorError::stop("TlsFailed", text)
            .because(error)
            .remedy("turn on ssl on the server or set sslmode to prefer or disable");
    }
    ConnectorError::stop("DatabaseError", text).because(error)
}

/// Creates an error from a failed handshake: a refused certificate does not mend by waiting.
fn tls_error(_error: &rustls::Error, text: String) -> ConnectorError {
    ConnectorError::stop("TlsFailed", text)
        .remedy("check sslmode, sslrootcert, sslcert and sslkey against the server's certificate")
}

/// Looks for a cause of type `T`, also inside the wrapping of input and output errors.
fn find<'a, T: StdError + 'static>(error: &'a (dyn StdError + 'static)) -> Option<&'a T> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<T>() {
            return Some(found);
        }
        let inner = error
            .downcast_ref::<std::io::Error>()
            .and_then(|io| io.get_ref());
        if let Some(found) = inner.and_then(|inner| find::<T>(inner)) {
            return Some(found);
        }
        next = error.source();
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_passes_by_itself_is_tried_again() {
        assert_eq!(classify("57P03"), ("Unreachable", Disposition::Retry));
        assert_eq!(
            classify("28P01"),
            ("AuthenticationFailed", Disposition::Stop)
        );
        assert_eq!(classify("53100"), ("OutOfResources", Disposition::Retry));
        assert_eq!(classify("22P02"), ("DatabaseError", Disposition::Stop));
    }

    #[test]
    fn a_walsender_that_remembers_wrongly_is_asked_anew() {
        let words = "could not map filenode \"base/1/2\" to relation OID";
        let error = from_server("XX000", words, "db");
        assert_eq!(
            (error.name(), error.disposition()),
            ("DecodingFailed", Disposition::Retry)
        );
        let error = from_server("XX000", "another defect", "db");
        assert_eq!(error.disposition(), Disposition::Stop);
    }

    #[test]
    fn tls_causes_are_found_inside_io_errors() {
        let io = std::io::Error::other(rustls::Error::HandshakeNotComplete);
        assert_eq!(from_io(io, "connecting").name(), "TlsFailed");
        let io = std::io::Error::from(std::io::ErrorKind::ConnectionRefused);
        assert_eq!(from_io(io, "connecting").name(), "Unreachable");
    }
}
