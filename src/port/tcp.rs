//! One TCP connection to a platform: keepalive, no delay, bounded waits (platform-222.md 5.1).

use std::io;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::time::timeout;

const CONNECT: Duration = Duration::from_secs(10);
const WRITE: Duration = Duration::from_secs(10);
const KEEPALIVE_IDLE: Duration = Duration::from_secs(30);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(10);

/// Connects to `host:port`; names are resolved anew at each try.
pub async fn connect(address: &str) -> io::Result<(Reader, Writer)> {
    let stream = match timeout(CONNECT, TcpStream::connect(address)).await {
        Ok(stream) => stream?,
        Err(_) => return Err(io::Error::new(io::ErrorKind::TimedOut, "no answer to the connect in 10 s")),
    };
    stream.set_nodelay(true)?;
    let keepalive = socket2::TcpKeepalive::new().with_time(KEEPALIVE_IDLE).with_interval(KEEPALIVE_INTERVAL);
    socket2::SockRef::from(&stream).set_tcp_keepalive(&keepalive)?;
    let (reader, writer) = stream.into_split();
    Ok((Reader(reader), Writer(writer)))
}

/// Receiving half.
#[derive(Debug)]
pub struct Reader(OwnedReadHalf);

impl Reader {
    /// Octets that arrived; an end of file is an error.
    pub async fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.0.read(buffer).await? {
            0 => Err(io::Error::new(io::ErrorKind::UnexpectedEof, "closed by the platform")),
            count => Ok(count),
        }
    }
}

/// Sending half.
#[derive(Debug)]
pub struct Writer(OwnedWriteHalf);

impl Writer {
    /// One frame in one call, within 10 s.
    pub async fn write(&mut self, octets: &[u8]) -> io::Result<()> {
        match timeout(WRITE, self.0.write_all(octets)).await {
            Ok(done) => done,
            Err(_) => {
                Err(io::Error::new(io::ErrorKind::TimedOut, "the platform did not take octets for 10 s"))
            }
        }
    }
}
