//! What a lab is, as it stands in its folder for other processes to read.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use crate::ports;
use crate::site::SitePorts;

/// How a lab is made.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Options {
    /// The folder that holds everything of the lab. It must not exist, or be empty.
    pub dir: PathBuf,
    /// Where ports are looked for.
    pub base: u16,
    /// Settings of PostgreSQL on top of the lab's.
    pub postgres: Vec<(String, String)>,
    /// Settings of Kafka's broker on top of the lab's.
    pub kafka: Vec<(String, String)>,
    /// Whether Java compiles fully: for measurements. It costs memory and a slow start.
    pub fast: bool,
}

impl Options {
    /// Returns the options of a lab that ends with its process: a folder of its own, ports away
    /// from the ones of `lab up`, and no fsync (a killed process loses nothing by that).
    pub fn throwaway() -> Result<Self> {
        let pid = std::process::id();
        let shift = u16::try_from(pid % 16)? * 50 + 50;
        Ok(Self {
            dir: std::env::temp_dir().join(format!("walbridge-lab-{pid}")),
            base: ports::base_from_env()? + shift,
            postgres: vec![("fsync".to_owned(), "off".to_owned())],
            kafka: Vec::new(),
            fast: false,
        })
    }

    /// Returns the options of the lab that the environment names: `WALBRIDGE_LAB_DIR` and
    /// `WALBRIDGE_LAB_PORT`, else one folder per user and base port.
    pub fn from_env() -> Result<Self> {
        use std::os::unix::fs::MetadataExt;
        let base = ports::base_from_env()?;
        let dir = match std::env::var_os("WALBRIDGE_LAB_DIR") {
            Some(dir) => std::path::absolute(dir)?,
            None => {
                let uid = std::fs::metadata("/proc/self")?.uid();
                std::env::temp_dir().join(format!("walbridge-lab-{uid}-{base}"))
            }
        };
        Ok(Self {
            dir,
            base,
            postgres: Vec::new(),
            kafka: Vec::new(),
            fast: false,
        })
    }
}

/// A lab's options and ports.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct State {
    /// How it was made.
    pub options: Options,
    /// The ports of site east.
    pub east: SitePorts,
    /// The ports of site west.
    pub west: SitePorts,
}

impl State {
    /// Takes ports for a new lab.
    pub fn new(options: Options) -> Result<Self> {
        let east = SitePorts::take(options.base)?;
        let west = SitePorts::take(options.base + 10)?;
        Ok(Self {
            options,
            east,
            west,
        })
    }

    /// Reads the state of the lab in `dir`.
    pub fn read(dir: &Path) -> Result<Self> {
        let path = path(dir);
        let text = std::fs::read_to_string(&path)
            .with_context(|| format!("no lab runs in {}", dir.display()))?;
        serde_json::from_str(&text).with_context(|| format!("reading {}", path.display()))
    }

    /// Writes the state into the lab's folder.
    pub fn write(&self) -> Result<()> {
        let path = path(&self.options.dir);
        std::fs::write(&path, serde_json::to_string_pretty(self)?)
            .with_context(|| format!("writing {}", path.display()))
    }

    /// Tells whether a lab lives in `dir`.
    pub fn exists(dir: &Path) -> bool {
        path(dir).exists()
    }
}

fn path(dir: &Path) -> PathBuf {
    dir.join("lab.json")
}
