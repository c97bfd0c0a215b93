//! Alarms as the station knows them (platform-222.md 13.6).

use super::ident::{ConnectorId, TransactionNumber};
use super::time::Utc;
use serde::{Deserialize, Serialize};

/// One open alarm.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alarm {
    /// Of the occurrence; never reused.
    pub id: u64,
    /// Number of the table in platform-222.md 13.6; the high byte is the device class.
    pub code: u16,
    /// 1 stop or forbid now, 2 finish or derate then service, 3 information.
    pub level: u8,
    /// The connector concerned, if one is.
    pub connector: Option<ConnectorId>,
    /// The name of the device or list concerned, for people.
    pub subject: String,
    /// When it was raised; `None` while the clock was not trusted.
    pub raised: Option<Utc>,
    /// The session concerned.
    pub txn: Option<TransactionNumber>,
}
