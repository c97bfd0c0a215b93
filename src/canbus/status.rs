//! What people see of a bus. Nothing here steers anything.

use super::device::{Device, Member};
use super::{Bus, BusState, Fault, Port};
use crate::bms;
use crate::driver::tcu;
use crate::model::ident::DeviceId;
use crate::model::report::LinkState;
use crate::model::time::{Instant, Now};
use serde::Serialize;

/// How a bus stands.
#[derive(Clone, Debug, Serialize)]
pub struct BusStatus {
    /// The adapter in one word.
    pub state: PortState,
    /// For how long, ms.
    pub state_for_ms: u64,
    /// Our controller's error state.
    pub bus: BusState,
    /// For how long, ms.
    pub bus_for_ms: u64,
    /// Bits per second.
    pub bitrate: u32,
    /// Nothing is ever sent.
    pub listen_only: bool,
    /// Frames heard and sent, permille of the bit rate over the last whole 10 s. What nobody here wants to hear is not
    /// in it where the kernel keeps it away.
    pub use_permille: u64,
    /// What happened since the start of the program.
    pub counters: Counters,
    /// Each device, in the order of the configuration.
    pub devices: Vec<DeviceStatus>,
}

/// An adapter in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum PortState {
    /// Not there; it is opened again.
    Closed,
    /// In order.
    Open,
    /// Open, and off the bus after too many errors.
    Off,
}

/// How a device stands.
#[derive(Clone, Debug, Serialize)]
pub struct DeviceStatus {
    /// Which.
    pub device: DeviceId,
    /// Its link.
    pub link: LinkState,
    /// For how long, ms.
    pub link_for_ms: u64,
    /// Frames of it and for it.
    pub counters: DeviceCounters,
    /// Of a charge controller.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub controller: Option<Box<tcu::Status>>,
    /// Of a tap.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tap: Option<bms::Status>,
}

/// Frames of one device.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct DeviceCounters {
    /// Heard.
    pub received: u64,
    /// Sent to it.
    pub sent: u64,
}

/// What happened on a bus.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counters {
    /// Times that the adapter was opened.
    pub opened: u64,
    /// Times that it was lost or could not be opened.
    pub lost: u64,
    /// Times that it was opened anew because nobody at all was heard.
    pub reopened_mute: u64,
    /// Frames heard.
    pub received: u64,
    /// Frames for no device of ours.
    pub foreign: u64,
    /// Frames handed over for sending.
    pub sent: u64,
    /// Frames that found no room, no bus, or a bus where only listening is allowed.
    pub unsent: u64,
    /// Frames lost between the bus and us.
    pub dropped: u64,
    /// Everything below that is an error of the bus.
    pub errors: u64,
    /// Times off the bus.
    pub bus_off: u64,
    /// Restarts after that.
    pub restarted: u64,
    /// Frames that nobody acknowledged.
    pub unacknowledged: u64,
    /// Frames that gave way to another node's.
    pub arbitration_lost: u64,
    /// Frames that broke a rule of the bus.
    pub protocol: u64,
    /// Broken or shorted wires.
    pub transceiver: u64,
    /// Frames that could not be sent in time.
    pub send_timeout: u64,
    /// Overflows of what was heard, in controller or adapter.
    pub receive_overflow: u64,
    /// Overflows of what was to be sent.
    pub send_overflow: u64,
    /// Lines of the adapter that could not be read.
    pub unreadable: u64,
}

impl Counters {
    pub(super) fn count(&mut self, fault: Fault) {
        let (counter, is_error) = match fault {
            Fault::State(BusState::Off) => (&mut self.bus_off, true),
            Fault::State(BusState::Unknown | BusState::Active | BusState::Warning | BusState::Passive) => {
                return;
            }
            Fault::Restarted => (&mut self.restarted, false),
            Fault::ArbitrationLost => (&mut self.arbitration_lost, false),
            Fault::Unacknowledged => (&mut self.unacknowledged, true),
            Fault::Protocol => (&mut self.protocol, true),
            Fault::Transceiver => (&mut self.transceiver, true),
            Fault::SendTimeout => (&mut self.send_timeout, true),
            Fault::ReceiveOverflow => (&mut self.receive_overflow, true),
            Fault::SendOverflow => (&mut self.send_overflow, true),
            Fault::Unreadable => (&mut self.unreadable, true),
        };
        *counter += 1;
        self.errors += u64::from(is_error);
    }
}

impl Bus {
    /// How it stands.
    #[must_use]
    pub fn status(&self, now: Now) -> BusStatus {
        let state = match (self.port, self.state) {
            (Port::Closed(_) | Port::Opening, _) => PortState::Closed,
            (Port::Open, BusState::Off) => PortState::Off,
            (Port::Open, BusState::Unknown | BusState::Active | BusState::Warning | BusState::Passive) => {
                PortState::Open
            }
        };
        BusStatus {
            state,
            state_for_ms: ms_since(now.mono, self.port_since),
            bus: self.state,
            bus_for_ms: ms_since(now.mono, self.state_since),
            bitrate: self.config.bitrate,
            listen_only: self.config.listen_only,
            use_permille: self.load.permille(now.mono, self.config.bitrate),
            counters: self.counters,
            devices: self.members.iter().map(|member| member.status(now)).collect(),
        }
    }
}

impl Member {
    fn status(&self, now: Now) -> DeviceStatus {
        let (controller, tap) = match &self.device {
            Device::Controller(controller) => (Some(Box::new(controller.status(now))), None),
            Device::Tap(tap) => (None, Some(tap.status(now))),
        };
        DeviceStatus {
            device: self.id,
            link: self.link,
            link_for_ms: ms_since(now.mono, self.link_since),
            counters: DeviceCounters { received: self.received, sent: self.sent },
            controller,
            tap,
        }
    }
}

fn ms_since(now: Instant, since: Instant) -> u64 {
    u64::try_from(now.since(since).as_millis()).unwrap_or(u64::MAX)
}
