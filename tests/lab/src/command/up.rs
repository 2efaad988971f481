//! `lab up`: from nothing to a standby that follows.

use std::io::IsTerminal;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use walbridge_lab::{DATABASE, Lab, Link, Options, Program, Server, Signal, Site, State};

use super::{connectors, load, repository, screen, try_it};

/// Start two sites, a worker in each, a load, and show the standby following.
#[derive(Debug, clap::Args)]
pub(super) struct Up {
    /// Start the servers alone: databases, Kafkas, registries and the network between them
    #[arg(long)]
    no_workers: bool,
    /// How many seconds the screen stays; Enter or Ctrl-C ends it earlier
    #[arg(long = "for", value_name = "SECONDS", default_value_t = 60)]
    seconds: u64,
    /// Transactions per second of the load
    #[arg(long, default_value_t = load::RATE)]
    rate: u32,
    /// The size of pgbench's database: 100,000 accounts each
    #[arg(long, default_value_t = 1)]
    scale: u32,
    /// The walbridge executable
    #[arg(long, value_name = "FILE")]
    binary: Option<PathBuf>,
}

impl Up {
    /// Runs the command.
    pub(super) fn run(&self, options: Options) -> Result<()> {
        let started = Instant::now();
        let say = |text: &str| println!("[{:>5.1} s] {text}", started.elapsed().as_secs_f64());
        let lab = prepare(options, &say)?;
        self.start(&lab, &say).with_context(|| {
            format!(
                "what runs is left for a look ({}); ./lab down ends it",
                lab.dir().display()
            )
        })
    }

    fn start(&self, lab: &Lab, say: &dyn Fn(&str)) -> Result<()> {
        start_link(lab)?;
        lab.start_servers(say)?;
        for site in [lab.east(), lab.west()] {
            let session = site.postgres().session("postgres")?;
            let known = "select exists (select from pg_database where datname = 'bank')";
            if !session.one::<bool>(known)? {
                site.postgres().create_database(DATABASE)?;
            }
        }
        if self.no_workers {
            say("both sites serve; ./lab env says where, ./lab down ends them");
            return Ok(());
        }
        say(&format!(
            "loading pgbench's tables into east, scale {}",
            self.scale
        ));
        load::create(lab, self.scale)?;
        for site in [lab.east(), lab.west()] {
            self.start_worker(lab, site)?;
            say(&format!(
                "{}'s worker answers at {}",
                site.name(),
                site.connect_url()
            ));
        }
        for site in [lab.east(), lab.west()] {
            for name in connectors::create(site)? {
                say(&format!("created {name} in {}", site.name()));
            }
        }
        load::start(lab, self.rate)?;
        say(&format!(
            "running pgbench's TPC-B load at east, {} transactions/s",
            self.rate
        ));
        screen::show(
            lab,
            Duration::from_secs(self.seconds),
            std::io::stdout().is_terminal(),
        )?;
        println!("{}", try_it::text(lab));
        Ok(())
    }

    fn start_worker(&self, lab: &Lab, site: &Site) -> Result<()> {
        let file = repository()
            .join("configs")
            .join(site.name())
            .join("worker.toml");
        if !file.exists() {
            bail!("{} is missing", file.display());
        }
        let name = format!("{}-worker", site.name());
        let mut worker = lab.worker(&name, &file).url(&site.connect_url());
        if let Some(binary) = &self.binary {
            worker = worker.binary(binary);
        }
        let mut running = worker.describe()?;
        running.detach();
        running.start()
    }
}

/// Creates the lab, or goes on with the one that is there.
fn prepare(options: Options, say: &dyn Fn(&str)) -> Result<Lab> {
    if State::exists(&options.dir) {
        say(&format!(
            "going on with the lab in {}",
            options.dir.display()
        ));
        return Lab::attach(&options.dir);
    }
    // A folder without a state is what a failed start left.
    if options.dir.join("pids").exists() {
        std::fs::remove_dir_all(&options.dir)?;
    }
    say(&format!("a new lab in {}", options.dir.display()));
    Lab::create(options, false, say)
}

/// Starts the process that is the network between the sites.
fn start_link(lab: &Lab) -> Result<()> {
    let program = Program {
        name: "link".to_owned(),
        path: std::env::current_exe()?,
        args: vec!["link".to_owned()],
        env: vec![(
            "WALBRIDGE_LAB_DIR".to_owned(),
            lab.dir().display().to_string(),
        )],
        user: None,
        stop: Signal::Term,
    };
    let link = Link::of(lab.dir());
    Server::new(program, lab.dir(), move || link.describe().map(drop)).start()
}
