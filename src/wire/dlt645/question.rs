//! The questions that a station may put to a meter. There is none that clears or trips, and none is to be added.

use super::control::{Control, rate_octet};
use super::frame::{Address, Frame};
use super::item::Di;
use super::value::{to_pair, write_date, write_time};
use jiff::civil::DateTime;

/// Longest value of a write: with DI, password and operator it makes 50 octets (rs485.md 1.2).
const WRITE_MAX: usize = 50;

/// Read one item.
#[must_use]
pub fn read(address: Address, di: Di) -> Frame {
    frame(address, Control::READ, di.to_wire().to_vec())
}

/// Read one item of the edition of 1997, DI1 high.
#[must_use]
pub fn read_1997(address: Address, di: u16) -> Frame {
    frame(address, Control::READ_1997, di.to_le_bytes().to_vec())
}

/// Read the next part of an item that did not fit into one reply; `part` counts from 1.
#[must_use]
pub fn read_follow_up(address: Address, di: Di, part: u8) -> Frame {
    let mut data = di.to_wire().to_vec();
    data.push(part);
    frame(address, Control::READ_FOLLOW_UP, data)
}

/// Read the address of the only meter on the wire.
#[must_use]
pub fn read_address() -> Frame {
    frame(Address::ANY, Control::READ_ADDRESS, Vec::new())
}

/// Give the only meter on the wire an address; its programming key must be pressed.
#[must_use]
pub fn write_address(address: Address) -> Frame {
    frame(Address::ANY, Control::WRITE_ADDRESS, address.to_wire().to_vec())
}

/// Time for everybody; nobody answers. `None` outside the years 2000..=2099.
#[must_use]
pub fn broadcast_time(local: DateTime) -> Option<Frame> {
    let mut data = write_time(local.time()).to_vec();
    data.extend(write_date(local.date())?);
    Some(frame(Address::BROADCAST, Control::BROADCAST_TIME, data))
}

/// When registers are frozen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Freeze {
    /// Now.
    AtOnce,
    /// Each hour at this minute.
    Hourly(u8),
    /// Each day at this hour and minute.
    Daily(u8, u8),
    /// Each month on this day, hour and minute.
    Monthly(u8, u8, u8),
}

/// Freeze registers; to the broadcast address nobody answers. `None` when a number is out of its range.
#[must_use]
pub fn freeze(address: Address, when: Freeze) -> Option<Frame> {
    const EVERY: u8 = 0x99;
    let (day, hour, minute) = match when {
        Freeze::AtOnce => (None, None, None),
        Freeze::Hourly(minute) => (None, None, Some(minute)),
        Freeze::Daily(hour, minute) => (None, Some(hour), Some(minute)),
        Freeze::Monthly(day, hour, minute) => (Some(day), Some(hour), Some(minute)),
    };
    let good =
        |part: Option<u8>, range: std::ops::RangeInclusive<u8>| part.is_none_or(|p| range.contains(&p));
    if !good(day, 1..=28) || !good(hour, 0..=23) || !good(minute, 0..=59) {
        return None;
    }
    let octet = |part: Option<u8>| part.map_or(EVERY, to_pair);
    Some(frame(address, Control::FREEZE, vec![octet(minute), octet(hour), octet(day), EVERY]))
}

/// Change the rate of the line to one of [`super::control::RATES`]; `None` for another one.
#[must_use]
pub fn change_rate(address: Address, rate: u32) -> Option<Frame> {
    Some(frame(address, Control::CHANGE_RATE, vec![rate_octet(rate)?]))
}

/// Who writes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Access {
    /// Password level, 0 the highest.
    pub level: u8,
    /// Password as printed, high pair first.
    pub password: [u8; 3],
    /// Operator code as printed, high pair first.
    pub operator: [u8; 4],
}

/// Write one item. `None` when it is too long for a frame that meters take.
#[must_use]
pub fn write(address: Address, di: Di, access: &Access, value: &[u8]) -> Option<Frame> {
    let mut data = di.to_wire().to_vec();
    data.push(to_pair(access.level));
    data.extend(access.password.iter().rev());
    data.extend(access.operator.iter().rev());
    data.extend(value);
    (data.len() <= WRITE_MAX).then(|| frame(address, Control::WRITE, data))
}

fn frame(address: Address, control: Control, data: Vec<u8>) -> Frame {
    Frame::new(address, control, data).expect("every question here has at most 50 octets of data")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::hex;

    fn sent(frame: &Frame) -> String {
        hex::upper(&frame.encode(0))
    }

    fn meter() -> Address {
        "000012345678".parse().unwrap()
    }

    #[test]
    fn questions_are_the_frames_that_meters_know() {
        assert_eq!(sent(&read(meter(), Di(0x0506_0101))), "6878563412000068110434343938D216");
        assert_eq!(sent(&read_1997(meter(), 0x9010)), "6878563412000068010243C3ED16");
        assert_eq!(hex::upper(&read_address().encode(4)), "FEFEFEFE68AAAAAAAAAAAA681300DF16");
        assert_eq!(sent(&read_follow_up(meter(), Di(0x0330_0D01), 1)), "6878563412000068120534406336343C16");
        let time = jiff::civil::date(2026, 11, 22).at(8, 30, 0, 0);
        assert_eq!(sent(&broadcast_time(time).unwrap()), "6899999999999968080633633B5544593716");
        let now = freeze(Address::BROADCAST, Freeze::AtOnce).unwrap();
        assert_eq!(sent(&now), "68999999999999681604CCCCCCCCB016");
        assert_eq!(sent(&change_rate(meter(), 9600).unwrap()), "68785634120000681701534F16");
    }

    #[test]
    fn a_write_carries_the_password_and_the_operator() {
        let access = Access { level: 2, password: [0x12, 0x34, 0x56], operator: [0, 0, 0, 1] };
        let frame = write(meter(), Di(0x0400_0102), &access, &[0x30, 0x15, 0x08]).unwrap();
        assert_eq!(
            hex::upper(&frame.encode(4)),
            "FEFEFEFE6878563412000068140F35343337358967453433333363483BF716"
        );
        assert_eq!(write(meter(), Di(0x0400_0102), &access, &[0; 39]), None);
    }

    #[test]
    fn what_no_meter_knows_is_not_asked() {
        assert_eq!(change_rate(meter(), 115_200), None);
        assert_eq!(freeze(meter(), Freeze::Daily(24, 0)), None);
        assert_eq!(broadcast_time(jiff::civil::date(2100, 1, 1).at(0, 0, 0, 0)), None);
    }
}
