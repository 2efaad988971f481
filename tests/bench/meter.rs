//! Processor time of every process that takes part in a run.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Result, anyhow};
use walbridge_lab::{Identity, Session, Site, usage};

use crate::pair::Pair;

/// How often a backend's time is read: what it uses after the last look goes to the server's rest.
const LOOK: Duration = Duration::from_millis(20);

/// Looks between two searches for new backends.
const SEARCH: u32 = 10;

/// The backends that are shown apart from the rest of their server.
const BACKENDS: &str = "select pid, case when backend_type = 'walsender' then 'walsender' \
     when backend_type = 'logical replication worker' then 'apply worker' else 'sink session' end \
     from pg_stat_activity where backend_type in ('walsender', 'logical replication worker') \
     or application_name like 'walbridge sink%'";

/// Measures from its start to [`Meter::stop`].
#[derive(Debug)]
pub(crate) struct Meter {
    before: Vec<(String, u32, Duration)>,
    stop: Arc<AtomicBool>,
    watchers: Vec<JoinHandle<Result<BTreeMap<String, Duration>>>>,
}

impl Meter {
    /// Begins to measure the servers and workers of a pair.
    pub(crate) fn start(pair: &Pair) -> Result<Self> {
        let before = pair
            .processes()
            .into_iter()
            .map(|(name, pid)| (name, pid, usage(pid).cpu))
            .collect();
        let stop = Arc::new(AtomicBool::new(false));
        let mut watchers = Vec::new();
        for site in [pair.east(), pair.west()] {
            let watch = Watch::new(site)?;
            let stop = Arc::clone(&stop);
            watchers.push(std::thread::spawn(move || watch.run(&stop)));
        }
        Ok(Self {
            before,
            stop,
            watchers,
        })
    }

    /// Ends the measurement and returns the time that each process used; that of PostgreSQL's
    /// interesting backends stands apart.
    pub(crate) fn stop(self) -> Result<BTreeMap<String, Duration>> {
        let mut used: BTreeMap<String, Duration> = BTreeMap::new();
        for (name, pid, before) in self.before {
            used.insert(name, usage(pid).cpu.saturating_sub(before));
        }
        self.stop.store(true, Ordering::Relaxed);
        for watcher in self.watchers {
            let backends = watcher
                .join()
                .map_err(|_| anyhow!("a watcher of backends panicked"))??;
            for (name, time) in backends {
                let server = name.split(' ').next().unwrap_or_default();
                if let Some(rest) = used.get_mut(&format!("{server} postgres, rest")) {
                    *rest = rest.saturating_sub(time);
                }
                *used.entry(name).or_default() += time;
            }
        }
        Ok(used)
    }
}

/// Watches the backends of one PostgreSQL.
struct Watch {
    site: String,
    session: Session,
    /// By process: its label, its time when first seen, and its time when last seen.
    seen: BTreeMap<u32, (Identity, String, Duration, Duration)>,
}

impl Watch {
    fn new(site: &Site) -> Result<Self> {
        let mut watch = Self {
            site: site.name().to_owned(),
            session: site.postgres().session("postgres")?,
            seen: BTreeMap::new(),
        };
        watch.search(true)?;
        Ok(watch)
    }

    fn run(mut self, stop: &AtomicBool) -> Result<BTreeMap<String, Duration>> {
        let mut looks = 0;
        while !stop.load(Ordering::Relaxed) {
            std::thread::sleep(LOOK);
            looks += 1;
            if u32::is_multiple_of(looks, SEARCH) {
                self.search(false)?;
            }
            self.look();
        }
        self.search(false)?;
        self.look();
        let mut used = BTreeMap::new();
        for (_, label, before, after) in self.seen.into_values() {
            *used.entry(format!("{} {label}", self.site)).or_default() +=
                after.saturating_sub(before);
        }
        Ok(used)
    }

    /// Finds backends; those that are there at the start have used their time before it.
    fn search(&mut self, start: bool) -> Result<()> {
        for row in self.session.query(BACKENDS, &[])? {
            let (pid, label): (i32, String) = (row.try_get(0)?, row.try_get(1)?);
            let pid = u32::try_from(pid)?;
            let Some(identity) = Identity::of(pid) else {
                continue;
            };
            let known = self.seen.get(&pid).is_some_and(|seen| seen.0 == identity);
            if !known {
                let now = time_of(pid);
                let before = if start { now } else { Duration::ZERO };
                self.seen.insert(pid, (identity, label, before, now));
            }
        }
        Ok(())
    }

    fn look(&mut self) {
        for (pid, (identity, _, _, last)) in &mut self.seen {
            if identity.is_running() {
                *last = time_of(*pid).max(*last);
            }
        }
    }
}

/// Returns the time of one process without its children; cheap enough for fifty times a second.
fn time_of(pid: u32) -> Duration {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    ticks(&text, 11, 2)
}

/// Returns the time of the children that this process has waited for.
pub(crate) fn children() -> Duration {
    let text = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    ticks(&text, 13, 2)
}

/// Adds up fields of a `stat` file that count hundredths of a second.
fn ticks(stat: &str, skip: usize, take: usize) -> Duration {
    let fields = stat.rsplit_once(") ").map_or("", |(_, fields)| fields);
    let numbers = fields.split_whitespace().skip(skip).take(take);
    let ticks: u64 = numbers.filter_map(|field| field.parse::<u64>().ok()).sum();
    Duration::from_millis(ticks * 10)
}
