//! One file, one daemon: a lock beside the database.
//!
//! Not on the database itself: closing any descriptor of it would drop SQLite's own locks. The kernel releases the lock
//! with the process, however it ends.

use super::error::{Error, Trouble};
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

/// Held as long as the store is open for writing.
#[derive(Debug)]
pub(super) struct Lock {
    _held: File,
}

impl Lock {
    /// Takes the lock of this database, or says who has it.
    pub(super) fn take(database: &Path) -> Result<Lock, Error> {
        let path = beside(database);
        let opened = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path);
        let mut file = opened.map_err(|e| Error::trouble(database, Trouble::Absent, e))?;
        match file.try_lock() {
            Ok(()) => {
                // For people only, so a full disk is no reason to stop: who finds the lock taken can name the owner.
                file.set_len(0).and_then(|()| write!(file, "{}", std::process::id())).ok();
                Ok(Lock { _held: file })
            }
            Err(TryLockError::WouldBlock) => Err(Error::trouble(database, Trouble::Owned, owner(&mut file))),
            Err(TryLockError::Error(e)) => Err(Error::trouble(database, Trouble::NoLog, e)),
        }
    }
}

/// Where the lock of a database lies.
pub(super) fn beside(database: &Path) -> PathBuf {
    let mut path = database.as_os_str().to_owned();
    path.push("-lock");
    path.into()
}

fn owner(file: &mut File) -> String {
    let mut text = String::new();
    match file.take(16).read_to_string(&mut text) {
        Ok(_) if !text.is_empty() => format!("process {text}"),
        Ok(_) | Err(_) => "process unknown".to_owned(),
    }
}
