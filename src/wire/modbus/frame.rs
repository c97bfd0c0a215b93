//! Frames: length, checksum, and where one begins among other octets.

use super::function;
use super::request::Request;
use super::response::Response;
use crate::wire::Cut;
use crc::{CRC_16_MODBUS, Crc};
use std::fmt;

/// Longest frame: 256 octets (Modbus over Serial Line 2.5.1).
pub const LONGEST: usize = 256;
/// Shortest frame: address, function, CRC.
const SHORTEST: usize = 4;
/// An exception response: address, function, code, CRC.
pub(super) const EXCEPTION_LENGTH: usize = 5;

const CRC: Crc<u16> = Crc::<u16>::new(&CRC_16_MODBUS);

/// Which way a frame goes; the same octets mean different things.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From the master.
    Request,
    /// From a slave.
    Response,
}

/// Why octets are no frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error {
    /// Too few octets to be judged.
    Truncated {
        /// How many there are.
        octets: usize,
    },
    /// The CRC is wrong. Both in the order of the wire.
    Checksum {
        /// As received.
        sent: [u8; 2],
        /// As it should be.
        computed: [u8; 2],
    },
    /// A function that is not in the table.
    Function(u8),
    /// Another length than the function asks for.
    Length {
        /// Octets there are.
        found: usize,
        /// Octets there should be.
        wanted: usize,
    },
    /// The octet count inside the frame does not agree with the rest.
    ByteCount(u8),
    /// The content contradicts itself.
    Body(&'static str),
}

impl fmt::Display for Error {
    /// Begins with the error code of the vector format.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Truncated { octets } => write!(f, "truncated: {octets} octets are no frame"),
            Error::Checksum { sent: [a, b], computed: [c, d] } => {
                write!(f, "checksum: sent {a:02X}{b:02X}, computed {c:02X}{d:02X}")
            }
            Error::Function(code) => write!(f, "function: {code:02X} is not known"),
            Error::Length { found, wanted } => write!(f, "length: {found} octets instead of {wanted}"),
            Error::ByteCount(count) => write!(f, "byte_count: {count} does not agree with the frame"),
            Error::Body(what) => write!(f, "body: {what}"),
        }
    }
}

/// CRC as it stands on the wire, low octet first.
#[must_use]
pub fn checksum(octets: &[u8]) -> [u8; 2] {
    CRC.checksum(octets).to_le_bytes()
}

/// Address and PDU made a frame.
#[must_use]
pub(super) fn seal(slave: u8, pdu: &[u8]) -> Vec<u8> {
    let mut frame = Vec::with_capacity(pdu.len() + 3);
    frame.push(slave);
    frame.extend_from_slice(pdu);
    let crc = checksum(&frame);
    frame.extend_from_slice(&crc);
    frame
}

/// A frame opened: address and PDU (at least the function octet), CRC good.
pub(super) fn open(frame: &[u8]) -> Result<(u8, &[u8]), Error> {
    if frame.len() < SHORTEST {
        return Err(Error::Truncated { octets: frame.len() });
    }
    let (body, sent) = frame.split_at(frame.len() - 2);
    let (sent, computed) = ([sent[0], sent[1]], checksum(body));
    if sent != computed {
        return Err(Error::Checksum { sent, computed });
    }
    Ok((body[0], &body[1..]))
}

/// What the first octets of a frame say about its length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Length {
    /// Not yet enough of them.
    Unknown,
    /// With address and CRC.
    Octets(usize),
    /// No frame begins like this.
    Never,
}

/// How a receive buffer begins, when nothing is known of what was asked. Frames with a good CRC and a good form only.
#[must_use]
pub fn cut(received: &[u8], direction: Direction) -> Cut {
    let length = match direction {
        Direction::Request => request_length(received),
        Direction::Response => response_length(received),
    };
    match length {
        Length::Octets(length) if length > LONGEST => Cut::Noise(1),
        Length::Octets(length) => match received.get(..length) {
            None => Cut::More,
            Some(frame) if is_good(frame, direction) => Cut::Frame(length),
            Some(_) => Cut::Noise(1),
        },
        Length::Unknown => Cut::More,
        Length::Never => Cut::Noise(1),
    }
}

/// How a receive buffer begins while an answer to `question` (a frame of ours) is awaited. The answer is found behind
/// noise that looks like the beginning of a longer frame; whole frames of others and our own echo are given out too.
#[must_use]
pub fn cut_answer(received: &[u8], question: &[u8]) -> Cut {
    if received.starts_with(question) {
        return Cut::Frame(question.len());
    }
    match cut(received, Direction::Response) {
        Cut::Frame(length) => Cut::Frame(length),
        Cut::Noise(_) if question.starts_with(received) => Cut::More,
        Cut::Noise(count) => Cut::Noise(count),
        Cut::More => match (1..received.len()).find(|at| answers(&received[*at..], question)) {
            Some(noise) => Cut::Noise(noise),
            None => Cut::More,
        },
    }
}

/// Whether a whole good response of the asked slave and function stands here.
fn answers(octets: &[u8], question: &[u8]) -> bool {
    let (Some([slave, function, ..]), Some([asked, wanted, ..])) = (octets.get(..2), question.get(..2))
    else {
        return false;
    };
    slave == asked
        && function & !function::EXCEPTION == *wanted
        && matches!(cut(octets, Direction::Response), Cut::Frame(_))
}

fn is_good(frame: &[u8], direction: Direction) -> bool {
    match direction {
        Direction::Request => Request::decode(frame).is_ok(),
        Direction::Response => Response::decode(frame).is_ok(),
    }
}

fn request_length(octets: &[u8]) -> Length {
    let Some(&code) = octets.get(1) else { return Length::Unknown };
    match code {
        function::READ_COILS
        | function::READ_DISCRETE
        | function::READ_HOLDING
        | function::READ_INPUT
        | function::WRITE_COIL
        | function::WRITE_REGISTER => Length::Octets(8),
        function::WRITE_COILS | function::WRITE_REGISTERS => counted(octets, 6),
        function::ENCAPSULATED => device_id(octets, || Length::Octets(7)),
        _ => Length::Never,
    }
}

fn response_length(octets: &[u8]) -> Length {
    let Some(&code) = octets.get(1) else { return Length::Unknown };
    match code {
        function::READ_COILS | function::READ_DISCRETE | function::READ_HOLDING | function::READ_INPUT => {
            counted(octets, 2)
        }
        function::WRITE_COIL
        | function::WRITE_REGISTER
        | function::WRITE_COILS
        | function::WRITE_REGISTERS => Length::Octets(8),
        function::ENCAPSULATED => device_id(octets, || object_list(octets)),
        code if is_exception(code) => Length::Octets(EXCEPTION_LENGTH),
        _ => Length::Never,
    }
}

/// Whether a function octet is an exception to a function of the table.
pub(super) fn is_exception(code: u8) -> bool {
    code & function::EXCEPTION != 0
        && matches!(
            code & !function::EXCEPTION,
            function::READ_COILS
                ..=function::WRITE_REGISTER
                    | function::WRITE_COILS
                    | function::WRITE_REGISTERS
                    | function::ENCAPSULATED
        )
}

/// A frame whose octet count stands at `at`.
fn counted(octets: &[u8], at: usize) -> Length {
    match octets.get(at) {
        None => Length::Unknown,
        Some(0) => Length::Never,
        Some(count) => Length::Octets(at + 1 + usize::from(*count) + 2),
    }
}

fn device_id(octets: &[u8], length: impl FnOnce() -> Length) -> Length {
    match octets.get(2) {
        None => Length::Unknown,
        Some(&function::DEVICE_ID) => length(),
        Some(_) => Length::Never,
    }
}

/// Address, function, MEI, read code, conformity, more, next, number; then objects of number, length, octets.
fn object_list(octets: &[u8]) -> Length {
    let Some(&number) = octets.get(7) else { return Length::Unknown };
    let mut at = 8;
    for _ in 0..number {
        let Some(&length) = octets.get(at + 1) else { return Length::Unknown };
        at += 2 + usize::from(length);
    }
    Length::Octets(at + 2)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::hex::parse;
    use proptest::prelude::*;

    fn hex(text: &str) -> Vec<u8> {
        parse(text).expect("hex")
    }

    #[test]
    fn the_check_value_of_the_catalogue_stands_low_octet_first() {
        assert_eq!(checksum(b"123456789"), [0x37, 0x4B]);
    }

    #[test]
    fn an_answer_is_found_behind_noise_that_promises_a_longer_frame() {
        let question = hex("010300000002C40B");
        let mut answer = hex("0103040001000A");
        answer.extend(checksum(&answer));
        // 01 03 FA promises 255 octets that never come
        let received = [hex("0103FA"), answer.clone()].concat();
        assert_eq!(cut(&received, Direction::Response), Cut::More);
        assert_eq!(cut_answer(&received, &question), Cut::Noise(3));
        assert_eq!(cut_answer(&answer, &question), Cut::Frame(9));
        for short in 0..answer.len() {
            assert_eq!(cut_answer(&answer[..short], &question), Cut::More, "{short}");
        }
    }

    #[test]
    fn our_own_echo_is_one_frame_and_never_half_of_one() {
        let question = hex("01030000000D840F");
        for short in 0..question.len() {
            assert_eq!(cut_answer(&question[..short], &question), Cut::More);
        }
        assert_eq!(cut_answer(&question, &question), Cut::Frame(8));
    }

    #[test]
    fn stray_zeros_around_a_reply_are_noise() {
        let question = hex("010300000001840A");
        let reply = hex("0103025A6602CE");
        let mut received = [vec![0, 0], reply.clone(), vec![0]].concat();
        assert_eq!(cut_answer(&received, &question), Cut::Noise(1));
        received.drain(..2);
        assert_eq!(cut_answer(&received, &question), Cut::Frame(reply.len()));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(512))]

        #[test]
        fn no_octets_upset_a_cutter(octets in prop::collection::vec(any::<u8>(), 0..300), question in prop::collection::vec(any::<u8>(), 1..12)) {
            for cut in [cut(&octets, Direction::Request), cut(&octets, Direction::Response), cut_answer(&octets, &question)] {
                match cut {
                    Cut::More => {}
                    Cut::Noise(n) | Cut::Frame(n) => prop_assert!(n >= 1 && n <= octets.len(), "{cut:?}"),
                }
            }
        }
    }
}
