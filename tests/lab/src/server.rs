//! One server process: started, watched, frozen, killed and started again.

use std::fs::{File, OpenOptions};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::deadline::{wait_for, wait_until};
use crate::process::{self, Identity, Signal, Usage};

/// How long a server may take until it answers. Generous: a loaded machine with two cores starts
/// four Java processes at once.
const START_LIMIT: Duration = Duration::from_secs(240);

/// How long a server may take to end by itself before it is killed.
const STOP_LIMIT: Duration = Duration::from_secs(30);

/// The user a server runs as, when it may not run as root.
#[derive(Debug, Clone, Copy)]
pub struct RunAs {
    /// The user's number.
    pub uid: u32,
    /// The group's number.
    pub gid: u32,
}

/// What to run, and how to end it.
#[derive(Debug, Clone)]
pub struct Program {
    /// The server's name, unique in its lab: names the log and the pid file.
    pub name: String,
    /// The executable.
    pub path: PathBuf,
    /// Its arguments.
    pub args: Vec<String>,
    /// Environment on top of the lab's own.
    pub env: Vec<(String, String)>,
    /// The user to run as, if another.
    pub user: Option<RunAs>,
    /// The signal that asks it to end in good order.
    pub stop: Signal,
}

type Probe = Box<dyn Fn() -> Result<()> + Send + Sync>;

/// A server of a lab. All of its methods may be called from any thread.
pub struct Server {
    program: Program,
    dir: PathBuf,
    ready: Probe,
    after_kill: Option<Probe>,
    end: Mutex<Option<End>>,
}

/// How a process ended, once it has.
type End = Arc<OnceLock<ExitStatus>>;

impl Server {
    /// Describes a server; `dir` is the lab's folder, `ready` succeeds once it serves.
    pub fn new(
        program: Program,
        dir: &Path,
        ready: impl Fn() -> Result<()> + Send + Sync + 'static,
    ) -> Self {
        Self {
            program,
            dir: dir.to_owned(),
            ready: Box::new(ready),
            after_kill: None,
            end: Mutex::new(None),
        }
    }

    /// Has something done before the server starts again after it was killed.
    pub fn after_kill(mut self, heal: impl Fn() -> Result<()> + Send + Sync + 'static) -> Self {
        self.after_kill = Some(Box::new(heal));
        self
    }

    /// Returns the server's name.
    pub fn name(&self) -> &str {
        &self.program.name
    }

    /// Returns the file that takes the server's output.
    pub fn log_path(&self) -> PathBuf {
        self.dir
            .join("logs")
            .join(format!("{}.log", self.program.name))
    }

    /// Returns everything the server has written so far.
    pub fn log(&self) -> String {
        std::fs::read(self.log_path())
            .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
            .unwrap_or_default()
    }

    /// Returns the process id while it runs.
    pub fn pid(&self) -> Option<u32> {
        self.identity()
            .filter(|identity| identity.is_running())
            .map(|identity| identity.pid)
    }

    /// Tells whether the process runs.
    pub fn is_running(&self) -> bool {
        self.pid().is_some()
    }

    /// Returns what the process and its children have used so far.
    pub fn usage(&self) -> Usage {
        self.pid().map(process::usage).unwrap_or_default()
    }

    /// Starts the process and waits until it serves; does nothing if it runs already.
    pub fn start(&self) -> Result<()> {
        self.spawn()?;
        self.wait_ready()
    }

    /// Starts the process without waiting, so that several can start at once.
    pub fn spawn(&self) -> Result<()> {
        if self.is_running() {
            return Ok(());
        }
        // Whoever ends in good order leaves no pid file.
        if let Some(heal) = &self.after_kill
            && self.pid_path().exists()
        {
            heal().with_context(|| format!("before {} starts again", self.name()))?;
        }
        let log = self.open_log()?;
        let mut command = Command::new(&self.program.path);
        command
            .args(&self.program.args)
            .envs(self.program.env.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .current_dir(&self.dir)
            // A group of its own: Ctrl-C at the terminal is for the lab command, not for servers.
            .process_group(0);
        if let Some(user) = self.program.user {
            command.uid(user.uid).gid(user.gid);
        }
        let mut child = command.spawn().with_context(|| {
            format!(
                "starting {} ({})",
                self.program.name,
                self.program.path.display()
            )
        })?;
        if let Some(identity) = Identity::of(child.id()) {
            identity.write(&self.pid_path())?;
        }
        let end = End::default();
        *self.end() = Some(Arc::clone(&end));
        // Collected as soon as it ends, whoever killed it: to PostgreSQL a zombie is another
        // server that still holds its data folder.
        std::thread::Builder::new()
            .name(format!("wait-{}", self.program.name))
            .spawn(move || {
                if let Ok(status) = child.wait() {
                    let _ = end.set(status);
                }
            })?;
        Ok(())
    }

    /// Waits until the server serves; fails at once if it ends instead.
    pub fn wait_ready(&self) -> Result<()> {
        let mut ended = false;
        let waited = wait_for(&format!("{} to serve", self.name()), START_LIMIT, || {
            if !self.is_running() {
                ended = true;
                return Ok(Some(()));
            }
            (self.ready)().map(Some)
        });
        if ended {
            bail!("{} ended at its start:\n{}", self.name(), self.log_tail(15));
        }
        waited.with_context(|| format!("its log ends with:\n{}", self.log_tail(15)))
    }

    /// Ends the process in good order, by force after half a minute.
    pub fn stop(&self) -> Result<()> {
        let Some(identity) = self.identity().filter(|identity| identity.is_running()) else {
            return Ok(());
        };
        identity.signal(self.program.stop);
        if wait_until(self.name(), STOP_LIMIT, || !self.is_running()).is_err() {
            return self.kill();
        }
        self.forget();
        Ok(())
    }

    /// Kills the process and everything below it (SIGKILL) and waits until they are gone. The pid file
    /// stays, as it does if somebody else kills it: the next start, perhaps another process's, sees by it how
    /// this one ended.
    pub fn kill(&self) -> Result<()> {
        let Some(identity) = self.identity() else {
            return Ok(());
        };
        // PostgreSQL's children outlive their parent by a moment and block a new start meanwhile.
        let family = if identity.is_running() {
            process::tree(identity.pid)
        } else {
            Vec::new()
        };
        for member in &family {
            member.signal(Signal::Kill);
        }
        wait_until(&format!("{} to be gone", self.name()), STOP_LIMIT, || {
            family.iter().all(|member| !member.is_running())
        })?;
        // A zombie is dead but not gone; its parent, perhaps another process, collects it now.
        let gone = || {
            family
                .iter()
                .all(|member| Identity::of(member.pid) != Some(*member))
        };
        let _ = wait_until("zombies to be collected", Duration::from_secs(2), gone);
        Ok(())
    }

    /// Stops and starts again.
    pub fn restart(&self) -> Result<()> {
        self.stop()?;
        self.start()
    }

    /// Freezes the process and its children: it keeps its connections and answers nothing.
    pub fn freeze(&self) {
        self.signal_tree(Signal::Stop);
    }

    /// Lets a frozen process go on.
    pub fn thaw(&self) {
        self.signal_tree(Signal::Continue);
    }

    /// Waits until the process ends by itself; only for one that this process started.
    pub fn wait_exit(&self, limit: Duration) -> Result<ExitStatus> {
        let status = wait_for(&format!("{} to end", self.name()), limit, || {
            match self.end().as_ref() {
                Some(end) => Ok(end.get().copied()),
                None => bail!("it was not started by this process"),
            }
        })?;
        self.forget();
        Ok(status)
    }

    /// Waits until the log contains a text.
    pub fn wait_log(&self, text: &str, limit: Duration) -> Result<()> {
        wait_until(&format!("{} to log {text:?}", self.name()), limit, || {
            self.log().contains(text)
        })
        .with_context(|| format!("its log ends with:\n{}", self.log_tail(15)))
    }

    /// Returns the last lines of the log.
    pub fn log_tail(&self, lines: usize) -> String {
        let log = self.log();
        let all: Vec<&str> = log.lines().collect();
        all.get(all.len().saturating_sub(lines)..)
            .unwrap_or_default()
            .join("\n")
    }

    fn signal_tree(&self, signal: Signal) {
        for member in self.pid().map(process::tree).unwrap_or_default() {
            member.signal(signal);
        }
    }

    fn pid_path(&self) -> PathBuf {
        self.dir
            .join("pids")
            .join(format!("{}.pid", self.program.name))
    }

    fn identity(&self) -> Option<Identity> {
        Identity::read(&self.pid_path())
    }

    fn open_log(&self) -> Result<File> {
        let path = self.log_path();
        OpenOptions::new()
            .create(true)
            .append(true)
            .open(&path)
            .with_context(|| format!("opening {}", path.display()))
    }

    fn forget(&self) {
        // Gone already if somebody else ended the server.
        let _ = std::fs::remove_file(self.pid_path());
    }

    fn end(&self) -> MutexGuard<'_, Option<End>> {
        self.end
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server")
            .field("program", &self.program)
            .finish_non_exhaustive()
    }
}
