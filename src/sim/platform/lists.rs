//! The card list as the station should have it, and the messages that bring it there (platform-222.md 18).

use super::desk::Step;
use super::{Action, Platform};
use crate::model::access::{Card, CardStatus};
use crate::model::ident::CardUid;
use crate::model::time::Utc;
use crate::wire::platform222::{Body, Value, octets, request};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

/// Entries per message.
const ENTRIES: usize = 64;

/// What the station has, as far as its answers tell.
#[derive(Debug)]
pub(super) struct Mirror {
    version: u32,
    cards: BTreeMap<CardUid, Card>,
    /// Version and content that will be in force after the commit that is on its way.
    coming: Option<(u32, BTreeMap<CardUid, Card>)>,
    /// The platform's list has a version of its own, 0 = it has no list to give.
    wanted: u32,
}

impl Mirror {
    pub(super) fn new(wanted: u32) -> Mirror {
        Mirror { version: 0, cards: BTreeMap::new(), coming: None, wanted }
    }
}

impl Platform {
    /// Replaces the platform's own list; the station has it after a synchronisation.
    pub fn set_cards(&mut self, cards: Vec<Card>) {
        self.cards = cards.into_iter().map(|card| (card.uid, card)).collect();
    }

    /// A station with another version than ours, or whose update was cut off, gets the whole list.
    pub(super) fn list_at_login(&mut self, version: u32) {
        let unfinished = self.list.coming.take().is_some();
        self.desk.drop_list();
        self.list.version = version;
        if unfinished || (self.list.wanted != 0 && version != self.list.wanted) {
            self.sync(true);
        } else if version != 0 {
            self.list.cards = self.cards.clone();
        }
    }

    /// Queues the messages of one update and the question for its digest.
    pub(super) fn sync(&mut self, full: bool) {
        let from = if full { 0 } else { self.list.version };
        let to = self.list.wanted.max(self.list.version)
            + u32::from(!full || self.list.version >= self.list.wanted);
        let message =
            |op: u8| request(0x020E).number("op", op).number("from_version", from).number("to_version", to);
        let known = if full { BTreeMap::new() } else { self.list.cards.clone() };
        let put: Vec<&Card> = self.cards.values().filter(|card| known.get(&card.uid) != Some(card)).collect();
        let gone: Vec<&CardUid> = known.keys().filter(|uid| !self.cards.contains_key(uid)).collect();
        let mut steps = Vec::new();
        steps.extend(full.then(|| message(1)));
        steps.extend(
            gone.chunks(ENTRIES)
                .map(|some| message(3).list("entries", some, |e, uid| e.octets("uid", uid.as_bytes()))),
        );
        steps.extend(
            put.chunks(ENTRIES).map(|some| message(2).list("entries", some, |e, card| entry(e, card))),
        );
        if steps.is_empty() {
            steps.push(message(2)); // opens an update that changes nothing
        }
        steps.push(message(4));
        self.list.coming = Some((to, self.cards.clone()));
        for body in steps {
            self.desk.queue(0x020E, self.config.station, octets::write(&body), None, Step::List);
        }
        self.desk.queue(0x020F, self.config.station, Vec::new(), None, Step::List);
    }

    /// 020Er.
    pub(super) fn list_answered(&mut self, sent: &[u8], body: &Body, out: &mut Vec<Action>) {
        const COMMIT: u8 = 4;
        let result = body.num("result");
        if result != 0 {
            self.complain(format!("18.1: list message refused with {result}"));
            self.list.coming = None;
            self.desk.drop_list();
            return;
        }
        if sent.first() == Some(&COMMIT)
            && let Some((version, cards)) = self.list.coming.take()
        {
            if body.num("version") != i128::from(version) {
                self.complain(format!("18.1: version {} after the commit of {version}", body.num("version")));
            }
            self.list.wanted = version;
            self.list.version = version;
            self.list.cards = cards;
            out.push(Action::Say(format!("card list {version} is in force")));
        }
    }

    /// 020Fr.
    pub(super) fn digest_answered(&mut self, body: &Body, out: &mut Vec<Action>) {
        let wanted = list_digest(&self.list.cards);
        let count = self.list.cards.len() as i128;
        let same = body.num("version") == i128::from(self.list.version)
            && body.num("count") == count
            && body.array::<32>("digest") == wanted;
        if !same {
            self.complain(format!("18.3: the digest of list {} differs", self.list.version));
        }
        out.push(Action::Say(format!("card list digest {}", if same { "agrees" } else { "differs" })));
    }
}

fn entry(entry: Body, card: &Card) -> Body {
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
        .time("valid_until", card.valid_until.map(Utc::local))
}

/// SHA-256 over the entries sorted by UID.
fn list_digest(cards: &BTreeMap<CardUid, Card>) -> [u8; 32] {
    let mut sorted: Vec<&Card> = cards.values().collect();
    sorted.sort_by(|a, b| a.uid.as_bytes().cmp(b.uid.as_bytes()));
    let list = request(0x020E).list("entries", &sorted, |e, card| entry(e, card));
    let mut digest = Sha256::new();
    if let Some(Value::List(entries)) = list.get("entries") {
        entries.iter().for_each(|one| digest.update(octets::write(one)));
    }
    digest.finalize().into()
}
