//! The card list: who may charge while the platform is away (platform-222.md 18, 020E).

use super::ident::CardUid;
use super::time::Utc;
use serde::{Deserialize, Serialize};

/// What the list says of a card; unknown numbers mean blocked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CardStatus {
    /// May charge.
    Allowed,
    /// May not.
    Blocked,
    /// Reported lost.
    Lost,
}

/// One card of the list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Card {
    /// The key.
    pub uid: CardUid,
    /// Printed number, at most 20 characters.
    pub account: String,
    /// What the list says.
    pub status: CardStatus,
    /// Cards of one group, not 0, may stop each other's sessions.
    pub group: u32,
    /// Sessions at the same time as the platform wrote it; the digest of the list covers it. Decisions use
    /// [`Card::concurrent`].
    pub max_concurrent: u8,
    /// `None` = no end.
    pub valid_until: Option<Utc>,
}

impl Card {
    /// Sessions at the same time: 0 counts as 1.
    #[must_use]
    pub fn concurrent(&self) -> u8 {
        self.max_concurrent.max(1)
    }
}

/// A step of a list update (platform-222.md 18.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ListStep<T, K> {
    /// Drop any unfinished update and open an empty full one.
    BeginFull,
    /// Add entries or replace those of the same key.
    Put(Vec<T>),
    /// Delete by key.
    Delete(Vec<K>),
    /// Put the collected update in force in one durable step.
    Commit,
    /// An operation number that the table does not hold, or an entry without a key.
    Malformed,
}

/// A list update message with the versions it names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListUpdate<T, K> {
    /// Version in force, 0 for a full list.
    pub from_version: u32,
    /// Version after the commit, not 0.
    pub to_version: u32,
    /// What to do.
    pub step: ListStep<T, K>,
}
