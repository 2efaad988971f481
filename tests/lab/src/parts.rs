//! The parts a lab is made of: where they are, and how they are fetched.
//!
//! PostgreSQL, Java and Maven come from the system's packages (`./lab` installs them); Kafka and
//! the registry come from Maven Central into a cache that all labs of a user share.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::postgres::run;

const KAFKA: &str = "4.3.0";
const REGISTRY: &str = "2.6.13.Final";
const LOG4J: &str = "2.25.1";

/// The first Java that Kafka's broker accepts.
const JAVA: u32 = 17;

/// Where everything is.
#[derive(Debug, Clone)]
pub struct Parts {
    /// The folder of `postgres`, `initdb` and their like.
    pub postgres_bin: PathBuf,
    /// The `java` executable.
    pub java: PathBuf,
    /// The folder with Kafka's jars.
    pub kafka_libs: PathBuf,
    /// The registry's runnable jar.
    pub registry_jar: PathBuf,
}

impl Parts {
    /// Finds all parts and fetches the ones that come from Maven; `say` hears of long steps.
    pub fn ensure(say: &dyn Fn(&str)) -> Result<Self> {
        let cache = cache_dir()?;
        std::fs::create_dir_all(&cache)
            .with_context(|| format!("creating the parts cache {}", cache.display()))?;
        let _lock = lock(&cache)?;
        Ok(Self {
            postgres_bin: find_postgres()?,
            java: find_java()?,
            kafka_libs: ensure_kafka(&cache, say)?,
            registry_jar: ensure_registry(&cache, say)?,
        })
    }

    /// Fetches what only Kafka Connect itself needs and returns the folder with its connectors.
    pub fn ensure_connect(say: &dyn Fn(&str)) -> Result<PathBuf> {
        let cache = cache_dir()?;
        let _lock = lock(&cache)?;
        ensure_connectors(&cache, say)
    }
}

/// Returns the folder that keeps fetched parts: `$WALBRIDGE_LAB_PARTS`, else one in the user's
/// cache.
pub fn cache_dir() -> Result<PathBuf> {
    if let Some(dir) = std::env::var_os("WALBRIDGE_LAB_PARTS") {
        return Ok(dir.into());
    }
    if let Some(dir) = std::env::var_os("XDG_CACHE_HOME") {
        return Ok(Path::new(&dir).join("walbridge-lab"));
    }
    match std::env::var_os("HOME") {
        Some(home) => Ok(Path::new(&home).join(".cache/walbridge-lab")),
        None => bail!("neither WALBRIDGE_LAB_PARTS nor HOME is set: no place for the lab's parts"),
    }
}

/// Keeps two labs from fetching into the same cache at once.
fn lock(cache: &Path) -> Result<File> {
    let file = File::create(cache.join("lock"))?;
    file.lock()
        .context("waiting for another lab that fetches parts")?;
    Ok(file)
}

fn ensure_kafka(cache: &Path, say: &dyn Fn(&str)) -> Result<PathBuf> {
    let done = cache.join("kafka/libs");
    if done.join(format!("kafka_2.13-{KAFKA}.jar")).exists() {
        return Ok(done);
    }
    say(&format!(
        "fetching Apache Kafka {KAFKA} from Maven Central (54 MB)"
    ));
    let work = fresh(&cache.join("kafka.part"))?;
    let jars = project(&[
        ("org.apache.kafka", "kafka_2.13", KAFKA),
        ("org.apache.kafka", "kafka-tools", KAFKA),
        ("org.apache.logging.log4j", "log4j-core", LOG4J),
        ("org.apache.logging.log4j", "log4j-slf4j-impl", LOG4J),
    ]);
    copy_jars(&work, &jars, &[]).context("fetching Kafka")?;
    settle(&work, &cache.join("kafka"))?;
    Ok(done)
}

/// Fetches the connectors that Kafka Connect comes with; Connect itself is among Kafka's jars.
fn ensure_connectors(cache: &Path, say: &dyn Fn(&str)) -> Result<PathBuf> {
    let done = cache.join("connectors/libs");
    if done.join(format!("connect-file-{KAFKA}.jar")).exists() {
        return Ok(done);
    }
    say(&format!(
        "fetching the connectors of Apache Kafka {KAFKA} from Maven Central (1 MB)"
    ));
    let work = fresh(&cache.join("connectors.part"))?;
    let jars = project(&[
        ("org.apache.kafka", "connect-file", KAFKA),
        ("org.apache.kafka", "connect-mirror", KAFKA),
        ("org.apache.kafka", "connect-mirror-client", KAFKA),
    ]);
    copy_jars(&work, &jars, &["-DexcludeTransitive=true"])
        .context("fetching Connect's connectors")?;
    settle(&work, &cache.join("connectors"))?;
    Ok(done)
}

/// Lets Maven copy the jars of a project into `libs` below the work folder.
fn copy_jars(work: &Path, project: &str, args: &[&str]) -> Result<()> {
    std::fs::write(work.join("pom.xml"), project)?;
    run(maven(work)
        .arg("-f")
        .arg(work.join("pom.xml"))
        .args(["dependency:copy-dependencies", "-DincludeScope=runtime"])
        .args(args)
        .arg(format!("-DoutputDirectory={}", work.join("libs").display())))
    .map(drop)
}

fn ensure_registry(cache: &Path, say: &dyn Fn(&str)) -> Result<PathBuf> {
    let runner = format!("apicurio-registry-app-{REGISTRY}-runner.jar");
    let done = cache.join("apicurio/app").join(&runner);
    if done.exists() {
        return Ok(done);
    }
    say(&format!(
        "fetching the Apicurio schema registry {REGISTRY} from Maven Central (142 MB)"
    ));
    let work = fresh(&cache.join("apicurio.part"))?;
    run(maven(&work)
        .arg("dependency:copy")
        .arg(format!(
            "-Dartifact=io.apicurio:apicurio-registry-app:{REGISTRY}:tar.gz:all"
        ))
        .arg(format!("-DoutputDirectory={}", work.display())))
    .context("fetching the schema registry")?;
    let archive = work.join(format!("apicurio-registry-app-{REGISTRY}-all.tar.gz"));
    let app = work.join("app");
    std::fs::create_dir(&app)?;
    run(Command::new("tar")
        .arg("xzf")
        .arg(&archive)
        .arg("-C")
        .arg(&app))?;
    std::fs::remove_file(&archive)?;
    settle(&work, &cache.join("apicurio"))?;
    if !done.exists() {
        bail!("the registry's archive has no {runner}");
    }
    Ok(done)
}

/// Prepares Maven with a repository of its own, which goes with the work folder: nothing is left
/// in the user's.
fn maven(work: &Path) -> Command {
    let mut command = Command::new("mvn");
    command.args(["-q", "-B"]);
    command.arg(format!("-Dmaven.repo.local={}", work.join("m2").display()));
    command
}

/// Empties a work folder left by an earlier attempt.
fn fresh(dir: &Path) -> Result<PathBuf> {
    if dir.exists() {
        std::fs::remove_dir_all(dir)?;
    }
    std::fs::create_dir_all(dir)?;
    Ok(dir.to_owned())
}

/// Moves a finished work folder to its name, so that half a part is never taken for a whole one.
fn settle(work: &Path, name: &Path) -> Result<()> {
    std::fs::remove_dir_all(work.join("m2"))?;
    if name.exists() {
        std::fs::remove_dir_all(name)?;
    }
    std::fs::rename(work, name).with_context(|| format!("moving parts to {}", name.display()))
}

/// Writes a project that depends on these, each a group, a name and a version.
fn project(dependencies: &[(&str, &str, &str)]) -> String {
    let dependencies = dependencies.iter().map(|(group, name, version)| {
        format!(
            "<dependency><groupId>{group}</groupId><artifactId>{name}</artifactId>\
             <version>{version}</version></dependency>\n"
        )
    });
    format!(
        "<project xmlns=\"http://maven.apache.org/POM/4.0.0\"><modelVersion>4.0.0</modelVersion>\
         <groupId>lab</groupId><artifactId>lab</artifactId><version>1</version>\n\
         <dependencies>\n{}</dependencies></project>\n",
        dependencies.collect::<String>()
    )
}

/// Finds the newest PostgreSQL that Debian's packages installed, or the one that
/// `WALBRIDGE_LAB_PGBIN` names.
fn find_postgres() -> Result<PathBuf> {
    if let Some(dir) = std::env::var_os("WALBRIDGE_LAB_PGBIN") {
        return Ok(dir.into());
    }
    let newest = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok())
        .filter(|version| Path::new(&format!("/usr/lib/postgresql/{version}/bin/initdb")).exists())
        .max();
    match newest {
        Some(version) => Ok(PathBuf::from(format!("/usr/lib/postgresql/{version}/bin"))),
        None => {
            bail!("PostgreSQL is not installed: `./lab up` does it, or apt-get install postgresql")
        }
    }
}

/// Finds a Java new enough for Kafka.
fn find_java() -> Result<PathBuf> {
    let mut candidates: Vec<PathBuf> = Vec::new();
    if let Some(home) = std::env::var_os("JAVA_HOME") {
        candidates.push(Path::new(&home).join("bin/java"));
    }
    candidates.push(PathBuf::from("java"));
    let installed = std::fs::read_dir("/usr/lib/jvm")
        .into_iter()
        .flatten()
        .flatten();
    candidates.extend(installed.map(|entry| entry.path().join("bin/java")));
    candidates
        .into_iter()
        .find(|path| java_version(path).is_some_and(|version| version >= JAVA))
        .with_context(|| {
            format!("no Java from {JAVA} on: `./lab up` installs it, or apt-get install openjdk-17-jre-headless")
        })
}

fn java_version(java: &Path) -> Option<u32> {
    let output = Command::new(java).arg("-version").output().ok()?;
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    let quoted = text.split('"').nth(1)?;
    quoted.split(['.', '-', '+']).next()?.parse().ok()
}
