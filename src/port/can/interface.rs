//! A CAN interface of the kernel: raw SocketCAN (can.md 4.3).
//!
//! Link and bit rate are the administrator's (`ip link set can0 up type can bitrate 250000 restart-ms 500`): we have no
//! right to set them, and only look whether they are as the configuration says. Sockets are read by our own `recvmsg`,
//! because the number of frames that the kernel dropped comes beside a frame. A link that goes down is an error here;
//! the bus is then opened again.

use super::{NotSent, Seen, Settings, frame_time};
use crate::canbus::{BusState, Fault, Filter};
use crate::wire::can::{Frame, Id};
use nix::sys::socket::{ControlMessageOwned, MsgFlags, recvmsg, setsockopt, sockopt};
use socketcan::nl::{CanCtrlMode, CanState};
use socketcan::{CanAddr, CanInterface, CanSocket, Socket, SocketOptions};
use std::collections::VecDeque;
use std::io::{self, ErrorKind, IoSliceMut};
use std::os::fd::AsRawFd;
use std::time::Duration;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::time::{Interval, MissedTickBehavior};

/// `struct can_frame`: identifier with flags in the octet order of the machine, length, three octets unused, data.
const FRAME: usize = 16;
const EXTENDED: u32 = 0x8000_0000;
const REMOTE: u32 = 0x4000_0000;
const ERROR: u32 = 0x2000_0000;

/// Error classes that are wanted (`linux/can/error.h`); 0x80, one frame for each error on the wire, can flood.
mod class {
    pub(super) const SEND_TIMEOUT: u32 = 0x001;
    pub(super) const ARBITRATION_LOST: u32 = 0x002;
    pub(super) const CONTROLLER: u32 = 0x004;
    pub(super) const PROTOCOL: u32 = 0x008;
    pub(super) const TRANSCEIVER: u32 = 0x010;
    pub(super) const UNACKNOWLEDGED: u32 = 0x020;
    pub(super) const BUS_OFF: u32 = 0x040;
    pub(super) const RESTARTED: u32 = 0x100;
    pub(super) const WANTED: u32 = 0x17F;
}

/// Frames may wait in the kernel for two seconds of a full bus.
const RECEIVE_OCTETS: usize = 1 << 20;
/// How often the state of the link is asked for.
const LOOK: Duration = Duration::from_secs(1);
/// A full transmit queue is tried again so often, each time after one frame.
const TRIES: u32 = 20;

/// An open interface.
#[derive(Debug)]
pub struct Interface {
    socket: AsyncFd<CanSocket>,
    link: CanInterface,
    frame_time: Duration,
    look: Interval,
    state: BusState,
    dropped: u32,
    pending: VecDeque<Seen>,
}

impl Interface {
    /// Opens it, if it is there and up.
    pub fn open(name: &str, settings: &Settings) -> io::Result<(Interface, Vec<String>)> {
        let address = CanAddr::from_iface(name).map_err(|e| absent(name, &e))?;
        let socket = CanSocket::open_addr(&address).map_err(|e| absent(name, &e))?;
        prepare(&socket, &settings.filters)
            .map_err(|e| io::Error::new(e.kind(), format!("{name}: its socket could not be set: {e}")))?;
        let link = CanInterface::open(name).map_err(io::Error::other)?;
        let odd = look_over(name, &link, settings)?;
        let mut look = tokio::time::interval(LOOK);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let interface = Interface {
            socket: watched(socket)?,
            link,
            frame_time: frame_time(settings.bitrate),
            look,
            state: BusState::Unknown,
            dropped: 0,
            pending: VecDeque::new(),
        };
        Ok((interface, odd))
    }

    pub(super) async fn next(&mut self) -> io::Result<Seen> {
        loop {
            if let Some(seen) = self.pending.pop_front() {
                return Ok(seen);
            }
            tokio::select! {
                read = self.socket.async_io(Interest::READABLE, read) => self.take(&read?),
                _ = self.look.tick() => self.look(),
            }
        }
    }

    pub(super) async fn send(&mut self, frame: &Frame) -> Result<(), NotSent> {
        let octets = written(frame);
        for _ in 0..TRIES {
            let sent = self.socket.async_io(Interest::WRITABLE, |s| s.as_raw_socket().send(&octets));
            match tokio::time::timeout(self.frame_time * TRIES, sent).await {
                Ok(Ok(_)) => return Ok(()),
                Ok(Err(error)) if error.raw_os_error() == Some(rustix::io::Errno::NOBUFS.raw_os_error()) => {
                    tokio::time::sleep(self.frame_time).await;
                }
                Ok(Err(error)) => return Err(NotSent::Gone(error)),
                Err(_) => return Err(NotSent::Full),
            }
        }
        Err(NotSent::Full)
    }

    fn take(&mut self, read: &Read) {
        if let Some(total) = read.dropped {
            let more = total.wrapping_sub(self.dropped);
            self.dropped = total;
            if more > 0 {
                self.pending.push_back(Seen::Dropped(u64::from(more)));
            }
        }
        match taken(&read.octets) {
            Taken::Frame(frame) => self.pending.push_back(Seen::Frame(frame, None)),
            Taken::Faults(faults) => {
                for fault in faults {
                    self.note(fault);
                }
            }
            Taken::Nothing => {}
        }
    }

    /// What the link itself says; a state that no error frame showed is seen here.
    fn look(&mut self) {
        let state = self.link.can_params().ok().and_then(|params| params.state).map(bus_state);
        if let Some(state) = state.filter(|state| *state != self.state) {
            self.note(Fault::State(state));
        }
    }

    fn note(&mut self, fault: Fault) {
        if let Fault::State(state) = fault {
            self.state = state;
        }
        self.pending.push_back(Seen::Fault(fault));
    }
}

#[expect(deprecated, reason = "its successor is unsafe; a CanSocket owns its descriptor and keeps it")]
fn watched(socket: CanSocket) -> io::Result<AsyncFd<CanSocket>> {
    AsyncFd::new(socket)
}

fn prepare(socket: &CanSocket, filters: &[Filter]) -> io::Result<()> {
    let pairs: Vec<(u32, u32)> =
        filters.iter().map(|f| (f.id | EXTENDED, f.mask | EXTENDED | REMOTE)).collect();
    socket.set_filters(&pairs)?;
    socket.set_error_filter(class::WANTED)?;
    setsockopt(socket, sockopt::RxqOvfl, &1)?;
    socket.as_raw_socket().set_recv_buffer_size(RECEIVE_OCTETS)?;
    socket.set_nonblocking(true)
}

/// Whether the link is as the configuration says. One that is down cannot be used; what else differs is only said,
/// because the bus runs the way the administrator has set it, whether we listen or not.
fn look_over(name: &str, link: &CanInterface, settings: &Settings) -> io::Result<Vec<String>> {
    let advice = format!("ip link set {name} up type can bitrate {} restart-ms 500", settings.bitrate);
    let Ok(details) = link.details() else {
        return Ok(vec![format!("{name}: the kernel does not say how its link is set")]);
    };
    if !details.is_up {
        return Err(io::Error::new(ErrorKind::NetworkDown, format!("{name} is down: {advice}")));
    }
    let mut odd = Vec::new();
    if let Some(timing) = details.can.bit_timing
        && timing.bitrate != settings.bitrate
    {
        odd.push(format!(
            "{name} runs at {} bit/s, the configuration says {}",
            timing.bitrate, settings.bitrate
        ));
    }
    let listens = details.can.ctrl_mode.map(|modes| modes.has_mode(CanCtrlMode::ListenOnly));
    match (settings.listen_only, listens) {
        (true, Some(false)) => odd.push(format!(
            "{name} acknowledges what it hears, which a tap must not: ip link set {name} down, then {advice} listen-only on"
        )),
        (false, Some(true)) => odd.push(format!("{name} is set to listen only; nothing can be sent on it")),
        (true, Some(true) | None) | (false, Some(false) | None) => {}
    }
    if !settings.listen_only && details.can.restart_ms == Some(0) {
        odd.push(format!("{name} stays off the bus once its controller goes there: {advice}"));
    }
    Ok(odd)
}

fn bus_state(state: CanState) -> BusState {
    match state {
        CanState::ErrorActive => BusState::Active,
        CanState::ErrorWarning => BusState::Warning,
        CanState::ErrorPassive => BusState::Passive,
        CanState::BusOff => BusState::Off,
        CanState::Stopped | CanState::Sleeping => BusState::Unknown,
    }
}

/// What one `recvmsg` gives.
struct Read {
    octets: Vec<u8>,
    /// Frames dropped since the socket was opened.
    dropped: Option<u32>,
}

fn read(socket: &CanSocket) -> io::Result<Read> {
    let mut octets = [0; FRAME];
    let mut room = nix::cmsg_space!(u32);
    let mut parts = [IoSliceMut::new(&mut octets)];
    let message = recvmsg::<()>(socket.as_raw_fd(), &mut parts, Some(&mut room), MsgFlags::empty())?;
    let length = message.bytes;
    let dropped = message.cmsgs().ok().and_then(|mut beside| {
        beside.find_map(|m| if let ControlMessageOwned::RxqOvfl(count) = m { Some(count) } else { None })
    });
    Ok(Read { octets: octets.get(..length).unwrap_or_default().to_vec(), dropped })
}

/// What the octets of one `can_frame` are.
#[derive(Debug, PartialEq, Eq)]
enum Taken {
    Frame(Frame),
    Faults(Vec<Fault>),
    Nothing,
}

fn taken(octets: &[u8]) -> Taken {
    let Some((head, data)) = octets.split_first_chunk::<8>() else { return Taken::Nothing };
    let [a, b, c, d, length, ..] = *head;
    let flagged = u32::from_ne_bytes([a, b, c, d]);
    if flagged & ERROR != 0 {
        return Taken::Faults(faults(flagged, data));
    }
    let id = if flagged & EXTENDED == 0 {
        Id::standard(flagged & 0x7FF)
    } else {
        Id::extended(flagged & 0x1FFF_FFFF)
    };
    let frame = id.and_then(|id| match flagged & REMOTE {
        0 => Frame::new(id, data.get(..usize::from(length))?),
        _ => Frame::remote(id, length),
    });
    frame.map_or(Taken::Nothing, Taken::Frame)
}

/// An error frame (`linux/can/error.h`): classes in its identifier, what the controller says in its second octet.
fn faults(classes: u32, data: &[u8]) -> Vec<Fault> {
    let mut found = Vec::new();
    let controller = data.get(1).copied().unwrap_or(0);
    for (class, fault) in [
        (class::SEND_TIMEOUT, Fault::SendTimeout),
        (class::ARBITRATION_LOST, Fault::ArbitrationLost),
        (class::PROTOCOL, Fault::Protocol),
        (class::TRANSCEIVER, Fault::Transceiver),
        (class::UNACKNOWLEDGED, Fault::Unacknowledged),
    ] {
        if classes & class != 0 {
            found.push(fault);
        }
    }
    if classes & class::CONTROLLER != 0 {
        found.extend(
            [(0x01, Fault::ReceiveOverflow), (0x02, Fault::SendOverflow)]
                .iter()
                .filter_map(|(bit, fault)| if controller & bit != 0 { Some(*fault) } else { None }),
        );
        let state = match controller {
            c if c & 0x30 != 0 => Some(BusState::Passive),
            c if c & 0x0C != 0 => Some(BusState::Warning),
            c if c & 0x40 != 0 => Some(BusState::Active),
            _ => None,
        };
        found.extend(state.map(Fault::State));
    }
    if classes & class::BUS_OFF != 0 {
        found.push(Fault::State(BusState::Off));
    }
    if classes & class::RESTARTED != 0 {
        found.extend([Fault::Restarted, Fault::State(BusState::Active)]);
    }
    found
}

fn written(frame: &Frame) -> [u8; FRAME] {
    let id = frame.id();
    let flagged =
        id.raw() | if id.is_extended() { EXTENDED } else { 0 } | if frame.is_remote() { REMOTE } else { 0 };
    let mut octets = [0; FRAME];
    octets[..4].copy_from_slice(&flagged.to_ne_bytes());
    octets[4] = frame.dlc();
    octets[8..8 + frame.data().len()].copy_from_slice(frame.data());
    octets
}

/// Why there is no such bus. A kernel without SocketCAN looks like one without the interface, so it is asked.
fn absent(name: &str, error: &io::Error) -> io::Error {
    let no_can = |e: &io::Error| e.raw_os_error() == Some(rustix::io::Errno::AFNOSUPPORT.raw_os_error());
    let none_at_all = no_can(error) || CanSocket::open_iface(0).is_err_and(|e| no_can(&e));
    let what = if none_at_all {
        format!(
            "{name}: this kernel has no SocketCAN: use an slcan adapter on a serial line (device instead of interface)"
        )
    } else if error.raw_os_error() == Some(rustix::io::Errno::NODEV.raw_os_error()) {
        format!("{name}: there is no such CAN interface; `ip link show type can` lists those that are there")
    } else {
        format!("{name}: {error}")
    };
    io::Error::new(error.kind(), what)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn raw(flagged: u32, data: &[u8]) -> Vec<u8> {
        let mut octets = flagged.to_ne_bytes().to_vec();
        octets.extend([data.len() as u8, 0, 0, 0]);
        octets.extend(data);
        octets.resize(FRAME, 0);
        octets
    }

    #[test]
    fn an_interface_that_is_not_there_says_what_to_do() {
        let settings = Settings {
            way: super::super::Way::Interface("nocan7".to_owned()),
            bitrate: 250_000,
            listen_only: false,
            filters: Vec::new(),
        };
        let error = Interface::open("nocan7", &settings).expect_err("no such interface").to_string();
        let said = ["has no SocketCAN: use an slcan adapter", "there is no such CAN interface"];
        assert!(error.starts_with("nocan7: ") && said.iter().any(|s| error.contains(s)), "{error}");
    }

    #[test]
    fn error_frames_say_what_happened_to_the_controller() {
        let said =
            |classes: u32, controller: u8| taken(&raw(ERROR | classes, &[0, controller, 0, 0, 0, 0, 0, 0]));
        let of = |faults: &[Fault]| Taken::Faults(faults.to_vec());
        assert_eq!(said(class::BUS_OFF, 0), of(&[Fault::State(BusState::Off)]));
        assert_eq!(said(class::RESTARTED, 0), of(&[Fault::Restarted, Fault::State(BusState::Active)]));
        assert_eq!(said(class::CONTROLLER, 0x10), of(&[Fault::State(BusState::Passive)]));
        assert_eq!(said(class::CONTROLLER, 0x08), of(&[Fault::State(BusState::Warning)]));
        assert_eq!(said(class::CONTROLLER, 0x40), of(&[Fault::State(BusState::Active)]));
        assert_eq!(
            said(class::CONTROLLER | class::UNACKNOWLEDGED, 0x01),
            of(&[Fault::Unacknowledged, Fault::ReceiveOverflow])
        );
    }

    #[test]
    fn remote_and_standard_frames_are_told_apart_and_long_ones_refused() {
        let id = Id::extended(0x1840_F68A).expect("in range");
        let frame = Frame::new(id, &[1, 2, 3]).expect("three");
        assert_eq!(taken(&written(&frame)), Taken::Frame(frame));
        let remote = Frame::remote(Id::standard(0x123).expect("in range"), 8).expect("eight");
        assert_eq!(taken(&written(&remote)), Taken::Frame(remote));
        let mut long = raw(EXTENDED | 1, &[0; 8]);
        long[4] = 9;
        assert_eq!(taken(&long), Taken::Nothing);
        assert_eq!(taken(&long[..7]), Taken::Nothing);
    }

    proptest! {
        #[test]
        fn no_octets_of_the_kernel_panic(octets in proptest::collection::vec(any::<u8>(), 0..24)) {
            let _ = taken(&octets);
        }
    }
}
