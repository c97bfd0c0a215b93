//! The local API: one vocabulary for the tool, the page and tests.
//!
//! A unix socket (0660, group `depotd`), one JSON object a line in, one JSON object a line out. Nothing here is
//! reachable from the network.

mod capture;
pub mod client;
pub mod desk;
pub mod probe;
pub mod server;

use crate::model::ident::Credential;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A question or an order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Ask {
    /// One screen.
    Status,
    /// Chargers by connector.
    Connectors,
    /// Meters, readers and chargers with their links.
    Devices {
        /// `meter`, `reader` or `charger`.
        kind: String,
    },
    /// RS-485 lines and CAN buses with their use and counters.
    Lines,
    /// Open and past sessions, newest first.
    Sessions {
        /// At most so many.
        limit: usize,
    },
    /// One session with its steps.
    Session {
        /// Its transaction number.
        txn: String,
    },
    /// The ledger, newest first.
    Records {
        /// Only what the platform does not have.
        unsent: bool,
        /// At most so many.
        limit: usize,
    },
    /// One record.
    Record {
        /// Its transaction number.
        txn: String,
    },
    /// What waits for the platform, oldest first, and why.
    Queue {
        /// At most so many.
        limit: usize,
    },
    /// The card list.
    Cards {
        /// At most so many.
        limit: usize,
    },
    /// The VIN list.
    Vehicles {
        /// At most so many.
        limit: usize,
    },
    /// The plate list.
    Plates {
        /// At most so many.
        limit: usize,
    },
    /// What an offline start by this card or vehicle would do now, and why.
    Rehearse {
        /// Whose.
        credential: Credential,
    },
    /// Open alarms.
    Alarms,
    /// Alarms that are open and those that are over, newest first.
    AlarmHistory {
        /// At most so many.
        limit: usize,
    },
    /// Reset an alarm that does not end by itself.
    ResetAlarm {
        /// Its number.
        id: u64,
        /// Who orders it.
        by: String,
    },
    /// Who did what when, newest first.
    Audit {
        /// At most so many.
        limit: usize,
    },
    /// Start a connector locally.
    Start {
        /// `44030000010001/1`.
        connector: String,
        /// Who orders it.
        by: String,
    },
    /// Stop a connector locally.
    Stop {
        /// `44030000010001/1`.
        connector: String,
        /// Who orders it.
        by: String,
    },
    /// Hash chain, totals, integrity of the store.
    Verify,
    /// What passes on a line or bus from now on: answers that hold a line of text each, and one at the end that holds
    /// how many there were and how many were lost.
    Capture {
        /// Its name.
        line: String,
        /// For so long, at most an hour.
        seconds: u64,
    },
    /// Who is there on an RS-485 line: answers that hold a finding each, and one at the end that says whether everything
    /// was asked.
    ProbeSerial(probe::Serial),
    /// What a charger holds in every point of its profile; answered likewise.
    ProbeCharger {
        /// `44030000010001/1`, or the code alone where it has one connector.
        connector: String,
        /// Who asks.
        by: String,
    },
}

/// The answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Answer {
    /// What was asked for.
    Good {
        /// The data.
        data: Value,
    },
    /// Why not.
    Refused {
        /// What is wrong and what to do.
        error: String,
    },
}

impl Answer {
    /// Anything that serialises.
    #[must_use]
    pub fn good(data: &impl Serialize) -> Answer {
        match serde_json::to_value(data) {
            Ok(data) => Answer::Good { data },
            Err(error) => Answer::Refused { error: error.to_string() },
        }
    }

    /// A refusal.
    #[must_use]
    pub fn refused(error: impl std::fmt::Display) -> Answer {
        Answer::Refused { error: error.to_string() }
    }
}
