//! Words of the field as types: the values that machines of different tasks exchange.
//!
//! What is absent: bytes on a wire, files, clocks, decisions. Energy and money are integers; a quantity's unit is its
//! type. Every value that is kept over a restart derives serde.

pub mod access;
pub mod alarm;
pub mod batch;
pub mod command;
pub mod ident;
pub mod message;
pub mod money;
pub mod quantity;
pub mod record;
pub mod report;
pub mod request;
pub mod session;
pub mod stop;
pub mod tariff;
pub mod text;
pub mod time;
pub mod vehicle;
pub mod words;
