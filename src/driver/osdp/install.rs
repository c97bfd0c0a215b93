//! The first key of a reader (rs485.md 4.4, key policy).
//!
//! A reader from its maker has the default key, which everybody knows. Where the configuration allows it, a reader that
//! does not show our key is met once through the default one, is given ours in hidden data, and has to show it at once.
//! While that lasts it is not online, not secure, and no card of it is believed. When it has shown our key, the default
//! one is not used again before the program is started anew.

use super::{Key, OWN_KEY, Reader, Stage};
use crate::model::report::Report;
use crate::model::time::Instant;
use crate::wire::osdp::Command;
use crate::wire::osdp::command::KeySet;
use crate::wire::osdp::secure::{BaseKey, DEFAULT_KEY};
use std::time::Duration;

/// Key kind of CHLNG and SCRYPT: the default key.
const DEFAULT_KIND: u8 = 0;
/// Key type of KEYSET: the base key of the secure channel.
const BASE_KEY: u8 = 1;

/// Whether the default key may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Install {
    /// No.
    Refused,
    /// Yes, if the reader does not show our key.
    Allowed,
    /// It is being used.
    Begun,
}

impl Install {
    pub(super) fn new(is_allowed: bool) -> Install {
        if is_allowed { Install::Allowed } else { Install::Refused }
    }

    /// The reader did not show the key that was asked for: the other one is tried, where it may be.
    pub(super) fn failed(&mut self) {
        *self = match self {
            Install::Refused => Install::Refused,
            Install::Allowed => Install::Begun,
            Install::Begun => Install::Allowed,
        };
    }

    /// As CHLNG and SCRYPT name the key in use.
    pub(super) fn key_kind(self) -> u8 {
        match self {
            Install::Begun => DEFAULT_KIND,
            Install::Refused | Install::Allowed => OWN_KEY,
        }
    }

    /// The key in use.
    pub(super) fn base(self, own: &Key) -> BaseKey {
        match self {
            Install::Begun => BaseKey::new(DEFAULT_KEY),
            Install::Refused | Install::Allowed => own.base().clone(),
        }
    }
}

impl Reader {
    /// Our key for the reader; `None` where there is none to give.
    pub(super) fn key_set(&self) -> Option<Command> {
        let key = self.config.key.as_ref()?.base().octets();
        Some(Command::KeySet(KeySet { key_type: BASE_KEY, length: 16, key }))
    }

    /// A channel is up: over the default key our own is given, over our own the reader is online.
    pub(super) fn agreed(&mut self, now: Instant) -> Vec<Report> {
        match self.install {
            Install::Begun => {
                self.advance(now, Stage::KeySet);
                Vec::new()
            }
            Install::Refused | Install::Allowed => {
                self.install = Install::Refused;
                self.come_online(now)
            }
        }
    }

    /// The reader took our key, and must show it in a new session.
    pub(super) fn key_taken(&mut self, now: Instant) -> Vec<Report> {
        self.counters.keys_set += 1;
        self.install = Install::Refused;
        self.restart(now, Duration::ZERO);
        Vec::new()
    }
}
