//! Ends the process at a named point of the code: what fault tests do to a worker.

/// Arms the point that `WALBRIDGE_CRASH=name[:n]` names: its n-th pass aborts the process.
///
/// Does nothing unless the `failpoints` feature is on.
#[cfg(feature = "failpoints")]
pub fn arm(setting: Option<&str>) {
    use std::sync::atomic::{AtomicU64, Ordering};

    let Some(setting) = setting.filter(|text| !text.is_empty()) else {
        return;
    };
    let (name, count) = match setting.rsplit_once(':') {
        Some((name, count)) => (name, count.parse().unwrap_or(1)),
        None => (setting, 1),
    };
    let left = AtomicU64::new(count);
    let point = name.to_owned();
    let armed = fail::cfg_callback(name, move || {
        if left.fetch_sub(1, Ordering::SeqCst) == 1 {
            tracing::warn!(point, "aborting here as WALBRIDGE_CRASH asks");
            std::process::abort();
        }
    });
    match armed {
        Ok(()) => tracing::warn!(point = name, count, "armed to abort"),
        Err(error) => tracing::error!(point = name, error, "cannot arm"),
    }
}

/// Arms nothing: this binary has no such points.
#[cfg(not(feature = "failpoints"))]
pub fn arm(setting: Option<&str>) {
    if setting.is_some() {
        tracing::warn!("WALBRIDGE_CRASH is set, but this binary has no such points");
    }
}
