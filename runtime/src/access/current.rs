//! The users that hold now: their file is read again when it has changed.

use std::collections::HashMap;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use super::guard::Caller;
use super::users::Users;

/// What tells one version of a file from another: inode, length, and when it was changed.
type Stamp = (u64, u64, i64, i64);

/// One version of the users.
#[derive(Default)]
pub(super) struct Current {
    pub(super) users: Users,
    /// Who has shown the right password before: hashing it anew for each request would take too long.
    known: Mutex<HashMap<Vec<u8>, Caller>>,
}

impl Current {
    /// Returns who has shown this before.
    pub(super) fn known(&self, tag: &[u8]) -> Option<Caller> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(tag).cloned()
    }

    /// Keeps in mind who has shown this.
    pub(super) fn remember(&self, tag: Vec<u8>, caller: Caller) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.insert(tag, caller);
    }
}

/// A users file and what it said last.
pub(super) struct UsersFile {
    path: Option<PathBuf>,
    held: RwLock<(Option<Stamp>, Arc<Current>)>,
}

impl UsersFile {
    /// Reads the file, if there is one.
    ///
    /// # Errors
    /// In words, if it cannot be used.
    pub(super) fn open(path: Option<&Path>) -> Result<Self, String> {
        let stamp = path.and_then(stamp);
        let users = path.map(Users::read).transpose()?.unwrap_or_default();
        Ok(Self {
            path: path.map(Path::to_owned),
            held: RwLock::new((stamp, with(users))),
        })
    }

    /// Returns the users, from the file anew if it is another one than before.
    ///
    /// A file that has become unusable changes nothing: what held still holds, and the log says why.
    pub(super) fn now(&self) -> Arc<Current> {
        let found = self.path.as_deref().and_then(stamp);
        {
            let held = self.held.read().unwrap_or_else(PoisonError::into_inner);
            if held.0 == found {
                return Arc::clone(&held.1);
            }
        }
        let mut held = self.held.write().unwrap_or_else(PoisonError::into_inner);
        if held.0 != found {
            held.0 = found;
            match self.path.as_deref().map(Users::read) {
                Some(Ok(users)) => {
                    tracing::info!(count = users.0.len(), "rest.users.file read anew");
                    held.1 = with(users);
                }
                Some(Err(error)) => {
                    tracing::error!(%error, "the users of before still hold");
                }
                None => {}
            }
        }
        Arc::clone(&held.1)
    }
}

fn with(users: Users) -> Arc<Current> {
    Arc::new(Current {
        users,
        known: Mutex::default(),
    })
}

fn stamp(path: &Path) -> Option<Stamp> {
    let about = std::fs::metadata(path).ok()?;
    Some((about.ino(), about.len(), about.mtime(), about.mtime_nsec()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_file_holds_and_a_broken_one_does_not() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("users");
        let names = |file: &UsersFile| -> Vec<String> {
            let users = file.now();
            users.users.0.iter().map(|u| u.name.clone()).collect()
        };
        std::fs::write(&path, "a admin certificate\n").unwrap();
        let file = UsersFile::open(Some(&path)).unwrap();
        assert_eq!(names(&file), ["a"]);
        let before = file.now();
        assert!(Arc::ptr_eq(&before, &file.now()));
        std::fs::write(&path, "a admin certificate\nb read-only certificate\n").unwrap();
        assert_eq!(names(&file), ["a", "b"]);
        std::fs::write(&path, "nonsense\n").unwrap();
        assert_eq!(names(&file), ["a", "b"]);
        std::fs::remove_file(&path).unwrap();
        assert_eq!(names(&file), ["a", "b"]);
        std::fs::write(&path, "c admin certificate\n").unwrap();
        assert_eq!(names(&file), ["c"]);
        assert!(UsersFile::open(Some(&dir.path().join("none"))).is_err());
    }
}
