//! The card list (020E, 020F; platform-222.md 8, 18).

use super::values::{local, utc};
use super::wire::{self, Body, Value, octets};
use crate::model::access::{Card, CardStatus, ListStep};
use crate::model::ident::CardUid;
use crate::model::message::CardListUpdate;
use sha2::{Digest, Sha256};

/// 020E. An unknown operation, an entry without key, and entries where there are none to be are malformed.
pub(super) fn card_list(body: &Body) -> CardListUpdate {
    let entries = body.entries("entries");
    let step = match (body.num("op"), entries.is_empty()) {
        (1, true) => Some(ListStep::BeginFull),
        (2, _) => entries.iter().map(card).collect::<Option<_>>().map(ListStep::Put),
        (3, _) => entries.iter().map(uid).collect::<Option<_>>().map(ListStep::Delete),
        (4, true) => Some(ListStep::Commit),
        _ => None,
    };
    CardListUpdate {
        from_version: body.int("from_version"),
        to_version: body.int("to_version"),
        step: step.unwrap_or(ListStep::Malformed),
    }
}

fn uid(entry: &Body) -> Option<CardUid> {
    CardUid::new(entry.raw("uid")).ok()
}

fn card(entry: &Body) -> Option<Card> {
    let status = match entry.num("status") {
        1 => CardStatus::Allowed,
        3 => CardStatus::Lost,
        _ => CardStatus::Blocked,
    };
    Some(Card {
        uid: uid(entry)?,
        account: entry.str("account").to_owned(),
        status,
        group: entry.int("group"),
        max_concurrent: entry.int("max_concurrent"),
        valid_until: utc(entry.when("valid_until")),
    })
}

fn told(entry: Body, card: &Card) -> Body {
    let status: u8 = match card.status {
        CardStatus::Allowed => 1,
        CardStatus::Blocked => 2,
        CardStatus::Lost => 3,
    };
    entry
        .octets("uid", card.uid.as_bytes())
        .text("account", &card.account)
        .number("status", status)
        .number("group", card.group)
        .number("max_concurrent", card.max_concurrent)
        .time("valid_until", local(card.valid_until))
}

/// SHA-256 over the entries as a sync message encodes them, sorted by UID, shorter prefix first (18.3).
#[must_use]
pub fn card_list_digest(cards: &[Card]) -> [u8; 32] {
    let mut sorted: Vec<&Card> = cards.iter().collect();
    sorted.sort_by(|a, b| a.uid.as_bytes().cmp(b.uid.as_bytes()));
    let mut digest = Sha256::new();
    // One entry at a time: as one message the largest list would take hundreds of megabytes.
    for card in sorted {
        let list = wire::request(0x020E).list("entries", &[card], |entry, card| told(entry, card));
        if let Some(Value::List(entries)) = list.get("entries") {
            entries.iter().for_each(|entry| digest.update(octets::write(entry)));
        }
    }
    digest.finalize().into()
}

/// 020Fr.
pub(super) fn digest_reply(version: u32, cards: &[Card]) -> Body {
    wire::reply(0x020F)
        .number("version", version)
        .number("count", cards.len() as u64)
        .octets("digest", &card_list_digest(cards))
}
