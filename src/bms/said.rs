//! What the listener says, and in which phase.

use crate::model::ident::Vin;
use crate::model::stop::StopReason;
use crate::model::vehicle::{End, Handshake};
use crate::wire::gbt27930::Side;
use serde::Serialize;
use std::time::Duration;

/// Phase of the dialogue (can.md 1.5).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// Nothing is said, or what is said belongs to a dialogue that is over.
    #[default]
    Idle,
    /// CHM, BHM; the insulation test runs.
    Handshake,
    /// Both sides name themselves.
    Identify,
    /// Limits are exchanged, both sides make ready.
    Config,
    /// Energy may flow.
    Charging,
    /// One side stopped; statistics follow.
    Ending,
    /// One side reported a time-out.
    Error,
}

/// One thing the listener says. How charging goes is asked for instead: [`super::Listener::progress`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    /// A new phase.
    Phase(Phase),
    /// The vehicle named itself, named itself otherwise than before, or more of it is known.
    Vehicle(Box<Handshake>),
    /// Another VIN than before without the plug having been silent: the session must end (0431).
    VinChanged {
        /// As first heard.
        before: Vin,
        /// As heard now.
        now: Vin,
    },
    /// The dialogue began again from CRM after it had failed; the count since the handshake.
    Retry(u8),
    /// The vehicle had been ready and is no more (070D).
    Withdrawn,
    /// The battery reports something abnormal (0420 to 0425).
    Alarm(StopReason),
    /// That is over.
    AlarmOver(StopReason),
    /// One side forbids charging for now.
    Paused(Side),
    /// No side does any more.
    Resumed,
    /// One side stopped, or gives further causes.
    Stop(Stop),
    /// The dialogue ended: all that both sides said of it.
    End(Box<End>),
    /// One side missed a message of the other.
    Timeout(Timeout),
    /// What the listener itself noticed.
    Notice(Notice),
    /// A message is heard again whose absence was noticed under this number.
    HeardAgain(StopReason),
    /// The plug is out, or silent for so long that it may as well be.
    Gone,
    /// Category B of the 2023 edition is being negotiated: not supported unless ordinary messages follow. The octets
    /// of the frame.
    CategoryB(Side, Vec<u8>),
}

/// Why one side stopped (BST, CST).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stop {
    /// Who.
    pub by: Side,
    /// As sent.
    pub octets: [u8; 4],
    /// The cause; `None` when it stopped because the other side had.
    pub reason: Option<StopReason>,
    /// No cause was named before in this dialogue: the first one wins.
    pub first: bool,
}

/// One side missed a message (BEM, CEM).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeout {
    /// Who misses it.
    pub at: Side,
    /// Which, by the field of the table: `ccs_timeout`.
    pub field: &'static str,
    /// The number for it.
    pub reason: StopReason,
    /// When it happened.
    pub phase: Phase,
    /// What the listener last heard, which tells whose fault it is.
    pub ages: Ages,
}

/// What the listener itself noticed: a message of the charging phase is missing, both sides are, the tap is, or a pause
/// lasts over ten minutes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Notice {
    /// The number for it.
    pub reason: StopReason,
    /// When it happened.
    pub phase: Phase,
    /// What was last heard.
    pub ages: Ages,
}

/// How long ago the messages of the charging phase were heard; `None`: not yet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ages {
    /// BCL.
    pub bcl: Option<Duration>,
    /// BCS.
    pub bcs: Option<Duration>,
    /// CCS.
    pub ccs: Option<Duration>,
}
