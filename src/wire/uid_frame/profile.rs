//! What a reader's frames look like, and what one of them says.

use super::check::{Check, digits};
use super::{BUILT_IN, read};
use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::time::Duration;

/// Longest frame that a profile may describe, and that one without a length may have.
pub(super) const LONGEST: usize = 512;

/// A checked profile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Profile {
    /// For people.
    pub name: String,
    /// When the reader speaks.
    pub mode: Mode,
    /// How its frames are built.
    pub layout: Layout,
    /// What a frame with a card looks like; `None`: like every frame that is not `absent`.
    pub card: Option<Pattern>,
    /// What a frame without a card looks like.
    pub absent: Option<Pattern>,
    /// Where the UID stands.
    pub uid: Uid,
    /// What people see of a frame, by name.
    pub parts: BTreeMap<String, Part>,
    /// The same card within this time is the same showing.
    pub dedupe: Duration,
}

/// When a reader speaks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mode {
    /// When it is asked.
    Poll {
        /// What is asked.
        question: Vec<u8>,
        /// How often.
        period: Duration,
    },
    /// When it likes.
    Push,
}

/// How frames are built: start, anything, end, checksum, tail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    /// May be empty.
    pub start: Vec<u8>,
    /// How long a frame is.
    pub length: Length,
    /// Before the checksum; may be empty.
    pub end: Vec<u8>,
    /// May be absent.
    pub check: Option<Check>,
    /// Behind the checksum; may be empty.
    pub tail: Vec<u8>,
}

/// How long a frame is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Length {
    /// A number in the frame, and how many octets are not counted by it.
    Field {
        /// Where it stands.
        offset: usize,
        /// 1 or 2 octets.
        size: usize,
        /// Order of two octets.
        endian: Endian,
        /// Added to the number.
        adds: usize,
    },
    /// Always so many octets.
    Fixed(usize),
    /// Up to the first tail.
    Until,
    /// Up to a silence of this length.
    Idle(Duration),
}

/// Order of two octets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Endian {
    /// High octet first.
    Big,
    /// Low octet first.
    Little,
}

/// Octets at an offset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    /// From the first octet of the frame.
    pub offset: usize,
    /// At least one.
    pub octets: Vec<u8>,
}

impl Pattern {
    fn fits(&self, frame: &[u8]) -> bool {
        frame.get(self.offset..).is_some_and(|rest| rest.starts_with(&self.octets))
    }
}

/// Where the UID stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Uid {
    /// From the first octet of the frame.
    pub offset: usize,
    /// Octets in the frame; `None`: up to the end mark.
    pub len: Option<usize>,
    /// The last octet on air stands first.
    pub reversed: bool,
    /// How it is written.
    pub writing: Writing,
}

/// How a UID is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Writing {
    /// As it is.
    Octets,
    /// As hexadecimal digits.
    Hex,
    /// As decimal digits of a number of so many octets.
    Decimal(usize),
}

/// Some octets of a frame that people see under a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// From the first octet of the frame.
    pub offset: usize,
    /// `None`: up to the end mark.
    pub len: Option<usize>,
    /// Shown as characters instead of hexadecimal.
    pub text: bool,
}

/// What a frame says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// A card with these octets in the order on air.
    Card(Vec<u8>),
    /// No card.
    Absent,
    /// Something that the profile does not describe.
    Other,
    /// A card, it seems, but no UID where it should stand.
    Unreadable(&'static str),
}

/// One thing wrong with a profile.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// From 1.
    pub line: usize,
    /// The key with its path, for example `reader.uid`.
    pub key: String,
    /// What is wrong, and what is allowed.
    pub what: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}: {}", self.line, self.key, self.what)
    }
}

impl Profile {
    /// A built-in profile.
    #[must_use]
    pub fn by_name(name: &str) -> Option<Profile> {
        let (_, text) = BUILT_IN.iter().find(|(known, _)| *known == name)?;
        Profile::parse(text).ok()
    }

    /// Reads and checks a profile; every problem with its line.
    pub fn parse(text: &str) -> Result<Profile, Vec<Problem>> {
        read::profile(text)
    }

    /// The name of a built-in profile, or the text of one (a text has more than one line).
    pub fn load(name_or_text: &str) -> Result<Profile, Vec<Problem>> {
        if name_or_text.contains('\n') {
            return Profile::parse(name_or_text);
        }
        Profile::by_name(name_or_text).ok_or_else(|| {
            let known = BUILT_IN.map(|(name, _)| name).join(", ");
            let what = format!("no profile {name_or_text:?}; built in are {known}");
            vec![Problem { line: 1, key: "profile".to_owned(), what }]
        })
    }

    /// What a whole frame, as [`Profile::cut`] gives it, says.
    #[must_use]
    pub fn meaning(&self, frame: &[u8]) -> Meaning {
        if self.absent.as_ref().is_some_and(|pattern| pattern.fits(frame)) {
            return Meaning::Absent;
        }
        if self.card.as_ref().is_some_and(|pattern| !pattern.fits(frame)) {
            return Meaning::Other;
        }
        match self.uid(frame) {
            Ok(uid) => Meaning::Card(uid),
            Err(why) => Meaning::Unreadable(why),
        }
    }

    /// Octets of a usual answer with a card in it, for plans.
    #[must_use]
    pub fn usual_length(&self) -> usize {
        match self.layout.length {
            Length::Fixed(total) => total,
            Length::Field { .. } | Length::Until | Length::Idle(_) => {
                let usual = if self.uid.writing == Writing::Octets { 7 } else { 14 };
                let uid = self.uid.offset + self.uid.len.unwrap_or(usual);
                uid.max(self.layout.start.len()) + self.layout.behind_data()
            }
        }
    }

    fn uid(&self, frame: &[u8]) -> Result<Vec<u8>, &'static str> {
        let written = self.range(self.uid.offset, self.uid.len, frame.len()).and_then(|at| frame.get(at));
        let written = written.ok_or("the frame ends before the UID does")?;
        let mut uid = match self.uid.writing {
            Writing::Octets => written.to_vec(),
            Writing::Hex => digits(written).ok_or("the UID is not of hexadecimal digits")?,
            Writing::Decimal(octets) => {
                decimal(written, octets).ok_or("the UID is not a decimal number that fits")?
            }
        };
        if uid.is_empty() {
            return Err("the UID is empty");
        }
        if self.uid.reversed {
            uid.reverse();
        }
        Ok(uid)
    }

    /// The octets of a part in a frame of this length.
    pub(super) fn range(&self, offset: usize, len: Option<usize>, total: usize) -> Option<Range<usize>> {
        let end = match len {
            Some(len) => offset + len,
            None => total.checked_sub(self.layout.behind_data())?,
        };
        (offset <= end && end <= total).then_some(offset..end)
    }
}

impl Layout {
    /// Octets of the checksum.
    #[must_use]
    pub fn check_size(&self) -> usize {
        self.check.map_or(0, |check| check.size())
    }

    /// Octets from the end mark on.
    pub(super) fn behind_data(&self) -> usize {
        self.end.len() + self.check_size() + self.tail.len()
    }

    /// The shortest frame there can be.
    pub(super) fn shortest(&self) -> usize {
        let head = match self.length {
            Length::Field { offset, size, .. } => offset + size,
            Length::Fixed(_) | Length::Until | Length::Idle(_) => 0,
        };
        head.max(self.start.len()) + self.behind_data()
    }
}

fn decimal(text: &[u8], octets: usize) -> Option<Vec<u8>> {
    if text.is_empty() || !text.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let number: u64 = std::str::from_utf8(text).ok()?.parse().ok()?;
    let all = number.to_be_bytes();
    let (high, low) = all.split_at_checked(all.len().checked_sub(octets)?)?;
    high.iter().all(|o| *o == 0).then(|| low.to_vec())
}
