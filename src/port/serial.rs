//! Serial lines through `tokio-serial`.
//!
//! Its `poll_flush` calls a blocking `tcdrain` on the executor and drops its error, so nothing here ever flushes: the
//! bus machine knows from the baud rate when the last octet has left (rs485.md 6.6). An end of file is an error: a
//! pulled USB adapter reads as `Ok(0)` for ever.

use std::io;
use std::path::Path;
use std::pin::Pin;
use std::task::{Poll, ready};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio_serial::{
    ClearBuffer, DataBits, FlowControl, Parity, SerialPort, SerialPortBuilderExt, SerialStream, StopBits,
};

/// How a line is set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Path of the device.
    pub device: String,
    /// Bits per second.
    pub baud: u32,
    /// Parity bit.
    pub parity: ParityBit,
    /// 1 or 2.
    pub stop_bits: u8,
    /// The driver of the kernel turns the line (TIOCSRS485); `false`: adapter or board do.
    pub kernel_turns: bool,
}

/// Parity of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParityBit {
    /// No parity bit.
    None,
    /// Even parity.
    Even,
    /// Odd parity.
    Odd,
}

/// An open line.
#[derive(Debug)]
pub struct Serial(SerialStream);

impl Serial {
    /// Opens the device for us alone. On a pseudo-terminal parity and baud rate are accepted and ignored.
    pub fn open(settings: &Settings) -> io::Result<Serial> {
        let parity = match settings.parity {
            ParityBit::None => Parity::None,
            ParityBit::Even => Parity::Even,
            ParityBit::Odd => Parity::Odd,
        };
        // the other handle stays until the line is open, so that the port is never at rest between the two
        let _turned = if settings.kernel_turns { Some(turned_by_kernel(&settings.device)?) } else { None };
        let stop_bits = if settings.stop_bits == 2 { StopBits::Two } else { StopBits::One };
        let stream = tokio_serial::new(&settings.device, settings.baud)
            .data_bits(DataBits::Eight)
            .parity(parity)
            .stop_bits(stop_bits)
            .flow_control(FlowControl::None)
            .open_native_async()
            .map_err(|e| io::Error::other(format!("{}: {e}", settings.device)))?;
        Ok(Serial(stream))
    }

    /// Octets that arrived. An end of file means that the adapter is gone.
    pub async fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.0.read(buffer).await? {
            0 => Err(gone()),
            count => Ok(count),
        }
    }

    /// Hands octets to the driver of the kernel.
    pub async fn write(&mut self, octets: &[u8]) -> io::Result<()> {
        self.0.write_all(octets).await
    }

    /// Reads, and hands over what stands in `out` meanwhile, as far as the kernel takes it. Breaking it off loses nothing.
    ///
    /// By polling: `try_read` of `tokio-serial` leaves the port marked as ready, and waiting for it would spin.
    pub async fn exchange(&mut self, buffer: &mut [u8], out: &mut Vec<u8>) -> io::Result<usize> {
        std::future::poll_fn(|context| {
            while !out.is_empty() {
                match Pin::new(&mut self.0).poll_write(context, out)? {
                    Poll::Ready(count) if count > 0 => drop(out.drain(..count)),
                    Poll::Ready(_) | Poll::Pending => break,
                }
            }
            let mut room = ReadBuf::new(buffer);
            ready!(Pin::new(&mut self.0).poll_read(context, &mut room))?;
            Poll::Ready(if room.filled().is_empty() { Err(gone()) } else { Ok(room.filled().len()) })
        })
        .await
    }

    /// Drops what arrived and was not read.
    pub fn discard_input(&self) -> io::Result<()> {
        self.0.clear(ClearBuffer::Input).map_err(io::Error::other)
    }
}

fn gone() -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, "the adapter is gone")
}

/// Has the driver of the kernel raise RTS while it sends. A driver that cannot is an error, not a line that stays mute.
fn turned_by_kernel(device: &str) -> io::Result<serial2::SerialPort> {
    let refused = |what: &str| {
        io::Error::other(format!(
            "{device}: its driver does not turn an RS-485 line ({what}); rs485 = \"auto\" with an adapter that does"
        ))
    };
    let port = serial2::SerialPort::open(device, serial2::KeepSettings)?;
    port.set_rs4xx_mode(serial2::rs4xx::Rs485Config::new()).map_err(|e| refused(&e.to_string()))?;
    match port.get_rs4xx_mode().map_err(|e| refused(&e.to_string()))? {
        serial2::rs4xx::TransceiverMode::Rs485(_) => Ok(port),
        serial2::rs4xx::TransceiverMode::Default | serial2::rs4xx::TransceiverMode::Rs422 => {
            Err(refused("the setting was not kept"))
        }
    }
}

/// Whether a path is one that changes its name at the next plug (a bare `ttyUSB` or `ttyACM` number).
#[must_use]
pub fn is_unstable_name(device: &Path) -> bool {
    device.to_str().is_some_and(|d| d.starts_with("/dev/ttyUSB") || d.starts_with("/dev/ttyACM"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_that_cannot_turn_the_line_says_so() {
        let master =
            rustix::pty::openpt(rustix::pty::OpenptFlags::RDWR | rustix::pty::OpenptFlags::NOCTTY).unwrap();
        rustix::pty::unlockpt(&master).unwrap();
        let device = rustix::pty::ptsname(&master, Vec::new()).unwrap();
        let error = turned_by_kernel(device.to_str().unwrap()).expect_err("a pseudo-terminal turns nothing");
        assert!(error.to_string().contains("does not turn an RS-485 line"), "{error}");
    }

    #[test]
    fn a_name_that_the_next_plug_changes_is_known() {
        assert!(is_unstable_name(Path::new("/dev/ttyUSB0")) && is_unstable_name(Path::new("/dev/ttyACM1")));
        assert!(!is_unstable_name(Path::new("/dev/serial/by-path/pci-0000:00:14.0-usb-0:1:1.0-port0")));
    }
}
