//! A pseudo-terminal that stands for an RS-485 line: the daemon opens its name, the simulator has the other end.
//!
//! A pseudo-terminal carries octets at once and knows neither baud rate nor parity; [`super::line::Pacer`] adds the time.

use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{OptionalActions, tcgetattr, tcsetattr};
use std::ffi::OsStr;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use tokio::io::unix::AsyncFd;

/// The simulator's end of a line.
#[derive(Debug)]
pub struct Pty {
    master: AsyncFd<File>,
    /// Kept open: without it every read ends in an error while no daemon runs.
    line: File,
    link: PathBuf,
}

impl Pty {
    /// Opens a pair; `link` becomes a symbolic link to the daemon's end.
    pub fn open(link: &Path) -> io::Result<Pty> {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY)?;
        grantpt(&master)?;
        unlockpt(&master)?;
        let name = ptsname(&master, Vec::new())?;
        let path = Path::new(OsStr::from_bytes(name.to_bytes()));
        const O_NOCTTY: i32 = OFlags::NOCTTY.bits() as i32;
        let line = OpenOptions::new().read(true).write(true).custom_flags(O_NOCTTY).open(path)?;
        let mut raw = tcgetattr(&line)?;
        raw.make_raw();
        tcsetattr(&line, OptionalActions::Now, &raw)?;
        fcntl_setfl(&master, fcntl_getfl(&master)? | OFlags::NONBLOCK)?;
        if link.is_symlink() {
            std::fs::remove_file(link)?;
        }
        std::os::unix::fs::symlink(path, link)?;
        Ok(Pty { master: AsyncFd::new(File::from(master))?, line, link: link.to_owned() })
    }

    /// Octets that the daemon wrote.
    pub async fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let mut ready = self.master.readable().await?;
            if let Ok(read) = ready.try_io(|master| master.get_ref().read(buffer)) {
                return read;
            }
        }
    }

    /// Octets for the daemon. What a daemon that does not read leaves no room for is lost, as on a wire.
    pub fn write(&self, octets: &[u8]) {
        let mut master = self.master.get_ref();
        drop(master.write(octets));
    }

    /// Gives the line free again after a daemon that was killed: its claim of exclusive use outlives it here, because
    /// the simulator keeps the line open, too.
    pub fn release(&self) {
        drop(rustix::termios::ioctl_tiocnxcl(&self.line));
    }
}

impl Drop for Pty {
    fn drop(&mut self) {
        drop(std::fs::remove_file(&self.link));
    }
}
