//! The body of a record in the form of the platform that the station works for when its session closes.
//!
//! The chain of the ledger (platform-222.md 16.4) is the same whatever the form: the digest is over device code and body,
//! and every body ends with the record number and the first 8 octets of the digest before.

use super::{p222, ykc16};
use crate::model::record::{Protocol, TransactionRecord};

pub use super::p222::{chain_start, record_digest as digest};

/// The body of a record: made once, in the step that closes the session.
#[must_use]
pub fn body(record: &TransactionRecord) -> Vec<u8> {
    match record.protocol {
        Protocol::Profile222 => p222::record_body(record),
        Protocol::Ykc16 => ykc16::record_body(record),
    }
}

/// Whether every value of a record fits its field; where one does not, alarm 0008 is due.
#[must_use]
pub fn fits(record: &TransactionRecord) -> bool {
    match record.protocol {
        Protocol::Profile222 => p222::record_fits(record),
        Protocol::Ykc16 => ykc16::record_fits(record),
    }
}
