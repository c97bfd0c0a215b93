//! The billing control unit (TCU 计费控制单元) and the charge controller (CCU 充电控制器) of a State Grid charger, on
//! CAN. `depotd` plays the TCU.
//!
//! From two independent implementations that agree (can.md section 3) [2+]; no capture is public. Where versions
//! differ or the content is not public, octets are kept raw. The dialect of EAST 2016 is another protocol and not here.
//!
//! ```text
//! message    the messages by PDU format, with direction and priority; short and long
//! layout     the tables of their fields
//! status     the two status words by name
//! reason     reason codes as text, English and Chinese, by version
//! long       long frames: cut, sum, put together
//! receiver   frames in, messages out; what was odd is counted
//! view       the JSON vocabulary
//! ```
//!
//! What is absent: the sequence of the dialogue, its repetition and its time limits (that is a driver).

pub mod layout;
pub mod long;
pub mod message;
pub mod reason;
pub mod receiver;
pub mod status;
pub mod view;

pub use message::{Kind, Message, Side};
pub use receiver::{Counters, Heard, Receiver};

use super::codec::Codec;

/// What `depotctl` and the vector tests see.
pub const CODEC: Codec =
    Codec { name: "tcu", decode: view::decode, encode: view::encode, bus: Some(view::open_bus) };
