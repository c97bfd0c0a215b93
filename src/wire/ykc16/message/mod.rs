//! The tables of the messages (ykc16.md 4).
//!
//! The tables are complete; the lengths of the 48 bodies of fixed size, added up from the rows, equal the published
//! length octets (ykc16.md 11, and a test of [`super::layout`]). What the published text gets wrong or leaves open
//! stands at the message.

pub mod card;
pub mod charging;
pub mod login;
pub mod maintenance;
pub mod record;
pub mod start;
pub mod tariff;
