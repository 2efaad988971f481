//! Two sites and the network between them.

use std::path::Path;
use std::sync::{OnceLock, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Instant;

use anyhow::{Context, Result, anyhow, bail};

use crate::link::Link;
use crate::parts::Parts;
use crate::ports::free_port;
use crate::reaper::Reaper;
use crate::server::Server;
use crate::site::Site;
use crate::state::{Options, State};
use crate::worker::Worker;

/// The longest path of a lab's folder: its sockets' names must fit into 107 bytes.
const LONGEST_DIR: usize = 70;

/// A running pair of sites.
#[derive(Debug)]
pub struct Lab {
    state: State,
    east: Site,
    west: Site,
    link: Link,
    peace: RwLock<()>,
    /// Ends the lab when this process ends; absent if the lab belongs to another process.
    _reaper: Option<Reaper>,
}

impl Lab {
    /// Returns the lab that this process shares: the one of `WALBRIDGE_LAB_ATTACH` if it is set,
    /// else a throwaway one, started at the first call.
    pub fn shared() -> Result<&'static Self> {
        static LAB: OnceLock<Result<Lab, String>> = OnceLock::new();
        let lab = LAB.get_or_init(|| {
            let lab = match std::env::var_os("WALBRIDGE_LAB_ATTACH") {
                Some(dir) => Self::attach(Path::new(&dir)),
                None => Options::throwaway()
                    .and_then(|options| Self::start(options, &|text| eprintln!("lab: {text}"))),
            };
            lab.map_err(|error| format!("{error:#}"))
        });
        lab.as_ref()
            .map_err(|error| anyhow!("the lab does not start: {error}"))
    }

    /// Starts a lab that ends with this process, or when it is dropped.
    pub fn start(options: Options, say: &dyn Fn(&str)) -> Result<Self> {
        let lab = Self::create(options, true, say)?;
        Link::serve(lab.dir(), &lab.routes())?;
        lab.start_servers(say)?;
        Ok(lab)
    }

    /// Prepares a lab that outlives this process: nothing runs yet, and nobody serves its link.
    pub fn create(options: Options, throwaway: bool, say: &dyn Fn(&str)) -> Result<Self> {
        let parts = Parts::ensure(say)?;
        let dir = options.dir.clone();
        if State::exists(&dir) {
            bail!("a lab lives in {} already", dir.display());
        }
        if dir.as_os_str().len() > LONGEST_DIR {
            bail!(
                "{}: longer than {LONGEST_DIR} bytes, too long for the lab's sockets",
                dir.display()
            );
        }
        for sub in ["logs", "pids", "data"] {
            std::fs::create_dir_all(dir.join(sub))
                .with_context(|| format!("creating {}", dir.display()))?;
        }
        let reaper = throwaway.then(|| Reaper::watch(&dir)).transpose()?;
        let state = State::new(options)?;
        let lab = Self::describe(state, &parts, reaper)?;
        say("creating the sites' folders");
        std::thread::scope(|scope| {
            let west = scope.spawn(|| lab.west.create(&lab.state.options));
            let east = lab.east.create(&lab.state.options);
            match west.join() {
                Ok(west) => east.and(west),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        })?;
        lab.state.write()?;
        Ok(lab)
    }

    /// Attaches to the lab in `dir`, which goes on after this process.
    pub fn attach(dir: &Path) -> Result<Self> {
        let state = State::read(dir)?;
        Self::describe(state, &Parts::ensure(&|_| {})?, None)
    }

    fn describe(state: State, parts: &Parts, reaper: Option<Reaper>) -> Result<Self> {
        Ok(Self {
            east: Site::new("east", state.east, &state.options, parts)?,
            west: Site::new("west", state.west, &state.options, parts)?,
            link: Link::of(&state.options.dir),
            peace: RwLock::new(()),
            _reaper: reaper,
            state,
        })
    }

    /// Starts all servers at once, the link aside, and waits until they serve.
    pub fn start_servers(&self, say: &dyn Fn(&str)) -> Result<()> {
        let started = Instant::now();
        for server in self.servers() {
            server.spawn()?;
        }
        for server in self.servers() {
            server.wait_ready()?;
            say(&format!(
                "{} serves after {:.1} s",
                server.name(),
                started.elapsed().as_secs_f64()
            ));
        }
        Ok(())
    }

    /// Returns the routes of the network between the sites.
    pub fn routes(&self) -> Vec<crate::link::Route> {
        [self.state.east.routes(), self.state.west.routes()].concat()
    }

    /// Returns the site of the primary.
    pub fn east(&self) -> &Site {
        &self.east
    }

    /// Returns the site of the standby.
    pub fn west(&self) -> &Site {
        &self.west
    }

    /// Returns the site of this name.
    pub fn site(&self, name: &str) -> Result<&Site> {
        match name {
            "east" => Ok(&self.east),
            "west" => Ok(&self.west),
            _ => bail!("no site {name:?}: there are east and west"),
        }
    }

    /// Returns the network between the sites.
    pub fn link(&self) -> &Link {
        &self.link
    }

    /// Returns the lab's folder.
    pub fn dir(&self) -> &Path {
        &self.state.options.dir
    }

    /// Returns how the lab was made and which ports it has.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// Returns the servers of both sites.
    pub fn servers(&self) -> Vec<&Server> {
        self.east
            .servers()
            .into_iter()
            .chain(self.west.servers())
            .collect()
    }

    /// Takes a free port, for a worker's REST API or a server of a test's own.
    pub fn free_port(&self) -> Result<u16> {
        free_port(self.state.options.base + 20)
    }

    /// Returns where everything is, as names and values that a shell can take.
    pub fn env(&self) -> Vec<(String, String)> {
        let dir = (
            "WALBRIDGE_LAB_DIR".to_owned(),
            self.dir().display().to_string(),
        );
        let sites = self.east.env().into_iter().chain(self.west.env());
        std::iter::once(dir).chain(sites).collect()
    }

    /// Describes a worker: `name` is unique in the lab, `file` its worker file. It gets the lab's
    /// `NAME=value` pairs as its environment.
    pub fn worker(&self, name: &str, file: &Path) -> Worker {
        Worker::new(self.dir(), name, file).envs(self.env())
    }

    /// Holds a promise that no test of this process harms the servers meanwhile.
    pub fn peace(&self) -> RwLockReadGuard<'_, ()> {
        self.peace
            .read()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// Waits for everybody who holds the peace and takes the servers for oneself, to harm them at
    /// will. When the guard goes, the link is healed and whatever is down is started again.
    pub fn harm(&self) -> Harm<'_> {
        let guard = self
            .peace
            .write()
            .unwrap_or_else(|poisoned| poisoned.into_inner());
        Harm {
            lab: self,
            _guard: guard,
        }
    }

    /// Heals the link, thaws and starts every server that is not serving.
    pub fn repair(&self) -> Result<()> {
        self.link.heal()?;
        for server in self.servers() {
            server.thaw();
            server.spawn()?;
        }
        self.servers().into_iter().try_for_each(Server::wait_ready)
    }
}

/// The right to harm a lab's servers; repairs them when it goes.
#[derive(Debug)]
pub struct Harm<'a> {
    lab: &'a Lab,
    _guard: RwLockWriteGuard<'a, ()>,
}

impl Drop for Harm<'_> {
    fn drop(&mut self) {
        if let Err(error) = self.lab.repair() {
            eprintln!("lab: repairing after a test: {error:#}");
        }
    }
}
