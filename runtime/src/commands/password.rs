//! `walbridge password`: lines for a users file.

use std::io::{BufRead as _, IsTerminal as _};
use std::process::ExitCode;

use walbridge::access::{Role, Users, hash_password, hash_token, new_token};

use super::{CONFIGURATION, ENVIRONMENT, fail, say};

/// How a user proves who it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum By {
    /// A password, asked for or read from standard input.
    Password,
    /// A token, made here.
    Token,
    /// A client certificate.
    Certificate,
}

/// Prints a user's line on standard output; a new token goes to standard error.
pub(crate) fn password(name: &str, role: Role, by: By) -> ExitCode {
    // What cannot be read back is refused before anybody types a password.
    if let Err(why) = readable(name, role) {
        return fail(CONFIGURATION, &why);
    }
    let hash = match by {
        By::Password => ask().and_then(|given| hash_password(&given)),
        By::Token => new_token().map(|token| {
            eprintln!("{token}");
            hash_token(&token)
        }),
        By::Certificate => Ok("certificate".to_owned()),
    };
    match hash {
        Ok(hash) => {
            say(&format!("{name} {role} {hash}"));
            ExitCode::SUCCESS
        }
        Err(why) => fail(ENVIRONMENT, &why),
    }
}

fn readable(name: &str, role: Role) -> Result<(), String> {
    let line = format!("{name} {role} certificate");
    let users = Users::parse(&line).map_err(|mistakes| {
        let why = mistakes.first().map_or("", |(_, why)| why);
        format!("{name:?} cannot be a user: {why}")
    })?;
    match &users.0[..] {
        [user] if user.name == name => Ok(()),
        _ => Err(format!("{name:?} cannot be a user's name in a users file")),
    }
}

fn ask() -> Result<String, String> {
    let failed = |error: std::io::Error| format!("cannot read the password: {error}");
    let given = if std::io::stdin().is_terminal() {
        let given = rpassword::prompt_password("Password: ").map_err(failed)?;
        let again = rpassword::prompt_password("Again: ").map_err(failed)?;
        if given != again {
            return Err("the two are not the same".into());
        }
        given
    } else {
        let mut line = String::new();
        std::io::stdin()
            .lock()
            .read_line(&mut line)
            .map_err(failed)?;
        line.trim_end_matches(['\r', '\n']).to_owned()
    };
    if given.is_empty() {
        return Err("the password is empty: give it as the first line of standard input".into());
    }
    Ok(given)
}
