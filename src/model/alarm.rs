//! Alarms as the station knows them and the platform is told of them (platform-222.md 10, 13.5, 13.6).

use super::ident::{ConnectorId, DeviceCode, TransactionNumber};
use super::time::Utc;
use serde::{Deserialize, Serialize};

/// One occurrence of an alarm, from its raise to its clear.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alarm {
    /// Of the occurrence: new at raise, repeated at clear, never reused.
    pub id: u64,
    /// Number of the table in platform-222.md 13.6; the high byte is the device class.
    pub code: u16,
    /// 1 stop or forbid now, 2 finish or derate then service, 3 information.
    pub level: u8,
    /// Clears only by a reset after its cause is gone.
    pub latched: bool,
    /// Place of the device in the inventory, from 1 per class (030A); 0 none.
    pub index: u16,
    /// The connector concerned, if one is.
    pub connector: Option<ConnectorId>,
    /// The name of the device or list concerned, for people.
    pub subject: String,
    /// When it was raised; `None` while the clock was not trusted.
    pub raised: Option<Utc>,
    /// The session concerned.
    pub txn: Option<TransactionNumber>,
    /// Measured value or detail; of 0018 the code of the unstable alarm.
    pub value: i32,
}

impl Alarm {
    /// Device class (13.5).
    #[must_use]
    pub fn class(&self) -> u8 {
        class(self.code)
    }

    /// Whom an event of it speaks for: the pile for class 1 to 4, else the station (0401).
    #[must_use]
    pub fn device(&self, station: DeviceCode) -> DeviceCode {
        let of_pile = (1..=4).contains(&self.class());
        self.connector.filter(|_| of_pile).map_or(station, |connector| connector.pile)
    }
}

/// Device class of a code (13.6: its high byte).
#[must_use]
pub fn class(code: u16) -> u8 {
    code.to_be_bytes()[0]
}

/// A raise or a clear (0401).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlarmEvent {
    /// The occurrence.
    pub alarm: Alarm,
    /// Raise, or clear.
    pub raised: bool,
    /// When; `None` while the clock was not trusted.
    pub at: Option<Utc>,
    /// Short plain text, at most 64 octets of UTF-8.
    pub text: String,
}
