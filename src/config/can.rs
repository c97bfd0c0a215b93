//! CAN buses: as written, and as relied on.

use super::reader::{At, Problems, Section};

/// Bit rates that both an slcan adapter and the kernel know, bit/s.
const BIT_RATES: [u32; 9] = crate::wire::slcan::line::BIT_RATES;
const BIT_RATE: u32 = 250_000;
/// Of a serial line with an adapter; one on USB does not mind.
const BAUD: u32 = 115_200;

/// One CAN bus.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Can {
    /// Its name.
    pub name: String,
    /// How it is reached.
    pub way: CanWay,
    /// Bits per second.
    pub bitrate: u32,
    /// Nothing is ever sent.
    pub listen_only: bool,
}

/// How a CAN bus is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CanWay {
    /// A network interface (SocketCAN).
    Interface(String),
    /// An slcan adapter on a serial device, and the speed of that in bit/s.
    Serial(String, u32),
}

#[derive(Debug)]
pub(super) struct Written {
    pub(super) name: At<String>,
    way: Option<At<CanWay>>,
    bitrate: u32,
    pub(super) listen_only: bool,
}

pub(super) fn written(s: &mut Section<'_, '_, '_>) -> Written {
    let name = s.required("name", "\"can-1\"");
    let interface = s.text("interface");
    let device = s.text("device");
    let baud = s.integer("baud", 9_600..=4_000_000);
    if baud.is_some() && device.is_none() {
        s.wrong("baud", "is of the serial line of an adapter", "device = \"/dev/ttyACM0\", or no baud");
    }
    let baud = baud.and_then(|b| u32::try_from(b).ok()).unwrap_or(BAUD);
    let way = match (interface, device) {
        (Some(interface), None) => Some(s.at("interface", CanWay::Interface(interface))),
        (None, Some(device)) => Some(s.at("device", CanWay::Serial(device, baud))),
        (Some(_), Some(_)) => {
            s.wrong("device", "stands beside interface", "one of them");
            None
        }
        (None, None) => {
            s.wrong(
                "interface",
                "missing",
                "interface = \"can0\", or device = \"/dev/ttyACM0\" of an adapter",
            );
            None
        }
    };
    let bitrate = s.integer("bitrate", 1..=1_000_000).and_then(|b| u32::try_from(b).ok());
    if bitrate.is_some_and(|b| !BIT_RATES.contains(&b)) {
        let allowed = BIT_RATES.map(|b| b.to_string()).join(", ");
        s.wrong("bitrate", "is no bit rate of CAN", allowed);
    }
    let listen_only = s.boolean("listen_only").unwrap_or(false);
    Written { name: s.at("name", name), way, bitrate: bitrate.unwrap_or(BIT_RATE), listen_only }
}

impl Written {
    /// `used` notes a device or an interface, and says if it has another user.
    pub(super) fn resolve(
        self,
        problems: &mut Problems<'_>,
        mut used: impl FnMut(&mut Problems<'_>, String, &At<CanWay>),
    ) -> Can {
        if let Some(way) = &self.way {
            let name = match &way.value {
                CanWay::Interface(name) | CanWay::Serial(name, _) => name.clone(),
            };
            if matches!(way.value, CanWay::Interface(_)) && !is_interface(&name) {
                let allowed = "1 to 15 characters without / and blanks, as `ip link` shows it";
                problems.add(&way.place, format!("{name:?} is no name of an interface"), allowed);
            }
            used(problems, name, way);
        }
        Can {
            name: self.name.value,
            way: self.way.map_or_else(|| CanWay::Interface(String::new()), |way| way.value),
            bitrate: self.bitrate,
            listen_only: self.listen_only,
        }
    }
}

fn is_interface(name: &str) -> bool {
    (1..16).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_graphic() && b != b'/')
}
