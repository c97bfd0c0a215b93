//! The card list and the VIN list as the station should have them, and the messages that bring them there
//! (platform-222.md 18).

use super::desk::{Desk, Step};
use super::{Action, Platform};
use crate::model::access::{Card, CardStatus, Vehicle, VehicleStatus};
use crate::model::ident::{CardUid, DeviceCode, Vin};
use crate::model::time::Utc;
use crate::wire::platform222::{Body, Value, octets, request};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

/// Entries per message.
const ENTRIES: usize = 64;

/// An entry as it is sent.
pub(super) trait Entry: Clone + PartialEq {
    /// What names it; ordered as the digest wants it.
    type Key: Copy + Ord;
    /// The message that brings it.
    const SYNC: u16;
    /// The question for its digest.
    const DIGEST: u16;
    /// In words.
    const NAME: &'static str;

    fn write(&self, body: Body) -> Body;
    fn write_key(body: Body, key: &Self::Key) -> Body;
}

impl Entry for Card {
    type Key = CardUid;
    const SYNC: u16 = 0x020E;
    const DIGEST: u16 = 0x020F;
    const NAME: &'static str = "card list";

    fn write(&self, body: Body) -> Body {
        let status: u8 = match self.status {
            CardStatus::Allowed => 1,
            CardStatus::Blocked => 2,
            CardStatus::Lost => 3,
        };
        body.octets("uid", self.uid.as_bytes())
            .text("account", &self.account)
            .number("status", status)
            .number("group", self.group)
            .number("max_concurrent", self.max_concurrent)
            .time("valid_until", self.valid_until.map(Utc::local))
    }

    fn write_key(body: Body, key: &CardUid) -> Body {
        body.octets("uid", key.as_bytes())
    }
}

impl Entry for Vehicle {
    type Key = Vin;
    const SYNC: u16 = 0x0210;
    const DIGEST: u16 = 0x0211;
    const NAME: &'static str = "VIN list";

    fn write(&self, body: Body) -> Body {
        let status: u8 = match self.status {
            VehicleStatus::Allowed => 1,
            VehicleStatus::Grey => 2,
            VehicleStatus::Refused => 3,
        };
        body.text("vin", self.vin.as_str())
            .text("fleet_number", &self.fleet_number)
            .text("plate", &self.plate)
            .number("status", status)
            .octets("bound_card", self.bound_card.as_ref().map_or(&[], CardUid::as_bytes))
            .number("power_percent", self.power_percent)
            .number("priority", self.priority)
    }

    fn write_key(body: Body, key: &Vin) -> Body {
        body.text("vin", key.as_str())
    }
}

/// A list of the platform, and what the station has of it, as far as its answers tell.
#[derive(Debug)]
pub(super) struct Mirror<T: Entry> {
    /// The platform's own.
    pub(super) own: BTreeMap<T::Key, T>,
    version: u32,
    there: BTreeMap<T::Key, T>,
    /// Version and content that will be in force after the commit that is on its way.
    coming: Option<(u32, BTreeMap<T::Key, T>)>,
    /// The platform's list has a version of its own, 0 = it has no list to give.
    wanted: u32,
}

impl<T: Entry> Mirror<T> {
    pub(super) fn new(own: BTreeMap<T::Key, T>, wanted: u32) -> Mirror<T> {
        Mirror { own, version: 0, there: BTreeMap::new(), coming: None, wanted }
    }

    /// A station with another version than ours, or whose update was cut off, gets the whole list.
    fn at_login(&mut self, version: u32, desk: &mut Desk, station: DeviceCode) {
        let unfinished = self.coming.take().is_some();
        self.version = version;
        if unfinished || (self.wanted != 0 && version != self.wanted) {
            self.sync(true, desk, station);
        } else if version != 0 {
            self.there = self.own.clone();
        }
    }

    /// Queues the messages of one update and the question for its digest.
    fn sync(&mut self, full: bool, desk: &mut Desk, station: DeviceCode) {
        let from = if full { 0 } else { self.version };
        let to = self.wanted.max(self.version) + u32::from(!full || self.version >= self.wanted);
        let message =
            |op: u8| request(T::SYNC).number("op", op).number("from_version", from).number("to_version", to);
        let known = if full { BTreeMap::new() } else { self.there.clone() };
        let put: Vec<&T> =
            self.own.iter().filter(|(key, one)| known.get(key) != Some(one)).map(|(_, one)| one).collect();
        let gone: Vec<&T::Key> = known.keys().filter(|key| !self.own.contains_key(key)).collect();
        let mut steps = Vec::new();
        steps.extend(full.then(|| message(1)));
        steps.extend(
            gone.chunks(ENTRIES).map(|some| message(3).list("entries", some, |e, key| T::write_key(e, key))),
        );
        steps.extend(put.chunks(ENTRIES).map(|some| message(2).list("entries", some, |e, one| one.write(e))));
        if steps.is_empty() {
            steps.push(message(2)); // opens an update that changes nothing
        }
        steps.push(message(4));
        self.coming = Some((to, self.own.clone()));
        for body in steps {
            desk.queue(T::SYNC, station, octets::write(&body), None, Step::List);
        }
        desk.queue(T::DIGEST, station, Vec::new(), None, Step::List);
    }

    /// The reply to a message of an update: what is to be complained of, and what is to be said.
    fn answered(&mut self, sent: &[u8], body: &Body) -> (Option<String>, Option<String>) {
        const COMMIT: u8 = 4;
        let result = body.num("result");
        if result != 0 {
            self.coming = None;
            return (Some(format!("18.1: {} message refused with {result}", T::NAME)), None);
        }
        if sent.first() != Some(&COMMIT) {
            return (None, None);
        }
        let Some((version, entries)) = self.coming.take() else { return (None, None) };
        let told = body.num("version");
        let fault = (told != i128::from(version))
            .then(|| format!("18.1: version {told} after the commit of {version}"));
        self.wanted = version;
        self.version = version;
        self.there = entries;
        (fault, Some(format!("{} {version} is in force", T::NAME)))
    }

    fn digest_agrees(&self, body: &Body) -> bool {
        body.num("version") == i128::from(self.version)
            && body.num("count") == self.there.len() as i128
            && body.array::<32>("digest") == self.digest()
    }

    /// SHA-256 over the entries sorted by key.
    fn digest(&self) -> [u8; 32] {
        let all: Vec<&T> = self.there.values().collect();
        let list = request(T::SYNC).list("entries", &all, |e, one| one.write(e));
        let mut digest = Sha256::new();
        if let Some(Value::List(entries)) = list.get("entries") {
            entries.iter().for_each(|one| digest.update(octets::write(one)));
        }
        digest.finalize().into()
    }
}

impl Platform {
    /// Replaces the platform's own list; the station has it after a synchronisation.
    pub fn set_cards(&mut self, cards: Vec<Card>) {
        self.cards.own = cards.into_iter().map(|card| (card.uid, card)).collect();
    }

    /// The same for the VIN list.
    pub fn set_vehicles(&mut self, vehicles: Vec<Vehicle>) {
        self.vehicles.own = vehicles.into_iter().map(|vehicle| (vehicle.vin, vehicle)).collect();
    }

    /// The versions that a login tells.
    pub(super) fn lists_at_login(&mut self, cards: u32, vehicles: u32) {
        self.desk.drop_list();
        self.cards.at_login(cards, &mut self.desk, self.config.station);
        self.vehicles.at_login(vehicles, &mut self.desk, self.config.station);
    }

    /// Queues the updates of both lists.
    pub(super) fn sync(&mut self, full: bool) {
        self.cards.sync(full, &mut self.desk, self.config.station);
        if !self.vehicles.own.is_empty() || self.vehicles.version != 0 {
            self.vehicles.sync(full, &mut self.desk, self.config.station);
        }
    }

    /// 020Er, 0210r.
    pub(super) fn list_answered(&mut self, number: u16, sent: &[u8], body: &Body, out: &mut Vec<Action>) {
        let (fault, said) = match number {
            Vehicle::SYNC => self.vehicles.answered(sent, body),
            _ => self.cards.answered(sent, body),
        };
        if body.num("result") != 0 {
            self.desk.drop_list();
        }
        fault.into_iter().for_each(|fault| self.complain(fault));
        out.extend(said.map(Action::Say));
    }

    /// 020Fr, 0211r.
    pub(super) fn digest_answered(&mut self, number: u16, body: &Body, out: &mut Vec<Action>) {
        let (same, name, version) = match number {
            Vehicle::DIGEST => (self.vehicles.digest_agrees(body), Vehicle::NAME, self.vehicles.version),
            _ => (self.cards.digest_agrees(body), Card::NAME, self.cards.version),
        };
        if !same {
            self.complain(format!("18.3: the digest of {name} {version} differs"));
        }
        out.push(Action::Say(format!("{name} digest {}", if same { "agrees" } else { "differs" })));
    }
}
