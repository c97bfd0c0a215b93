//! Traffic to decode: one charging session on the plug's bus, and eight controllers on the charger's bus.
//!
//! The published capture of a session is used where it is at hand; the constructed one follows the periods of can.md 1.2
//! and says random numbers in defined fields.

use depotd::wire::can::{self, Content, Frame};
use depotd::wire::gbt27930::{Edition, Kind, layout, transport};
use depotd::wire::{can::Id, slcan, tcu};
use std::path::Path;

/// A frame and when it was on the bus, µs.
pub type Heard = (u64, Frame);

/// The 2015 session that was recorded from a real bus, if the file is there.
#[must_use]
pub fn captured() -> Option<Vec<Heard>> {
    const NAME: &str = "vectors/captures/gbt27930-2015-session/session.candump.log";
    let shared = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared").join(NAME);
    let text = std::fs::read_to_string(shared).ok()?;
    let frames = text.lines().filter_map(|line| {
        let line = can::line(line).ok()?;
        match line.content {
            Content::Frame(frame) => Some((line.time_us.unwrap_or(0), frame)),
            Content::Payload(..) => None,
        }
    });
    Some(frames.collect())
}

/// Messages of a charging session with their periods, ms: from and to when, ms.
const SESSION: &[(Kind, u64, u64, u64)] = &[
    (Kind::Chm, 250, 0, 1_000),
    (Kind::Bhm, 250, 500, 1_000),
    (Kind::Crm, 250, 1_000, 2_500),
    (Kind::Brm, 250, 1_250, 2_000),
    (Kind::Bcp, 500, 2_500, 3_500),
    (Kind::Cts, 500, 2_500, 4_000),
    (Kind::Cml, 250, 2_750, 4_000),
    (Kind::Bro, 250, 3_500, 4_500),
    (Kind::Cro, 250, 4_000, 5_000),
    (Kind::Bcl, 50, 5_000, 60_000),
    (Kind::Ccs, 50, 5_000, 60_000),
    (Kind::Bcs, 250, 5_000, 60_000),
    (Kind::Bsm, 250, 5_000, 60_000),
    (Kind::Bmt, 10_000, 5_000, 60_000),
    (Kind::Bst, 10, 60_000, 60_200),
    (Kind::Cst, 10, 60_050, 60_200),
    (Kind::Bsd, 250, 60_200, 61_500),
    (Kind::Csd, 250, 60_200, 61_500),
];

/// A session of a minute, repeats and transport protocol included.
#[must_use]
pub fn session(seed: u64) -> Vec<Heard> {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut frames = Vec::new();
    for at in 0..61_500 {
        for (kind, period, from, to) in SESSION {
            if (*from..*to).contains(&at) && (at - from) % period == 0 {
                say(*kind, at * 1_000, &mut random, &mut frames);
            }
        }
    }
    frames
}

fn say(kind: Kind, at_us: u64, random: &mut fastrand::Rng, frames: &mut Vec<Heard>) {
    let table = layout::of(kind, Edition::V2015);
    let length = if kind == Kind::Bmt { 24 } else { table.length };
    let mut payload: Vec<u8> = (0..length).map(|_| random.u8(..)).collect();
    payload.iter_mut().zip(table.undefined).for_each(|(octet, undefined)| *octet |= undefined);
    let mut put = |id: Id, data: &[u8], after_us: u64| {
        frames.push((at_us + after_us, Frame::new(id, data).expect("at most eight octets")));
    };
    if length <= can::MOST {
        return put(kind.id(), &payload, 0);
    }
    // J1939-21: request to send, clear to send, data, end of message
    let (from, to) = (kind.id().source(), kind.id().destination());
    let [low, high] = u16::try_from(length).expect("short").to_le_bytes();
    let packets = u8::try_from(length.div_ceil(7)).expect("few");
    let (asks, answers) = (Id::pdu1(7, transport::CM, to, from), Id::pdu1(7, transport::CM, from, to));
    put(asks, &[0x10, low, high, packets, 0xFF, 0, kind.pf(), 0], 0);
    put(answers, &[0x11, packets, 1, 0xFF, 0xFF, 0, kind.pf(), 0], 600);
    for (number, piece) in (1..=packets).zip(payload.chunks(7)) {
        let mut data = [0xFF; 8];
        data[0] = number;
        data[1..=piece.len()].copy_from_slice(piece);
        put(Id::pdu1(7, transport::DT, to, from), &data, 600 + 600 * u64::from(number));
    }
    put(answers, &[0x13, low, high, packets, 0xFF, 0, kind.pf(), 0], 1_200 + 600 * u64::from(packets));
}

/// A minute of eight charge controllers: heartbeats, telemetry, energy, status, set-points.
#[must_use]
pub fn controllers(seed: u64) -> Vec<Heard> {
    use tcu::Kind;
    let mut random = fastrand::Rng::with_seed(seed);
    let mut frames = Vec::new();
    for at in (0..60_000).step_by(50) {
        for ccu in 0xE0..0xE8 {
            let mut say = |kind: Kind, period: u64| {
                if at % period == 0 {
                    tell(kind, ccu, at * 1_000, &mut random, &mut frames);
                }
            };
            say(Kind::TcuHeartbeat, 1_000);
            say(Kind::CcuHeartbeat, 1_000);
            say(Kind::DcTelemetry, 1_000);
            say(Kind::EnergyTime, 1_000);
            say(Kind::SetPoint, 500);
            say(Kind::DcStatus1, 250);
            say(Kind::PowerLimit, 5_000);
            say(Kind::PowerLimitAck, 5_000);
            say(Kind::VehicleId, 30_000);
        }
    }
    frames
}

fn tell(kind: tcu::Kind, ccu: u8, at_us: u64, random: &mut fastrand::Rng, frames: &mut Vec<Heard>) {
    let length = tcu::layout::shortest(kind);
    let payload: Vec<u8> = (0..length).map(|_| random.u8(..)).collect();
    let mut put = |data: &[u8]| {
        frames.push((at_us, Frame::new(kind.id(ccu), data).expect("at most eight octets")));
    };
    if kind.is_long() {
        tcu::long::frames(&payload).expect("a short long message").iter().for_each(|data| put(data));
    } else {
        put(&payload);
    }
}

/// The frames as a serial-line adapter hands them over, without stamps.
#[must_use]
pub fn lines(frames: &[Heard]) -> Vec<u8> {
    let mut out = Vec::new();
    for (_, frame) in frames {
        slcan::Line::Frame { frame: *frame, stamp_ms: None }.write(&mut out);
    }
    out
}

/// The frames as octets that any program can read: identifier (four octets, low first), length, eight of data.
#[must_use]
pub fn packed(frames: &[Heard]) -> Vec<u8> {
    let mut out = Vec::with_capacity(frames.len() * 13);
    for (_, frame) in frames {
        out.extend(frame.id().raw().to_le_bytes());
        out.push(frame.dlc());
        out.extend(frame.data());
        out.extend(std::iter::repeat_n(0, can::MOST - frame.data().len()));
    }
    out
}
