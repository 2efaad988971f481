//! Connection URLs, in libpq's form and in JDBC's.

use std::collections::BTreeMap;

/// The parts of a connection URL by libpq's parameter names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Url(BTreeMap<String, String>);

/// The parameters that may follow the `?`, each with the name it is kept under.
const PARAMETERS: &[(&str, &str)] = &[
    ("host", "host"),
    ("port", "port"),
    ("user", "user"),
    ("password", "password"),
    ("dbname", "dbname"),
    ("sslmode", "sslmode"),
    ("sslrootcert", "sslrootcert"),
    ("sslcert", "sslcert"),
    ("sslkey", "sslkey"),
    ("tcpKeepAlive", "tcpKeepAlive"),
    ("application_name", "application_name"),
    ("ApplicationName", "application_name"),
];

impl Url {
    /// Returns a part.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// Reads `[jdbc:]postgresql://[user[:password]@][host[:port]][/database][?name=value&…]`.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let text = text.strip_prefix("jdbc:").unwrap_or(text);
        let rest = text
            .strip_prefix("postgresql://")
            .or_else(|| text.strip_prefix("postgres://"))
            .ok_or("it does not start with postgresql://")?;
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (authority, dbname) = rest.split_once('/').unwrap_or((rest, ""));
        let mut url = Self::default();
        let address = match authority.rsplit_once('@') {
            Some((login, address)) => {
                let (user, password) = login.split_once(':').unwrap_or((login, ""));
                url.set("user", user)?;
                url.set("password", password)?;
                address
            }
            None => authority,
        };
        let (host, port) = split_port(address);
        url.set("host", host)?;
        url.set("port", port)?;
        url.set("dbname", dbname)?;
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let kept = PARAMETERS.iter().find(|(known, _)| *known == name);
            let (_, kept) = kept.ok_or_else(|| format!("unknown parameter \"{name}\""))?;
            url.set(kept, value)?;
        }
        Ok(url)
    }

    fn set(&mut self, name: &str, value: &str) -> Result<(), String> {
        if !value.is_empty() {
            self.0.insert(name.to_owned(), decode(value)?);
        }
        Ok(())
    }
}

/// Splits host and port; an IPv6 address stands in brackets.
fn split_port(address: &str) -> (&str, &str) {
    if let Some((host, rest)) = address.strip_prefix('[').and_then(|a| a.split_once(']')) {
        return (host, rest.strip_prefix(':').unwrap_or(""));
    }
    address.rsplit_once(':').unwrap_or((address, ""))
}

/// Turns `%2F` and its like back into bytes.
fn decode(text: &str) -> Result<String, String> {
    let wrong = || "a % that is not followed by two hexadecimal digits".to_owned();
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        rest = tail;
        if first != b'%' {
            bytes.push(first);
            continue;
        }
        let (digits, tail) = rest.split_at_checked(2).ok_or_else(wrong)?;
        let digits = std::str::from_utf8(digits).map_err(|_| wrong())?;
        bytes.push(u8::from_str_radix(digits, 16).map_err(|_| wrong())?);
        rest = tail;
    }
    String::from_utf8(bytes).map_err(|_| "not UTF-8".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_forms_are_read() {
        let url = Url::parse("jdbc:postgresql://db:6000/west?sslmode=require").unwrap();
        assert_eq!(
            (url.get("host"), url.get("port")),
            (Some("db"), Some("6000"))
        );
        assert_eq!(url.get("sslmode"), Some("require"));
        let url = Url::parse("postgresql://u:p%40ss@[::1]:5/d").unwrap();
        assert_eq!(
            (url.get("host"), url.get("password")),
            (Some("::1"), Some("p@ss"))
        );
        let url = Url::parse("postgres:///d?host=/run/pg").unwrap();
        assert_eq!(
            (url.get("host"), url.get("dbname")),
            (Some("/run/pg"), Some("d"))
        );
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        assert!(Url::parse("mysql://x").is_err());
        assert!(Url::parse("postgresql://x/y?reWriteBatchedInserts=true").is_err());
        assert!(Url::parse("postgresql://x/%zz").is_err());
    }
}
