//! Where the REST API listens.

use std::fmt;

/// A listener.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listener {
    /// The host or address; empty for every interface.
    pub host: String,
    /// The port; 0 takes a free one.
    pub port: u16,
    /// Whether it speaks TLS.
    pub tls: bool,
}

impl Listener {
    /// Parses `http://host:port` or `https://host:port`.
    ///
    /// # Errors
    /// In words, if it is not of that form.
    pub fn parse(text: &str) -> Result<Self, String> {
        let Some((scheme, rest)) = text.split_once("://") else {
            return Err(format!("{text} is not of the form http://host:port"));
        };
        let tls = scheme.eq_ignore_ascii_case("https");
        if !tls && !scheme.eq_ignore_ascii_case("http") {
            return Err(format!(
                "{scheme} is not a supported scheme; supported: http, https"
            ));
        }
        let Some((host, port)) = rest.trim_end_matches('/').rsplit_once(':') else {
            return Err(format!("{text} names no port"));
        };
        let port = port.parse().map_err(|_| format!("{port} is not a port"))?;
        Ok(Self {
            host: host.trim_matches(['[', ']']).to_owned(),
            port,
            tls,
        })
    }

    /// Returns what to bind to, as a resolvable pair.
    pub fn bind(&self) -> (&str, u16) {
        (
            if self.host.is_empty() {
                "0.0.0.0"
            } else {
                &self.host
            },
            self.port,
        )
    }

    /// Returns whether only this machine can reach it.
    pub fn is_loopback(&self) -> bool {
        self.host.eq_ignore_ascii_case("localhost")
            || self
                .host
                .parse::<std::net::IpAddr>()
                .is_ok_and(|ip| ip.is_loopback())
    }
}

impl fmt::Display for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.tls { "https" } else { "http" };
        write!(f, "{scheme}://{}:{}", self.host, self.port)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_connects_forms() {
        let any = Listener::parse("http://:8083").unwrap();
        assert_eq!(any.bind(), ("0.0.0.0", 8083));
        assert!(!any.is_loopback());
        assert!(
            Listener::parse("HTTP://127.0.0.1:0/")
                .unwrap()
                .is_loopback()
        );
        assert_eq!(Listener::parse("http://[::1]:80").unwrap().host, "::1");
        let tls = Listener::parse("HTTPS://a:1").unwrap();
        assert!(tls.tls && !tls.is_loopback());
        assert_eq!(tls.to_string(), "https://a:1");
        assert!(Listener::parse("ftp://a:1").unwrap_err().contains("ftp"));
        assert!(Listener::parse("a:1").is_err());
        assert!(Listener::parse("http://a:b").is_err());
    }
}
