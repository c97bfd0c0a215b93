//! CAN buses, by whatever they are reached: an interface of the kernel (SocketCAN), or an adapter on a serial line that
//! speaks slcan (can.md 4).
//!
//! Both give [`Seen`] and take frames. Every wait here can be broken off without losing anything.

mod interface;
mod slcan;

pub use interface::Interface;
pub use slcan::Adapter;

use crate::canbus::{Fault, Filter};
use crate::model::time::Instant;
use crate::port::clock::Clock;
use crate::wire::can::Frame;
use std::fmt;
use std::io;
use std::time::Duration;

/// How a bus is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Way {
    /// Name of a network interface.
    Interface(String),
    /// Path of a serial device and its speed in bit/s.
    Serial(String, u32),
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Way::Interface(name) | Way::Serial(name, _)) = self;
        f.write_str(name)
    }
}

/// How a bus is set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// How it is reached.
    pub way: Way,
    /// Bits per second on the bus.
    pub bitrate: u32,
    /// Never send, and never acknowledge what others send.
    pub listen_only: bool,
    /// What somebody wants to hear; the kernel keeps the rest away.
    pub filters: Vec<Filter>,
}

/// What came from a bus.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seen {
    /// A frame, and when it was on the bus where the adapter stamps.
    Frame(Frame, Option<Instant>),
    /// Something else that the adapter or the kernel says.
    Fault(Fault),
    /// So many frames were lost on the way to us.
    Dropped(u64),
}

/// Why a frame was not sent.
#[derive(Debug)]
pub enum NotSent {
    /// No room; the bus goes on.
    Full,
    /// The adapter or the interface is gone.
    Gone(io::Error),
}

/// An open bus.
#[derive(Debug)]
pub enum CanBus {
    /// Through the kernel.
    Interface(Interface),
    /// Through an adapter on a serial line.
    Serial(Box<Adapter>),
}

impl CanBus {
    /// Opens it. With it comes what is odd about it, a text for the log each.
    pub async fn open(settings: &Settings) -> io::Result<(CanBus, Vec<String>)> {
        match &settings.way {
            Way::Interface(name) => {
                Interface::open(name, settings).map(|(bus, odd)| (CanBus::Interface(bus), odd))
            }
            Way::Serial(device, baud) => {
                let (bus, odd) = Adapter::open(device, *baud, settings).await?;
                Ok((CanBus::Serial(Box::new(bus)), odd))
            }
        }
    }

    /// Waits for the next thing. An error means that the bus is gone.
    pub async fn next(&mut self, clock: &Clock) -> io::Result<Seen> {
        match self {
            CanBus::Interface(bus) => bus.next().await,
            CanBus::Serial(bus) => bus.next(clock).await,
        }
    }

    /// Hands a frame over for sending.
    pub async fn send(&mut self, frame: &Frame) -> Result<(), NotSent> {
        match self {
            CanBus::Interface(bus) => bus.send(frame).await,
            CanBus::Serial(bus) => bus.send(frame),
        }
    }
}

/// The longest that one frame takes on a bus of this speed: 160 bits with all its stuffing.
fn frame_time(bitrate: u32) -> Duration {
    Duration::from_secs(160) / bitrate.max(1)
}
