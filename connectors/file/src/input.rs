//! Where the source's bytes come from.

use std::fs::File;
use std::io::{ErrorKind, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::Duration;

use walbridge_connector_api::{ConnectorError, Result};

use crate::{stdin, trouble};

/// How much is read at once.
const PIECE: usize = 64 * 1024;

/// A file, from a position on, or standard input.
pub(crate) enum Input {
    Stdin,
    File {
        path: PathBuf,
        position: u64,
        file: Option<File>,
    },
}

impl Input {
    pub(crate) fn new(path: Option<&str>, position: u64) -> Self {
        match path {
            None => Self::Stdin,
            Some(path) => Self::File {
                path: path.into(),
                position,
                file: None,
            },
        }
    }

    /// Returns how many bytes the open file has.
    pub(crate) fn length(&self) -> Option<u64> {
        match self {
            Self::File {
                file: Some(file), ..
            } => file.metadata().ok().map(|file| file.len()),
            _ => None,
        }
    }

    /// Appends what there is to `out` and returns whether there was anything; does not wait for a file.
    pub(crate) fn read(&mut self, out: &mut Vec<u8>, wait: Duration) -> Result<bool> {
        out.clear();
        match self {
            Self::Stdin => {
                if let Some(piece) = stdin::read(wait) {
                    out.extend_from_slice(&piece);
                }
            }
            Self::File {
                path,
                position,
                file,
            } => {
                if file.is_none() {
                    *file = open(path, *position)?;
                }
                if let Some(file) = file {
                    let read = file.take(PIECE as u64).read_to_end(out);
                    read.map_err(|error| unreadable(path, error))?;
                }
            }
        }
        Ok(!out.is_empty())
    }
}

/// Opens the file where reading goes on; `None` if it does not exist yet.
fn open(path: &Path, position: u64) -> Result<Option<File>> {
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(unreadable(path, error)),
    };
    let length = file.metadata().map_err(|error| unreadable(path, error))?;
    let (length, shown) = (length.len(), path.display());
    if length < position {
        return Err(ConnectorError::stop(
            "FileShrunk",
            format!(
                "{shown} has {length} bytes, and {position} of it were read before: it is another file, \
                 or was cut"
            ),
        )
        .remedy("give the connector the right file, or stop it and reset its offsets"));
    }
    file.seek(SeekFrom::Start(position))
        .map_err(|error| unreadable(path, error))?;
    tracing::info!(file = %shown, position, "reading");
    Ok(Some(file))
}

fn unreadable(path: &Path, error: std::io::Error) -> ConnectorError {
    trouble::of("FileUnreadable", "read", path, error)
}
