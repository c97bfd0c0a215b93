//! One frame of classic CAN (ISO 11898-1), its J1939-like identifier, and the lines of `candump -L`.
//!
//! What is absent: CAN FD, error frames (a line that shows one is refused with `id`), and every bus.

use super::hex;
use std::fmt;

/// The most data octets of a classic frame.
pub const MOST: usize = 8;
/// The longest payload that a line may show: the limit of the J1939 transport.
pub const LONGEST_PAYLOAD: usize = 1785;

/// An 11-bit or 29-bit identifier; always within its range.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Id {
    raw: u32,
    extended: bool,
}

impl Id {
    /// 0..=7FF.
    #[must_use]
    pub const fn standard(raw: u32) -> Option<Id> {
        if raw <= 0x7FF { Some(Id { raw, extended: false }) } else { None }
    }

    /// 0..=1FFF FFFF.
    #[must_use]
    pub const fn extended(raw: u32) -> Option<Id> {
        if raw <= 0x1FFF_FFFF { Some(Id { raw, extended: true }) } else { None }
    }

    /// The identifier of a PDU1 message: `P<<26 | PF<<16 | DA<<8 | SA`. Only the low three bits of `priority` count.
    #[must_use]
    pub const fn pdu1(priority: u8, pf: u8, destination: u8, source: u8) -> Id {
        let raw = (priority as u32 & 7) << 26 | (pf as u32) << 16 | (destination as u32) << 8 | source as u32;
        Id { raw, extended: true }
    }

    /// The number.
    #[must_use]
    pub const fn raw(self) -> u32 {
        self.raw
    }

    /// Whether it has 29 bits.
    #[must_use]
    pub const fn is_extended(self) -> bool {
        self.extended
    }

    /// PDU format, bits 16-23.
    #[must_use]
    pub const fn pf(self) -> u8 {
        (self.raw >> 16) as u8
    }

    /// Destination address, bits 8-15.
    #[must_use]
    pub const fn destination(self) -> u8 {
        (self.raw >> 8) as u8
    }

    /// Source address, bits 0-7.
    #[must_use]
    pub const fn source(self) -> u8 {
        self.raw as u8
    }

    /// Whether the reserved bit and the data page (bits 24 and 25) are zero, as all protocols here have them.
    #[must_use]
    pub const fn is_page_zero(self) -> bool {
        self.extended && self.raw & 0x0300_0000 == 0
    }
}

impl fmt::Display for Id {
    /// Three or eight hexadecimal digits.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.extended { write!(f, "{:08X}", self.raw) } else { write!(f, "{:03X}", self.raw) }
    }
}

impl fmt::Debug for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A data or remote frame of at most eight octets.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Frame {
    id: Id,
    remote: bool,
    dlc: u8,
    data: [u8; MOST],
}

impl Frame {
    /// A data frame. `None` for more than eight octets.
    #[must_use]
    pub fn new(id: Id, octets: &[u8]) -> Option<Frame> {
        let mut data = [0; MOST];
        data.get_mut(..octets.len())?.copy_from_slice(octets);
        Some(Frame { id, remote: false, dlc: octets.len() as u8, data })
    }

    /// A remote frame that asks for `dlc` octets. `None` above eight.
    #[must_use]
    pub fn remote(id: Id, dlc: u8) -> Option<Frame> {
        (usize::from(dlc) <= MOST).then_some(Frame { id, remote: true, dlc, data: [0; MOST] })
    }

    /// The identifier.
    #[must_use]
    pub const fn id(&self) -> Id {
        self.id
    }

    /// Whether it asks instead of tells.
    #[must_use]
    pub const fn is_remote(&self) -> bool {
        self.remote
    }

    /// 0..=8.
    #[must_use]
    pub const fn dlc(&self) -> u8 {
        self.dlc
    }

    /// The octets; none of a remote frame.
    #[must_use]
    pub fn data(&self) -> &[u8] {
        if self.remote { &[] } else { &self.data[..usize::from(self.dlc)] }
    }
}

impl fmt::Display for Frame {
    /// `ID#DATA`, a remote frame `ID#Rn`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.remote {
            return write!(f, "{}#R{}", self.id, self.dlc);
        }
        write!(f, "{}#{}", self.id, hex::upper(self.data()))
    }
}

impl fmt::Debug for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What stands behind the `#` of a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// One frame.
    Frame(Frame),
    /// More than eight octets: a payload that somebody already put together, and its identifier.
    Payload(Id, Vec<u8>),
}

/// One line of a bus log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line<'a> {
    /// Microseconds, as stamped.
    pub time_us: Option<u64>,
    /// For example `can0`.
    pub interface: Option<&'a str>,
    /// What was on the bus.
    pub content: Content,
}

impl fmt::Display for Line<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(time) = self.time_us {
            write!(f, "({}.{:06}) ", time / 1_000_000, time % 1_000_000)?;
        }
        if let Some(interface) = self.interface {
            write!(f, "{interface} ")?;
        }
        match &self.content {
            Content::Frame(frame) => write!(f, "{frame}"),
            Content::Payload(id, octets) => write!(f, "{id}#{}", hex::upper(octets)),
        }
    }
}

/// Reads `(time) can0 ID#DATA` or the bare `ID#DATA`; a direction mark (`R`, `T`) behind it is skipped. The error
/// begins with a code of the vector format.
pub fn line(text: &str) -> Result<Line<'_>, String> {
    let mut words = text.split_ascii_whitespace().peekable();
    let time_us = match words.peek().and_then(|w| w.strip_prefix('(')) {
        Some(rest) => {
            words.next();
            let stamp = rest.strip_suffix(')').and_then(time);
            Some(stamp.ok_or("truncated: a time is (seconds.microseconds)")?)
        }
        None => None,
    };
    let mut frame = words.next().ok_or("truncated: nothing on the line")?;
    let mut interface = None;
    if !frame.contains('#') {
        interface = Some(frame);
        frame = words.next().ok_or("truncated: no ID#DATA on the line")?;
    }
    match words.next() {
        None | Some("R" | "T") => {}
        Some(more) => return Err(format!("length: {} behind the frame", more.escape_debug())),
    }
    Ok(Line { time_us, interface, content: content(frame)? })
}

fn time(text: &str) -> Option<u64> {
    let (seconds, part) = text.split_once('.')?;
    let digits = |t: &str| !t.is_empty() && t.bytes().all(|b| b.is_ascii_digit());
    if !digits(seconds) || !digits(part) || part.len() > 9 {
        return None;
    }
    let micros: u64 = format!("{part:0<6}")[..6].parse().ok()?;
    seconds.parse::<u64>().ok()?.checked_mul(1_000_000)?.checked_add(micros)
}

fn content(text: &str) -> Result<Content, String> {
    let (name, data) = text.split_once('#').ok_or("truncated: no # between identifier and data")?;
    let id = id(name)?;
    if let Some(dlc) = data.strip_prefix('R') {
        let dlc = if dlc.is_empty() { Some(0) } else { dlc.parse().ok() };
        let frame = dlc.and_then(|dlc| Frame::remote(id, dlc));
        return frame.map(Content::Frame).ok_or_else(|| "dlc: a remote frame asks for 0 to 8".to_owned());
    }
    if !data.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Err("not_hex: data are hexadecimal digits".to_owned());
    }
    if data.len() > 2 * LONGEST_PAYLOAD {
        return Err(format!("length: more than {LONGEST_PAYLOAD} octets"));
    }
    let octets = hex::parse(data).ok_or("not_hex: half an octet")?;
    Ok(match Frame::new(id, &octets) {
        Some(frame) => Content::Frame(frame),
        None => Content::Payload(id, octets),
    })
}

fn id(text: &str) -> Result<Id, String> {
    let raw = u32::from_str_radix(text, 16).ok().filter(|_| text.bytes().all(|b| b.is_ascii_hexdigit()));
    let id = match (text.len(), raw) {
        (3, Some(raw)) => Id::standard(raw),
        (8, Some(raw)) => Id::extended(raw),
        _ => None,
    };
    id.ok_or_else(|| "id: 3 digits up to 7FF or 8 digits up to 1FFFFFFF".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_logged_line_is_printed_as_it_was_read() {
        for text in [
            "(1700003256.503000) can0 182756F4#8E17",
            "182756F4#8E17",
            "7FF#",
            "123#R8",
            "can1 1C0656F4#6D01E803030BAA196959019716",
        ] {
            assert_eq!(line(text).map(|l| l.to_string()), Ok(text.to_owned()));
        }
        assert_eq!(line("(1.5) can0 123#00 R").map(|l| l.time_us), Ok(Some(1_500_000)));
    }

    #[test]
    fn a_bad_line_is_refused_with_its_code() {
        for (text, code) in [
            ("", "truncated"),
            ("can0", "truncated"),
            ("(x) can0 123#00", "truncated"),
            ("800#00", "id"),
            ("20000080#0000000000000000", "id"),
            ("+12#00", "id"),
            ("123#0", "not_hex"),
            ("123#0é", "not_hex"),
            ("123##100", "not_hex"),
            ("123#R9", "dlc"),
            ("123#00 00", "length"),
        ] {
            let error = line(text).expect_err(text);
            assert!(error.starts_with(code), "{text}: {error}");
        }
    }

    #[test]
    fn the_parts_of_an_identifier_are_those_of_the_standard() {
        let id = Id::pdu1(6, 0x12, 0xF4, 0x56);
        assert_eq!(id.to_string(), "1812F456");
        assert_eq!((id.pf(), id.destination(), id.source()), (0x12, 0xF4, 0x56));
        assert!(id.is_page_zero());
        assert!(!Id::extended(0x0112_F456).expect("in range").is_page_zero());
    }

    proptest! {
        #[test]
        fn no_text_panics(text in ".{0,80}") {
            let _ = line(&text);
        }
    }
}
