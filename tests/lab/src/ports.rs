//! Free ports of the loopback interface.
//!
//! A lab asks for ports from its base upwards, so that the first lab of a machine always has the
//! same ones and a second lab moves on. The range lies below the kernel's ephemeral ports: no
//! outgoing connection can take one between the look and the use.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, TcpListener};
use std::sync::Mutex;

use anyhow::{Result, bail};

/// Where ports are looked for unless `WALBRIDGE_LAB_PORT` says otherwise.
pub const DEFAULT_BASE: u16 = 21000;

/// How far above the base a lab may look.
const SPAN: u16 = 1000;

/// Ports handed out by this process: a port is never given twice, even while nobody listens yet.
static TAKEN: Mutex<BTreeSet<u16>> = Mutex::new(BTreeSet::new());

/// Returns the base that the environment asks for.
pub(crate) fn base_from_env() -> Result<u16> {
    match std::env::var("WALBRIDGE_LAB_PORT") {
        Ok(text) => match text.parse::<u16>() {
            Ok(port) if (1024..=u16::MAX - SPAN).contains(&port) => Ok(port),
            _ => bail!(
                "WALBRIDGE_LAB_PORT={text}: wanted a port from 1024 to {}",
                u16::MAX - SPAN
            ),
        },
        Err(_) => Ok(DEFAULT_BASE),
    }
}

/// Takes the first free port at or above `base`.
pub fn free_port(base: u16) -> Result<u16> {
    let mut taken = TAKEN
        .lock()
        .unwrap_or_else(|poisoned| poisoned.into_inner());
    for port in base..base.saturating_add(SPAN) {
        if !taken.contains(&port) && is_free(port) {
            taken.insert(port);
            return Ok(port);
        }
    }
    bail!("no free port from {base} to {}", base.saturating_add(SPAN))
}

/// Tells whether nobody listens on the port.
pub fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn never_gives_a_port_twice_nor_one_in_use() {
        let first = free_port(31000).unwrap();
        let _listener = TcpListener::bind((Ipv4Addr::LOCALHOST, first + 1));
        let second = free_port(31000).unwrap();
        assert!(second > first + 1, "{first} {second}");
    }
}
