//! What can go wrong with the store, in words: what, where, and what to do.

use rusqlite::ErrorCode;
use std::fmt;
use std::path::{Path, PathBuf};

/// Why the store did not do what it was asked. Nothing of the batch was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error {
    /// A row of the batch contradicts what is stored: the caller is wrong, not the disk.
    Refused {
        /// Index in the batch.
        row: usize,
        /// What contradicts what.
        why: String,
    },
    /// The file or the disk is in trouble.
    Trouble {
        /// The database.
        path: PathBuf,
        /// Which kind.
        trouble: Trouble,
        /// What the system said.
        detail: String,
    },
}

/// Kinds of trouble, each with its own advice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// No space is left.
    Full,
    /// Another depotd owns the file.
    Owned,
    /// Another program holds a lock for too long.
    Busy,
    /// Written by a newer depotd.
    Newer,
    /// Written by an older depotd, and opened for reading only.
    Older,
    /// A database of another program.
    Foreign,
    /// The file is damaged.
    Corrupt,
    /// The file or its file system may only be read.
    ReadOnly,
    /// The file, or a directory on the way, is absent or closed to us.
    Absent,
    /// The disk failed to read or write.
    Device,
    /// The file system cannot do what a write-ahead log needs.
    NoLog,
    /// Anything else SQLite says.
    Other,
}

impl Trouble {
    /// What is wrong and what to do.
    fn words(self) -> (&'static str, &'static str) {
        match self {
            Trouble::Full => {
                ("the disk is full", "free some space; running sessions go on and are written then")
            }
            Trouble::Owned => {
                ("another depotd uses this file", "stop it first, or give this one its own store.path")
            }
            Trouble::Busy => {
                ("another program holds the file locked", "close it (sqlite3, a backup) and try again")
            }
            Trouble::Newer => (
                "written by a newer depotd",
                "install that version again, or use the copy made before the upgrade",
            ),
            Trouble::Older => {
                ("written by an older depotd", "start depotd once; it brings the file up to date")
            }
            Trouble::Foreign => ("a database of another program", "set store.path to a file of its own"),
            Trouble::Corrupt => (
                "the file is damaged",
                "keep it aside for rescue (it may hold unsent records), then restore the last backup or start with a new file",
            ),
            Trouble::ReadOnly => {
                ("the file may only be read", "check its owner and whether the disk is mounted read-only")
            }
            Trouble::Absent => {
                ("cannot be opened", "check that the directory exists and that depotd's user may write there")
            }
            Trouble::Device => {
                ("the disk failed", "look at the kernel log and replace the disk before it fails for good")
            }
            Trouble::NoLog => (
                "this file system cannot hold a write-ahead log",
                "set store.path to a local disk, not a network share",
            ),
            Trouble::Other => ("SQLite refuses", "look at the detail"),
        }
    }
}

impl Error {
    /// A trouble of this file.
    pub(super) fn trouble(path: &Path, trouble: Trouble, detail: impl fmt::Display) -> Error {
        Error::Trouble { path: path.to_owned(), trouble, detail: detail.to_string() }
    }

    /// What SQLite said of this file.
    pub(super) fn sqlite(path: &Path, error: &rusqlite::Error) -> Error {
        Error::trouble(path, kind(error), error)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Refused { row, why } => write!(f, "row {row} of the batch was refused: {why}"),
            Error::Trouble { path, trouble, detail } => {
                let (what, advice) = trouble.words();
                write!(f, "{}: {what} ({detail}); {advice}", path.display())
            }
        }
    }
}

impl std::error::Error for Error {}

/// Why one row was not applied, before it is known which row of which file.
#[derive(Debug)]
pub(super) enum Fault {
    /// It contradicts what is stored.
    Refused(String),
    /// SQLite failed.
    Sqlite(rusqlite::Error),
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Fault {
        match error.sqlite_error_code() {
            Some(ErrorCode::ConstraintViolation) => Fault::Refused(error.to_string()),
            Some(_) => Fault::Sqlite(error),
            None => match error {
                rusqlite::Error::ToSqlConversionFailure(why) => Fault::Refused(why.to_string()),
                error => Fault::Sqlite(error),
            },
        }
    }
}

impl Fault {
    /// The error of this row of a batch for this file.
    pub(super) fn at(self, row: usize, path: &Path) -> Error {
        match self {
            Fault::Refused(why) => Error::Refused { row, why },
            Fault::Sqlite(error) => Error::sqlite(path, &error),
        }
    }
}

/// Refuses a row with these words.
pub(super) fn refuse<T>(why: impl Into<String>) -> Result<T, Fault> {
    Err(Fault::Refused(why.into()))
}

fn kind(error: &rusqlite::Error) -> Trouble {
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => Trouble::Full,
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Trouble::Busy,
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Trouble::Corrupt,
        Some(ErrorCode::ReadOnly) => Trouble::ReadOnly,
        Some(ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => Trouble::Absent,
        Some(ErrorCode::SystemIoFailure) => Trouble::Device,
        Some(_) => Trouble::Other,
        // A column that cannot hold what our own program wrote there was not written by it.
        None => match error {
            rusqlite::Error::FromSqlConversionFailure(..)
            | rusqlite::Error::IntegralValueOutOfRange(..)
            | rusqlite::Error::InvalidColumnType(..)
            | rusqlite::Error::QueryReturnedNoRows => Trouble::Corrupt,
            _ => Trouble::Other,
        },
    }
}
