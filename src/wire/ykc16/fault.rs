//! Why octets are refused. Each text begins with the code of the vector format.

use crate::wire::hex;
use std::fmt;

/// The first check that failed, in the order in which it is checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The first octet is not 68.
    Start,
    /// No length octet, or a frame that will not be completed.
    Truncated,
    /// The length octet is below 4, or differs from what a lone frame holds.
    Length {
        /// As declared.
        declared: u8,
        /// Octets between length and checksum, as far as they are known.
        held: usize,
    },
    /// The checksum fits in neither order of its octets.
    Checksum {
        /// As sent.
        sent: [u8; 2],
        /// As it should be, low octet first.
        computed: [u8; 2],
    },
    /// No such message in the tables.
    UnknownType(u8),
    /// The encryption octet is not 0: there is no key to read the body with.
    Encrypted(u8),
    /// The body is shorter than its table, or longer than trailing octets explain.
    Body {
        /// Octets of the body.
        held: usize,
        /// Octets of the table.
        wanted: usize,
    },
    /// A count above what one message may hold.
    Count {
        /// As sent.
        sent: u8,
        /// At most.
        most: usize,
    },
}

impl Fault {
    /// The code of the vector format.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Fault::Start => "start",
            Fault::Truncated => "truncated",
            Fault::Length { .. } => "length",
            Fault::Checksum { .. } => "checksum",
            Fault::UnknownType(_) => "unknown_type",
            Fault::Encrypted(_) | Fault::Body { .. } | Fault::Count { .. } => "body",
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let code = self.code();
        match self {
            Fault::Start => write!(f, "{code}: no frame begins with 68 here"),
            Fault::Truncated => write!(f, "{code}: the frame ends too early"),
            Fault::Length { declared, held } => write!(f, "{code}: {declared} declared, {held} held"),
            Fault::Checksum { sent, computed } => {
                write!(f, "{code}: sent {}, computed {}", hex::upper(sent), hex::upper(computed))
            }
            Fault::UnknownType(kind) => write!(f, "{code}: {kind:02X}"),
            Fault::Encrypted(flag) => write!(f, "{code}: encrypted (flag {flag:02X}), and no key is known"),
            Fault::Body { held, wanted } => write!(f, "{code}: {held} octets instead of {wanted}"),
            Fault::Count { sent, most } => write!(f, "{code}: a count of {sent}, at most {most}"),
        }
    }
}
