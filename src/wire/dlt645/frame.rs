//! The frame: how octets are cut, checked and made (rs485.md 1.2 and 1.4).
//!
//! ```text
//! [FE…] 68 A0 A1 A2 A3 A4 A5 68 C L DATA[L] CS 16
//! ```
//!
//! Every data octet travels as its value plus 33H; CS is the sum, modulo 256, of everything from the first 68 to the
//! last data octet as sent. Both editions share this frame.

use super::control::Control;
use crate::wire::Cut;
use std::fmt;
use std::ops::Range;
use std::str::FromStr;

mod field {
    use super::Range;

    pub(super) const START: usize = 0;
    pub(super) const ADDRESS: Range<usize> = 1..7;
    pub(super) const SECOND_START: usize = 7;
    pub(super) const CONTROL: usize = 8;
    pub(super) const LENGTH: usize = 9;
    pub(super) const DATA: usize = 10;
}

const START: u8 = 0x68;
const END: u8 = 0x16;
const WAKE_UP: u8 = 0xFE;
const MASK: u8 = 0x33;

/// Longest data of a frame (read replies; rs485.md 1.2).
pub const DATA_MAX: usize = 200;
/// Octets of a frame beside its data.
pub const OVERHEAD: usize = 12;
/// Wake-up octets that go before every question (rs485.md 1.1).
pub const PREAMBLE: usize = 4;
/// Longest run of wake-up octets that is kept with a frame; what stands before them is dropped as noise.
const PREAMBLE_MAX: usize = 16;

/// Address of a meter: six octets as printed, high pair first, normally 12 decimal digits. Octets that are not BCD
/// exist on badly set-up meters and are kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address(pub [u8; 6]);

impl Address {
    /// Everybody; nobody answers. Only for time (08) and freeze (16).
    pub const BROADCAST: Address = Address([0x99; 6]);
    /// Whoever is there: for reading the address with one meter on the wire.
    pub const ANY: Address = Address([0xAA; 6]);

    fn from_wire(octets: &[u8]) -> Address {
        let mut address = [0; 6];
        for (printed, octet) in address.iter_mut().zip(octets.iter().rev()) {
            *printed = *octet;
        }
        Address(address)
    }

    /// In the order of the wire: low pair first.
    #[must_use]
    pub fn to_wire(self) -> [u8; 6] {
        let mut octets = self.0;
        octets.reverse();
        octets
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|octet| write!(f, "{octet:02X}"))
    }
}

impl FromStr for Address {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Address, &'static str> {
        let octets = crate::wire::hex::parse(text).and_then(|o| <[u8; 6]>::try_from(o).ok());
        octets.filter(|_| text.len() == 12).map(Address).ok_or("an address of 12 digits")
    }
}

/// A well-formed frame with its data unmasked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    address: Address,
    control: Control,
    data: Vec<u8>,
}

/// Why octets are no frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error {
    /// Ends before its length octet.
    Truncated(usize),
    /// Ends before its length octet says.
    Short {
        /// Octets that the whole frame needs.
        wanted: usize,
        /// Octets that are there.
        there: usize,
    },
    /// A start mark is missing.
    Start,
    /// The length octet is above [`DATA_MAX`].
    Length(u8),
    /// Octets are left over behind the frame.
    LeftOver(usize),
    /// The end mark is something else.
    End(u8),
    /// The sum differs.
    Checksum {
        /// As received.
        sent: u8,
        /// As it should be.
        computed: u8,
    },
}

impl fmt::Display for Error {
    /// Begins with the error code of the vector format.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Truncated(there) => write!(f, "truncated: {there} octets, the length octet is missing"),
            Error::Short { wanted, there } => write!(f, "length: {wanted} octets wanted, {there} are there"),
            Error::Start => write!(f, "start: no two marks 68 with six octets between them"),
            Error::Length(length) => write!(f, "length: {length} is above {DATA_MAX}"),
            Error::LeftOver(count) => write!(f, "length: {count} octets behind the end mark"),
            Error::End(found) => write!(f, "end: {found:02X} instead of 16"),
            Error::Checksum { sent, computed } => {
                write!(f, "checksum: sent {sent:02X}, computed {computed:02X}")
            }
        }
    }
}

impl std::error::Error for Error {}

impl Frame {
    /// A frame with this clear data; `None` when there are more than [`DATA_MAX`] octets of it.
    #[must_use]
    pub fn new(address: Address, control: Control, data: Vec<u8>) -> Option<Frame> {
        (data.len() <= DATA_MAX).then_some(Frame { address, control, data })
    }

    /// Reads exactly one frame; wake-up octets may stand before it.
    pub fn parse(octets: &[u8]) -> Result<Frame, Error> {
        let octets = &octets[preamble(octets)..];
        let length = check(octets)?;
        if octets.len() > length {
            return Err(Error::LeftOver(octets.len() - length));
        }
        Ok(Frame {
            address: Address::from_wire(&octets[field::ADDRESS]),
            control: Control(octets[field::CONTROL]),
            data: octets[field::DATA..length - 2].iter().map(|o| o.wrapping_sub(MASK)).collect(),
        })
    }

    /// As written to the line, after so many wake-up octets.
    #[must_use]
    pub fn encode(&self, preamble: usize) -> Vec<u8> {
        let mut octets = vec![WAKE_UP; preamble];
        octets.push(START);
        octets.extend(self.address.to_wire());
        octets.push(START);
        octets.push(self.control.0);
        octets.push(self.data.len() as u8); // at most DATA_MAX by construction
        octets.extend(self.data.iter().map(|o| o.wrapping_add(MASK)));
        octets.push(sum(&octets[preamble..]));
        octets.push(END);
        octets
    }

    /// Whom it is for, or who answers.
    #[must_use]
    pub fn address(&self) -> Address {
        self.address
    }

    /// What it is.
    #[must_use]
    pub fn control(&self) -> Control {
        self.control
    }

    /// Its data, 33H already subtracted.
    #[must_use]
    pub fn data(&self) -> &[u8] {
        &self.data
    }
}

/// How a receive buffer begins. Wake-up octets directly before a frame belong to it: they are the meter's habit, not
/// noise. On a time-out inside a frame the caller drops one octet and looks again, for a good frame may begin inside.
#[must_use]
pub fn cut(received: &[u8]) -> Cut {
    let Some(at) = received.iter().position(|o| *o == START || *o == WAKE_UP) else {
        return if received.is_empty() { Cut::More } else { Cut::Noise(received.len()) };
    };
    if at > 0 {
        return Cut::Noise(at);
    }
    let wake_up = preamble(received);
    if wake_up > PREAMBLE_MAX {
        return Cut::Noise(wake_up - PREAMBLE_MAX);
    }
    if received.len() == wake_up {
        return Cut::More;
    }
    match check(&received[wake_up..]) {
        Ok(length) => Cut::Frame(wake_up + length),
        Err(Error::Truncated(_) | Error::Short { .. }) => Cut::More,
        Err(
            Error::Start | Error::Length(_) | Error::LeftOver(_) | Error::End(_) | Error::Checksum { .. },
        ) => Cut::Noise(wake_up + 1),
    }
}

/// How many wake-up octets stand in front.
#[must_use]
pub fn preamble(octets: &[u8]) -> usize {
    octets.iter().take_while(|o| **o == WAKE_UP).count()
}

/// Length of the well-formed frame that begins here.
pub(super) fn check(octets: &[u8]) -> Result<usize, Error> {
    if octets.first().is_some_and(|o| *o != START)
        || octets.get(field::SECOND_START).is_some_and(|o| *o != START)
    {
        return Err(Error::Start);
    }
    let Some(&data) = octets.get(field::LENGTH) else {
        return Err(Error::Truncated(octets.len()));
    };
    if usize::from(data) > DATA_MAX {
        return Err(Error::Length(data));
    }
    let length = OVERHEAD + usize::from(data);
    if octets.len() < length {
        return Err(Error::Short { wanted: length, there: octets.len() });
    }
    if octets[length - 1] != END {
        return Err(Error::End(octets[length - 1]));
    }
    let (sent, computed) = (octets[length - 2], sum(&octets[field::START..length - 2]));
    if sent == computed { Ok(length) } else { Err(Error::Checksum { sent, computed }) }
}

fn sum(octets: &[u8]) -> u8 {
    octets.iter().fold(0, |sum, octet| sum.wrapping_add(*octet))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::codec::{Decoded, Options};
    use crate::wire::dlt645::CODEC;
    use crate::wire::hex;
    use proptest::collection::vec;
    use proptest::prelude::*;

    const VOLTAGE: &str = "68785634120000689106333434355456F516";

    fn voltage() -> Vec<u8> {
        hex::parse(VOLTAGE).unwrap()
    }

    #[test]
    fn wake_up_octets_belong_to_the_frame_they_announce() {
        let woken = [vec![WAKE_UP; 5], voltage()].concat();
        assert_eq!(cut(&woken), Cut::Frame(23));
        assert_eq!(cut(&woken[..5]), Cut::More);
        assert_eq!(Frame::parse(&woken), Frame::parse(&voltage()));
        assert_eq!(cut(&[WAKE_UP; PREAMBLE_MAX + 9]), Cut::Noise(9));
    }

    #[test]
    fn a_stray_start_mark_costs_one_octet_and_not_the_frame_behind_it() {
        let mut octets = [vec![0x00, 0x68, 0x12], voltage(), vec![0x68]].concat();
        let mut frames = Vec::new();
        loop {
            match cut(&octets) {
                Cut::More => break,
                Cut::Noise(count) => drop(octets.drain(..count)),
                Cut::Frame(count) => frames.push(octets.drain(..count).collect::<Vec<_>>()),
            }
        }
        assert_eq!(frames, [voltage()]);
        assert_eq!(octets, [0x68]);
    }

    #[test]
    fn octets_behind_the_end_mark_are_an_error() {
        assert_eq!(Frame::parse(&[voltage(), vec![0]].concat()), Err(Error::LeftOver(1)));
        assert_eq!(Frame::parse(&voltage()[..17]), Err(Error::Short { wanted: 18, there: 17 }));
        assert_eq!(Frame::parse(&[]), Err(Error::Truncated(0)));
    }

    #[test]
    fn a_frame_cut_short_anywhere_is_waited_for_and_never_taken() {
        let good = [vec![WAKE_UP; 4], voltage()].concat();
        for length in 0..good.len() {
            assert_eq!(cut(&good[..length]), Cut::More, "{length}");
            assert!(Frame::parse(&good[..length]).is_err(), "{length}");
        }
    }

    #[test]
    fn no_single_turned_bit_passes_for_a_frame() {
        let good = voltage();
        for bit in 0..good.len() * 8 {
            let mut turned = good.clone();
            turned[bit / 8] ^= 1 << (bit % 8);
            assert!(Frame::parse(&turned).is_err(), "bit {bit}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]

        #[test]
        fn no_octets_panic_and_every_cut_moves_on(octets in vec(prop_oneof![Just(0x68), Just(0x16), Just(0xFE), any::<u8>()], 0..300)) {
            let mut rest = &octets[..];
            while !rest.is_empty() {
                match cut(rest) {
                    Cut::More => rest = &rest[1..],
                    Cut::Noise(count) => { prop_assert!((1..=rest.len()).contains(&count)); rest = &rest[count..]; }
                    Cut::Frame(count) => { prop_assert!(Frame::parse(&rest[..count]).is_ok()); rest = &rest[count..]; }
                }
            }
            let shown = (CODEC.decode)(&octets, &Options::default());
            prop_assert_eq!(shown.is_empty(), octets.is_empty());
        }

        #[test]
        fn any_well_formed_frame_survives_being_shown_and_made_again(
            address in any::<[u8; 6]>(),
            control in prop_oneof![any::<u8>(), Just(0x91), Just(0x11), Just(0x14), Just(0xB2), Just(0x81)],
            di in prop_oneof![any::<[u8; 4]>(), (0_u8..=6, 0_u8..0x50, 0_u8..=16, 0_u8..4).prop_map(|(a, b, c, d)| [d, c, b, a])],
            value in vec(any::<u8>(), 0..=DATA_MAX - 4),
            preamble in 0_usize..9,
        ) {
            let data = [di.to_vec(), value].concat();
            let octets = Frame::new(Address(address), Control(control), data).unwrap().encode(preamble);
            prop_assert_eq!(Frame::parse(&octets).unwrap().encode(preamble), octets.clone());
            let all = (CODEC.decode)(&octets, &Options::default());
            let [Decoded::Good { object, offset, .. }] = &all[..] else { panic!("{all:?}") };
            prop_assert_eq!(*offset, preamble);
            prop_assert_eq!((CODEC.encode)(object, &Options::default()), Ok(octets));
        }
    }
}
