//! Which files `plugin.path` means.

use std::env::consts::DLL_SUFFIX;
use std::path::{Path, PathBuf};

use super::LibraryProblem;

/// Returns the libraries of files, of folders, and of the folders in those, each once and in order.
pub(super) fn libraries(paths: &[PathBuf]) -> (Vec<PathBuf>, Vec<LibraryProblem>) {
    let mut files: Vec<PathBuf> = Vec::new();
    let mut seen: Vec<PathBuf> = Vec::new();
    let mut problems = Vec::new();
    let mut add = |file: PathBuf| {
        // Two names of one file are one library.
        let real = file.canonicalize().unwrap_or_else(|_| file.clone());
        if !seen.contains(&real) {
            seen.push(real);
            files.push(file);
        }
    };
    for path in paths {
        if path.is_file() {
            add(path.clone());
            continue;
        }
        match listed(path, 1) {
            Ok(found) => {
                if found.libraries.is_empty() && found.java {
                    let why = "there are Java's archives (.jar) in it and no libraries: connectors of \
                               Kafka Connect run in Kafka Connect, not here";
                    problems.push(LibraryProblem::new(path, why));
                }
                found.libraries.into_iter().for_each(&mut add);
            }
            Err(error) => problems.push(LibraryProblem::new(path, error.to_string())),
        }
    }
    (files, problems)
}

#[derive(Default)]
struct Listed {
    libraries: Vec<PathBuf>,
    /// Whether there is something of Java's.
    java: bool,
}

fn listed(folder: &Path, deeper: u32) -> std::io::Result<Listed> {
    let mut found = Listed::default();
    let entries = std::fs::read_dir(folder)?;
    let mut entries: Vec<PathBuf> = entries
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<_, _>>()?;
    entries.sort();
    for path in entries {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if path.is_dir() {
            if deeper > 0 {
                let mut inner = listed(&path, deeper - 1)?;
                found.libraries.append(&mut inner.libraries);
                found.java |= inner.java;
            }
        } else if name.ends_with(DLL_SUFFIX) {
            found.libraries.push(path);
        } else {
            found.java |= name.ends_with(".jar");
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_folders_and_their_folders_are_looked_at_once_each() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name.replace(".so", DLL_SUFFIX));
        std::fs::create_dir_all(at("all/inner/too-deep")).unwrap();
        std::fs::create_dir_all(at("java")).unwrap();
        std::fs::create_dir_all(at("empty")).unwrap();
        for name in [
            "one.so",
            "all/b.so",
            "all/a.so",
            "all/readme.txt",
            "all/inner/c.so",
            "all/inner/too-deep/d.so",
            "java/connect-mirror.jar",
        ] {
            std::fs::write(at(name), "").unwrap();
        }
        std::os::unix::fs::symlink(at("one.so"), at("all/z.so")).unwrap();
        let paths = ["one.so", "all", "all/a.so", "empty", "java", "none"].map(at);
        let (found, problems) = libraries(&paths);
        assert_eq!(
            found,
            ["one.so", "all/a.so", "all/b.so", "all/inner/c.so"].map(at)
        );
        let texts: Vec<_> = problems.iter().map(ToString::to_string).collect();
        assert_eq!(texts.len(), 2, "{texts:?}");
        assert!(
            texts[0].contains("java: there are Java's archives"),
            "{texts:?}"
        );
        assert!(texts[1].contains("none: No such file"), "{texts:?}");
    }
}
