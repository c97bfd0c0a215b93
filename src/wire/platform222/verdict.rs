//! Why octets are refused (platform-222.md 4.2), in the order in which it is checked.

use super::dialect;
use std::fmt;

/// The first check that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verdict {
    /// The first two octets are not 53 5A.
    BadStart,
    /// Length below 15 or above 4096.
    BadLength,
    /// Fewer octets than the length demands.
    Truncated,
    /// The checksum differs.
    BadCrc,
    /// The major version is not ours, or no decimal one.
    BadVersion,
    /// A reserved flag is set.
    FlagsReserved,
    /// A nibble above 9 in the device code.
    BadDevice,
    /// No such message, or a request that belongs to the other direction.
    UnknownType,
    /// The body ends inside a field.
    BodyShort,
    /// A count or length above its maximum.
    BadCount,
    /// A value that its type forbids.
    BadValue,
    /// Octets are left after the last field.
    BodyLong,
}

impl Verdict {
    /// The word of the profile.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Verdict::BadStart => "bad_start",
            Verdict::BadLength => "bad_length",
            Verdict::Truncated => "truncated",
            Verdict::BadCrc => "bad_crc",
            Verdict::BadVersion => "bad_version",
            Verdict::FlagsReserved => "flags_reserved",
            Verdict::BadDevice => "bad_device",
            Verdict::UnknownType => "unknown_type",
            Verdict::BodyShort => "body_short",
            Verdict::BadCount => "bad_count",
            Verdict::BadValue => "bad_value",
            Verdict::BodyLong => "body_long",
        }
    }

    /// The generic refusal that a request with this fault gets; a reply gets none.
    #[must_use]
    pub fn refusal(self) -> Option<u8> {
        match self {
            Verdict::BadStart
            | Verdict::BadLength
            | Verdict::Truncated
            | Verdict::BadCrc
            | Verdict::BadVersion => None,
            Verdict::UnknownType => Some(dialect::NOT_SUPPORTED),
            Verdict::FlagsReserved
            | Verdict::BadDevice
            | Verdict::BodyShort
            | Verdict::BadCount
            | Verdict::BadValue
            | Verdict::BodyLong => Some(dialect::MALFORMED),
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
