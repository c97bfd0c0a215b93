//! The frame: how octets are cut, checked and made.

use super::Command;
use crate::wire::Cut;
use crate::wire::sweep::Look;
use std::fmt;

const START: u8 = 0x02;
const END: u8 = 0x03;
/// Octets of a frame beside command and data.
const OVERHEAD: usize = 5;
/// Octets of a command.
const COMMAND: usize = 2;
/// Where the command begins.
const HEAD: usize = 3;
/// Longest command and data that are believed. The longest known are 21 octets; the rest is for vendor data of CPU
/// cards \[A\].
pub const LONGEST: usize = 256;

/// What stands between start, length, end and BCC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// What it is about.
    pub command: Command,
    /// The rest.
    pub data: &'a [u8],
}

/// Why octets are no frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error {
    /// Does not begin with 02.
    Start,
    /// Breaks off; how many octets there are.
    Truncated(usize),
    /// The length is not believed, or does not fit the octets.
    Length {
        /// As the frame says, command and data.
        stated: usize,
        /// Octets in all.
        found: usize,
    },
    /// Not 03 where the length says the end is.
    End(u8),
    /// The BCC is wrong.
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
            Error::Start => f.write_str("start: does not begin with 02"),
            Error::Truncated(octets) => write!(f, "truncated: {octets} octets are no frame"),
            Error::Length { stated, found } => write!(f, "length: {stated} stated in {found} octets"),
            Error::End(found) => write!(f, "end: {found:02X} instead of 03"),
            Error::Checksum { sent, computed } => {
                write!(f, "checksum: sent {sent:02X}, computed {computed:02X}")
            }
        }
    }
}

impl std::error::Error for Error {}

impl<'a> Frame<'a> {
    /// Reads one frame; octets left over are an error.
    pub fn parse(octets: &'a [u8]) -> Result<Frame<'a>, Error> {
        let size = size(octets)?;
        match octets.get(HEAD..size - 2) {
            Some([a, b, data @ ..]) if octets.len() == size => Ok(Frame { command: Command([*a, *b]), data }),
            Some(_) | None => Err(Error::Length { stated: size - OVERHEAD, found: octets.len() }),
        }
    }

    /// Writes it. Data beyond [`LONGEST`] are cut off: nobody sends them.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let data = &self.data[..self.data.len().min(LONGEST - COMMAND)];
        let length = (COMMAND + data.len()) as u16;
        let mut octets = Vec::with_capacity(OVERHEAD + usize::from(length));
        octets.push(START);
        octets.extend(length.to_be_bytes());
        octets.extend(self.command.0);
        octets.extend(data);
        octets.push(END);
        octets.push(bcc(&octets));
        octets
    }
}

/// How a receive buffer begins.
#[must_use]
pub fn cut(received: &[u8]) -> Cut {
    match size(received) {
        Ok(size) => Cut::Frame(size),
        Err(Error::Truncated(_)) => Cut::More,
        Err(_) => Cut::Noise(1 + received.iter().skip(1).take_while(|o| **o != START).count()),
    }
}

/// What begins at an octet of a stream of which no more comes.
pub(super) fn look(octets: &[u8]) -> Look {
    let error = match size(octets) {
        Ok(size) => return Look::Frame(size),
        Err(Error::Start) => return Look::Nothing,
        // it ends like a frame, only not where it says
        Err(Error::Truncated(found)) if found > OVERHEAD + COMMAND && octets[found - 2] == END => {
            Error::Length { stated: stated(octets).unwrap_or(0), found }
        }
        Err(error) => error,
    };
    let claims = match error {
        Error::End(_) | Error::Checksum { .. } => OVERHEAD + stated(octets).unwrap_or(0),
        Error::Truncated(_) | Error::Length { .. } => octets.len(),
        Error::Start => 1,
    };
    Look::Refused { claims, error: error.to_string() }
}

fn stated(octets: &[u8]) -> Option<usize> {
    let [_, high, low, ..] = octets else { return None };
    Some(usize::from(u16::from_be_bytes([*high, *low])))
}

/// Octets of the good frame at the beginning.
fn size(octets: &[u8]) -> Result<usize, Error> {
    match octets.first() {
        None => return Err(Error::Truncated(0)),
        Some(&START) => {}
        Some(_) => return Err(Error::Start),
    }
    let stated = stated(octets).ok_or(Error::Truncated(octets.len()))?;
    if !(COMMAND..=LONGEST).contains(&stated) {
        return Err(Error::Length { stated, found: octets.len() });
    }
    let frame = octets.get(..OVERHEAD + stated).ok_or(Error::Truncated(octets.len()))?;
    let [body @ .., end, sent] = frame else { return Err(Error::Truncated(octets.len())) };
    let computed = bcc(body) ^ end;
    match (*end, *sent == computed) {
        (END, true) => Ok(frame.len()),
        (END, false) => Err(Error::Checksum { sent: *sent, computed }),
        (end, _) => Err(Error::End(end)),
    }
}

fn bcc(octets: &[u8]) -> u8 {
    octets.iter().fold(0, |sum, octet| sum ^ octet)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn lines_of_text_before_a_frame_are_dropped_up_to_its_start() {
        let frame = Frame { command: Command::FIND, data: b"Y" }.encode();
        let received = [b"-> pcbcommOK\r\n".as_slice(), &frame].concat();
        assert_eq!(cut(&received), Cut::Noise(14));
        assert_eq!(cut(&received[14..]), Cut::Frame(frame.len()));
        for short in 0..frame.len() {
            assert_eq!(cut(&frame[..short]), Cut::More, "{short}");
        }
    }

    #[test]
    fn a_length_that_no_reader_sends_does_not_make_the_line_wait() {
        assert_eq!(cut(&[2, 0x34, 0x30, 0x59, 3]), Cut::Noise(5));
        assert_eq!(cut(&[2, 0, 1, 0x34, 3, 0]), Cut::Noise(6));
    }

    #[test]
    fn every_turned_bit_is_refused() {
        let frame = Frame { command: Command::SERIAL, data: &[0x59, 0x10, 0xA8, 0xDB, 0xFA] }.encode();
        for bit in 0..frame.len() * 8 {
            let mut turned = frame.clone();
            turned[bit / 8] ^= 1 << (bit % 8);
            assert!(Frame::parse(&turned).is_err(), "bit {bit}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(512))]

        #[test]
        fn no_octets_upset_the_cutter(octets in prop::collection::vec(prop_oneof![any::<u8>(), 0_u8..4], 0..300)) {
            match cut(&octets) {
                Cut::More => {}
                Cut::Noise(n) => prop_assert!(n >= 1 && n <= octets.len()),
                Cut::Frame(n) => prop_assert!(Frame::parse(&octets[..n]).is_ok()),
            }
        }

        #[test]
        fn what_is_written_is_read_again(command in any::<[u8; 2]>(), data in prop::collection::vec(any::<u8>(), 0..254)) {
            let frame = Frame { command: Command(command), data: &data };
            let octets = frame.encode();
            prop_assert_eq!(cut(&octets), Cut::Frame(octets.len()));
            prop_assert_eq!(Frame::parse(&octets), Ok(frame));
        }
    }
}
