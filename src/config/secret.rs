//! Secrets come from files and systemd credentials, never from the configuration itself, and are never shown.

use std::fmt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// Where a secret is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretSource {
    /// A file that only its owner (and group) may read.
    File(String),
    /// A systemd credential.
    Credential(String),
}

/// A secret. Its octets are wiped when it is dropped and never printed.
#[derive(Clone)]
pub struct Secret(Zeroizing<Vec<u8>>);

impl Secret {
    /// The octets, without a trailing line end.
    #[must_use]
    pub fn octets(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// Why a secret could not be had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretError(pub String);

impl fmt::Display for SecretError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for SecretError {}

impl SecretSource {
    /// Reads the secret. A trailing line end is not part of it. `credentials` is the value of
    /// `CREDENTIALS_DIRECTORY`, if set.
    pub fn read(&self, credentials: Option<&Path>) -> Result<Secret, SecretError> {
        match self {
            SecretSource::File(path) => read_file(Path::new(path), true),
            SecretSource::Credential(name) => {
                let Some(folder) = credentials else {
                    return Err(SecretError(format!(
                        "credential {name:?}: CREDENTIALS_DIRECTORY is not set (not started by systemd); use {{ file = \"…\" }}"
                    )));
                };
                let tried: [PathBuf; 2] = [folder.join(format!("depotd_{name}")), folder.join(name)];
                match tried.iter().find(|p| p.exists()) {
                    Some(path) => read_file(path, false),
                    None => Err(SecretError(format!(
                        "credential {name:?}: neither {} nor {} exists",
                        tried[0].display(),
                        tried[1].display()
                    ))),
                }
            }
        }
    }
}

fn read_file(path: &Path, private: bool) -> Result<Secret, SecretError> {
    let shown = path.display();
    let fault = |e: std::io::Error| SecretError(format!("{shown}: {e}"));
    let mode = std::fs::metadata(path).map_err(fault)?.permissions().mode();
    if private && mode & 0o007 != 0 {
        return Err(SecretError(format!(
            "{shown}: others can read it (mode {:04o}); chmod 0600 {shown}",
            mode & 0o7777
        )));
    }
    let mut octets = Zeroizing::new(std::fs::read(path).map_err(fault)?);
    while octets.last().is_some_and(|b| *b == b'\n' || *b == b'\r') {
        octets.pop();
    }
    if octets.is_empty() {
        return Err(SecretError(format!("{shown}: is empty")));
    }
    Ok(Secret(octets))
}
