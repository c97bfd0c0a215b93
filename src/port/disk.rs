//! How full the disk under a file is.

use rustix::fs::statvfs;
use std::path::Path;

/// Share of the file system that an ordinary user may still fill, permille.
///
/// # Errors
/// The path cannot be reached.
pub fn free_permille(path: &Path) -> std::io::Result<u16> {
    let disk = statvfs(path)?;
    let total = u128::from(disk.f_blocks).max(1);
    let free = u128::from(disk.f_bavail).min(total) * 1_000 / total;
    Ok(u16::try_from(free).unwrap_or(1_000))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_lies_on_a_disk_that_is_partly_free() {
        let folder = tempfile::tempdir().expect("folder");
        assert!(free_permille(folder.path()).is_ok_and(|free| free <= 1_000));
        assert!(free_permille(&folder.path().join("nothing")).is_err());
    }
}
