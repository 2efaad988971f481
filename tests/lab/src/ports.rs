//! Free ports of the loopback interface.
//!
//! A lab asks for ports from its base upwards, so that the first lab of a machine always has the
//! same ones and a second lab moves on. The range lies beside the kernel's ephemeral ports: no
//! outgoing connection can take one between the look and the use. A base that reaches into them is refused.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, TcpListener};
use std::ops::RangeInclusive;
use std::sync::Mutex;

use anyhow::{Result, bail, ensure};

/// Where ports are looked for unless `WALBRIDGE_LAB_PORT` says otherwise.
pub const DEFAULT_BASE: u16 = 21000;

/// How far above the base a lab may look.
const SPAN: u16 = 1000;

/// Where Linux says which ports outgoing connections have.
const EPHEMERAL: &str = "/proc/sys/net/ipv4/ip_local_port_range";

/// Ports handed out by this process: a port is never given twice, even while nobody listens yet.
static TAKEN: Mutex<BTreeSet<u16>> = Mutex::new(BTreeSet::new());

/// Returns the base that the environment asks for.
pub(crate) fn base_from_env() -> Result<u16> {
    match std::env::var("WALBRIDGE_LAB_PORT") {
        Ok(text) => match text.parse::<u16>() {
            Ok(port) if (1024..=u16::MAX - SPAN).contains(&port) => apart(port, ephemeral()),
            _ => bail!(
                "WALBRIDGE_LAB_PORT={text}: wanted a port from 1024 to {}",
                u16::MAX - SPAN
            ),
        },
        Err(_) => Ok(DEFAULT_BASE),
    }
}

/// Returns the ports that the kernel gives to outgoing connections, where it says so.
fn ephemeral() -> Option<RangeInclusive<u16>> {
    let text = std::fs::read_to_string(EPHEMERAL).ok()?;
    let mut ends = text.split_whitespace().map(str::parse);
    Some(ends.next()?.ok()?..=ends.next()?.ok()?)
}

/// Refuses a base from which a lab could come upon ports of outgoing connections.
fn apart(base: u16, ephemeral: Option<RangeInclusive<u16>>) -> Result<u16> {
    let Some(range) = ephemeral else {
        return Ok(base);
    };
    let last = base.saturating_add(SPAN - 1);
    let (from, to) = (*range.start(), *range.end());
    ensure!(
        last < from || base > to,
        "WALBRIDGE_LAB_PORT={base}: the lab would take ports from {base} to {last}, and the kernel gives \
         those from {from} to {to} to outgoing connections ({EPHEMERAL}), which would be in its way now and \
         then; choose a base of at most {} or above {to}",
        from.saturating_sub(SPAN)
    );
    Ok(base)
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
    fn refuses_a_base_among_the_ports_of_outgoing_connections() {
        let range = || Some(32768..=60999);
        for good in [21000, 31768, 61000] {
            assert_eq!(apart(good, range()).unwrap(), good);
        }
        for bad in [31769, 32768, 45000, 60999] {
            let words = apart(bad, range()).unwrap_err().to_string();
            let named =
                words.contains(&format!("WALBRIDGE_LAB_PORT={bad}")) && words.contains("32768");
            assert!(named && words.contains("at most 31768"), "{words}");
        }
        assert_eq!(apart(45000, None).unwrap(), 45000);
        // The lab's own default is one that it would take.
        assert_eq!(apart(DEFAULT_BASE, ephemeral()).unwrap(), DEFAULT_BASE);
    }

    #[test]
    fn never_gives_a_port_twice_nor_one_in_use() {
        let first = free_port(31000).unwrap();
        let _listener = TcpListener::bind((Ipv4Addr::LOCALHOST, first + 1));
        let second = free_port(31000).unwrap();
        assert!(second > first + 1, "{first} {second}");
    }
}
