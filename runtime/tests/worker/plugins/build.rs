//! Libraries, built as somebody would who has only the documentation.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};

/// Returns a path of the repository.
pub(crate) fn repository(path: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    root.canonicalize().unwrap().join(path)
}

/// Returns the documentation's page.
pub(crate) fn page() -> String {
    std::fs::read_to_string(repository("docs/plugins.md")).unwrap()
}

/// Returns the page's blocks of a language, in order.
pub(crate) fn blocks<'a>(page: &'a str, language: &str) -> Vec<&'a str> {
    let opening = format!("```{language}\n");
    page.split(&opening)
        .skip(1)
        .map(|rest| rest.split("\n```").next().unwrap())
        .collect()
}

/// A package outside of the workspace.
pub(crate) struct Package {
    folder: tempfile::TempDir,
}

impl Package {
    /// Creates one with the page's manifest, a version and these sources.
    pub(crate) fn new(version: &str, sources: &[(&str, String)]) -> Self {
        let page = page();
        let manifest = blocks(&page, "toml");
        let manifest = manifest.first().unwrap();
        let workspace = repository("").display().to_string();
        let workspace = workspace.trim_end_matches('/');
        assert!(manifest.contains("../walbridge/") && manifest.contains("version = \"0.1.0\""));
        let manifest = manifest.replace("../walbridge", workspace).replacen(
            "version = \"0.1.0\"",
            &format!("version = \"{version}\""),
            1,
        );
        let folder = tempfile::tempdir().unwrap();
        let write = |file: &str, text: &str| {
            let path = folder.path().join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        write("Cargo.toml", &manifest);
        // The versions that the workspace has been tested with; nothing is asked of the network.
        let lock = std::fs::read_to_string(repository("Cargo.lock")).unwrap();
        write("Cargo.lock", &lock);
        for (file, text) in sources {
            write(file, text);
        }
        Self { folder }
    }

    /// Creates the worked example in a version.
    pub(crate) fn example(version: &str, change: impl Fn(&str, String) -> String) -> Self {
        let files = [
            "src/lib.rs",
            "src/orders.rs",
            "src/latest.rs",
            "tests/testkit.rs",
        ];
        let sources = files.map(|file| {
            let path = repository("connectors/example").join(file);
            (file, change(file, std::fs::read_to_string(path).unwrap()))
        });
        Self::new(version, &sources)
    }

    /// Runs cargo in it.
    pub(crate) fn cargo(&self, verb: &str) -> String {
        let target = target();
        let output = Command::new(env!("CARGO"))
            .args([verb, "--offline"])
            .current_dir(self.folder.path())
            .env("CARGO_TARGET_DIR", &target)
            // The workspace's own settings are not a reader's.
            .env_remove("CARGO_MANIFEST_DIR")
            .env_remove("RUSTFLAGS")
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned()
            + &String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "cargo {verb}: {said}");
        said
    }

    /// Builds the library and puts it at a path.
    pub(crate) fn library(&self, at: &Path) {
        // All packages have one name, and so one file in the target folder.
        static ONE: Mutex<()> = Mutex::new(());
        let _one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
        self.cargo("build");
        let built = target().join("debug/libwalbridge_example.so");
        // In the place of an older one as a whole, for that may be loaded.
        let beside = at.with_extension("new");
        std::fs::copy(built, &beside).unwrap();
        std::fs::rename(&beside, at).unwrap();
    }
}

/// Where packages are built: beside what the workspace is built to.
fn target() -> PathBuf {
    let program = Path::new(env!("CARGO_BIN_EXE_walbridge"));
    program.parent().unwrap().parent().unwrap().join("reader")
}

/// Compiles one file that needs nothing into a library.
pub(crate) fn compile(source: &str, at: &Path) {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("plugin.rs");
    std::fs::write(&file, source).unwrap();
    let output = Command::new("rustc")
        .args([
            "--crate-type",
            "cdylib",
            "--edition",
            "2024",
            "-C",
            "panic=abort",
            "-o",
        ])
        .arg(at)
        .arg(&file)
        .current_dir(repository(""))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "rustc: {said}");
}
