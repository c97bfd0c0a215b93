//! A pseudo-terminal that stands for an RS-485 line: the daemon opens its name, the simulator has the other end.
//!
//! A pseudo-terminal carries octets at once and knows neither baud rate nor parity; [`super::line::Pacer`] adds the time.

use rustix::fs::OFlags;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf};
use tokio_serial::{SerialPort, SerialStream};

/// How long the daemon may leave no room for octets.
const ROOM: Duration = Duration::from_millis(20);

/// The simulator's end of a line, for writing.
#[derive(Debug)]
pub struct Pty {
    end: WriteHalf<SerialStream>,
    /// The daemon's end, kept open: without it every read ends in an error while no daemon runs.
    line: File,
    link: PathBuf,
}

/// The simulator's end of a line, for reading.
#[derive(Debug)]
pub struct Ear(ReadHalf<SerialStream>);

impl Pty {
    /// Opens a pair; `link` becomes a symbolic link to the daemon's end.
    pub fn open(link: &Path) -> io::Result<(Pty, Ear)> {
        let (end, line) = SerialStream::pair()?;
        let name = line.name().ok_or_else(|| io::Error::other("a pseudo-terminal without a name"))?;
        const NO_TERMINAL: i32 = OFlags::NOCTTY.bits() as i32;
        let kept = OpenOptions::new().read(true).write(true).custom_flags(NO_TERMINAL).open(&name)?;
        drop(line); // and with it its lock on the line
        if link.is_symlink() {
            std::fs::remove_file(link)?;
        }
        std::os::unix::fs::symlink(name, link)?;
        let (ear, end) = tokio::io::split(end);
        let mut pty = Pty { end, line: kept, link: link.to_owned() };
        pty.release();
        Ok((pty, Ear(ear)))
    }

    /// Octets for the daemon. What a daemon that does not read leaves no room for is lost, as on a wire.
    pub async fn write(&mut self, octets: &[u8]) {
        drop(tokio::time::timeout(ROOM, self.end.write_all(octets)).await);
    }

    /// Gives the line free again after a daemon that was killed: its claim of exclusive use outlives it here, because
    /// the simulator keeps the line open, too.
    pub fn release(&mut self) {
        let _was_free = rustix::termios::ioctl_tiocnxcl(&self.line);
    }
}

impl Ear {
    /// Octets that the daemon wrote.
    pub async fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer).await
    }
}

impl Drop for Pty {
    fn drop(&mut self) {
        drop(std::fs::remove_file(&self.link));
    }
}
