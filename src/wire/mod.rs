//! Bytes and their meaning. Knows nothing else of ours.
//!
//! Every protocol is a folder with the same three parts: the frame (how octets are cut and checked), the content (what
//! they say), and the JSON vocabulary of both, through which people and tests look at it. [`codec::CODECS`] is the one
//! list of them all.
//!
//! What is absent: clocks, devices, sessions, logging. A decoder never panics on any octets, never allocates more than
//! a small multiple of what it was given, and reads exactly: octets left over are an error.

pub mod can;
pub mod codec;
pub mod decimal;
pub mod dlt645;
pub mod field;
pub mod gbt27930;
pub mod hex;
pub mod modbus;
pub mod mt62x;
pub mod osdp;
pub mod platform222;
pub mod slcan;
mod sweep;
pub mod tcu;
pub mod uid_frame;
pub mod ykc16;

/// How a receive buffer begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// A frame may begin here; more octets are needed to know.
    More,
    /// This many octets (at least one) begin no frame: drop them and look again.
    Noise(usize),
    /// The first so many octets are one well-formed frame (checksum good).
    Frame(usize),
}
