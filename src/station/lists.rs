//! The lists that the platform keeps with the station: cards, vehicles, plates (platform-222.md 18). Each is one list in
//! force, and one update in the making.
//!
//! An update names the version it starts from and the version it leads to. Nothing of it is in force before its commit,
//! which is one durable step; the end of the connection discards an unfinished one.
//!
//! The list in force is one sorted piece of memory that is shared and never changed: a digest or a row of the store
//! copies nothing, and the largest list of cards takes 11 MB.

use super::commands::Deferred;
use super::journal::{Then, Work, audit_row};
use super::{Action, Station};
use crate::model::access::{
    Card, CardStatus, Entries, ListEntries, ListKind, ListStep, ListUpdate, Listed, Plate, Vehicle,
};
use crate::model::batch::{KeptList, ListRow, Row};
use crate::model::command::Answer;
use crate::model::ident::CardUid;
use crate::model::time::{Now, Utc};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// A confirmation is written no more often than this: nobody needs the age of a list to the minute.
const OFTEN_ENOUGH: Duration = Duration::from_secs(600);

/// Results of 020E, 0210, 0504.
pub(super) mod result {
    pub(crate) const OK: u8 = 0;
    pub(crate) const VERSION: u8 = 1;
    pub(crate) const FULL: u8 = 2;
    pub(crate) const MALFORMED: u8 = 3;
}

/// A list update that is being collected: what becomes of each key it names.
#[derive(Debug)]
struct Update<T: Listed> {
    from: u32,
    to: u32,
    full: bool,
    changes: BTreeMap<T::Key, Option<T>>,
    /// Size of the list once this is in force.
    count: usize,
}

/// An update on its way to disk.
#[derive(Debug)]
struct Committing<T> {
    version: u32,
    at: Option<Utc>,
    entries: Entries<T>,
}

/// What a step of an update leads to.
#[derive(Debug, PartialEq)]
pub(super) enum Outcome<T: Listed> {
    /// Answered with this result; nothing to make durable.
    Answer(u8),
    /// Make these rows durable, then [`List::committed`] or [`List::commit_failed`], then answer.
    Commit(Vec<ListRow<T>>),
}

/// One list.
#[derive(Debug)]
pub(super) struct List<T: Listed> {
    entries: Entries<T>,
    version: u32,
    confirmed: Option<Utc>,
    open: Option<Update<T>>,
    committing: Option<Committing<T>>,
    capacity: usize,
}

impl<T: Listed> List<T> {
    pub(super) fn new(kept: KeptList<T>) -> List<T> {
        let KeptList { version, confirmed, mut entries } = kept;
        entries.sort_by_key(Listed::key);
        let capacity = T::KIND.capacity();
        List { entries: Arc::new(entries), version, confirmed, open: None, committing: None, capacity }
    }

    pub(super) fn version(&self) -> u32 {
        self.version
    }

    pub(super) fn count(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn get(&self, key: &T::Key) -> Option<&T> {
        self.entries.get(self.find(key).ok()?)
    }

    /// Sorted by key, as the digest wants them.
    pub(super) fn entries(&self) -> Entries<T> {
        Arc::clone(&self.entries)
    }

    /// Since the last commit or confirmation; `None` without a list. A moment in the future counts as now.
    pub(super) fn age(&self, now: Utc) -> Option<Duration> {
        let confirmed = self.confirmed.filter(|_| self.version != 0)?;
        Some(Duration::from_millis(u64::try_from(now.0.saturating_sub(confirmed.0)).unwrap_or(0)))
    }

    /// The platform left the list as it is: its age counts from now. The row that says so, if one is due.
    fn confirm(&mut self, at: Utc) -> Option<ListRow<T>> {
        if self.version == 0 || self.age(at).is_some_and(|age| age < OFTEN_ENOUGH) {
            return None;
        }
        self.confirmed = Some(at);
        Some(ListRow::Confirmed(at))
    }

    /// An update is on its way to disk: the next step waits for its outcome.
    pub(super) fn is_committing(&self) -> bool {
        self.committing.is_some()
    }

    /// The connection ended.
    pub(super) fn discard(&mut self) {
        self.open = None;
    }

    pub(super) fn step(&mut self, update: ListUpdate<T>, at: Option<Utc>) -> Outcome<T> {
        let (from, to) = (update.from_version, update.to_version);
        match update.step {
            ListStep::Malformed => self.refuse(result::MALFORMED),
            ListStep::BeginFull if to != 0 && from == 0 => {
                self.open = Some(Update { from, to, full: true, changes: BTreeMap::new(), count: 0 });
                Outcome::Answer(result::OK)
            }
            ListStep::BeginFull => self.refuse(result::VERSION),
            ListStep::Put(entries) => self.collect(from, to, entries.into_iter().map(|e| (e.key(), Some(e)))),
            ListStep::Delete(keys) => self.collect(from, to, keys.into_iter().map(|key| (key, None))),
            ListStep::Commit => self.commit(from, to, at),
            ListStep::Change(entries, keys) => self.change(entries, keys, at),
        }
    }

    fn collect(
        &mut self,
        from: u32,
        to: u32,
        changes: impl Iterator<Item = (T::Key, Option<T>)>,
    ) -> Outcome<T> {
        if self.open.is_none() && from == self.version && to > from {
            let count = self.entries.len();
            self.open = Some(Update { from, to, full: false, changes: BTreeMap::new(), count });
        }
        let Some(mut update) = self.open.take().filter(|u| (u.from, u.to) == (from, to)) else {
            return Outcome::Answer(result::VERSION);
        };
        for (key, entry) in changes {
            let listed = !update.full && self.find(&key).is_ok();
            update.change(key, entry, listed);
        }
        if update.count > self.capacity {
            return Outcome::Answer(result::FULL);
        }
        self.open = Some(update);
        Outcome::Answer(result::OK)
    }

    fn commit(&mut self, from: u32, to: u32, at: Option<Utc>) -> Outcome<T> {
        match self.open.take() {
            Some(update) if (update.from, update.to) == (from, to) => {
                let row = update.row();
                let (row, entries) = match row {
                    Some(change) => (change, Arc::new(update.merged(&self.entries))),
                    None => {
                        let entries = Arc::new(update.merged(&[]));
                        (ListRow::Replace(to, Arc::clone(&entries)), entries)
                    }
                };
                self.committing = Some(Committing { version: to, at, entries });
                Outcome::Commit([row].into_iter().chain(at.map(ListRow::Confirmed)).collect())
            }
            None if to == self.version && to != 0 => Outcome::Answer(result::OK),
            Some(_) | None => Outcome::Answer(result::VERSION),
        }
    }

    /// Of a platform whose lists have no versions: this becomes the next one.
    fn change(&mut self, entries: Vec<T>, keys: Vec<T::Key>, at: Option<Utc>) -> Outcome<T> {
        let (from, to) = (self.version, self.version.saturating_add(1));
        self.open = None;
        let put = entries.into_iter().map(|entry| (entry.key(), Some(entry)));
        let outcome = self.collect(from, to, put.chain(keys.into_iter().map(|key| (key, None))));
        match outcome {
            Outcome::Answer(result::OK) => self.commit(from, to, at),
            Outcome::Answer(_) | Outcome::Commit(_) => outcome,
        }
    }

    fn refuse(&mut self, result: u8) -> Outcome<T> {
        self.open = None;
        Outcome::Answer(result)
    }

    /// The update is durable: it is in force.
    pub(super) fn committed(&mut self) {
        let Some(done) = self.committing.take() else { return };
        self.version = done.version;
        self.confirmed = done.at.or(self.confirmed);
        self.entries = done.entries;
    }

    /// Nothing of it is.
    pub(super) fn commit_failed(&mut self) {
        self.committing = None;
    }

    fn find(&self, key: &T::Key) -> Result<usize, usize> {
        self.entries.binary_search_by_key(key, Listed::key)
    }
}

impl<T: Listed> Update<T> {
    /// The newest word about a key; `listed`: the list in force holds it, and is not replaced. Nothing is kept of what
    /// is deleted and would not be there anyway: so an update never holds more than two lists.
    fn change(&mut self, key: T::Key, entry: Option<T>, listed: bool) {
        let was = self.changes.get(&key).map_or(listed, Option::is_some);
        let is = entry.is_some();
        if is || listed {
            self.changes.insert(key, entry);
        } else {
            self.changes.remove(&key);
        }
        self.count = (self.count + usize::from(is)).saturating_sub(usize::from(was));
    }

    /// As a change of the list in force; `None` for one that replaces it.
    fn row(&self) -> Option<ListRow<T>> {
        let put = self.changes.values().copied().flatten();
        let delete = self.changes.iter().filter(|(_, entry)| entry.is_none()).map(|(key, _)| *key);
        let change = || ListRow::Change { version: self.to, put: put.collect(), delete: delete.collect() };
        (!self.full).then(change)
    }

    /// These sorted entries with the changes.
    fn merged(self, now: &[T]) -> Vec<T> {
        let mut merged = Vec::with_capacity(self.count);
        let mut rest = now;
        for (key, entry) in self.changes {
            let before = rest.partition_point(|e| e.key() < key);
            merged.extend_from_slice(&rest[..before]);
            let replaced = rest.get(before).is_some_and(|e| e.key() == key);
            rest = &rest[before + usize::from(replaced)..];
            merged.extend(entry);
        }
        merged.extend_from_slice(rest);
        merged
    }
}

impl List<Card> {
    pub(super) fn is_barred(&self, uid: &CardUid) -> bool {
        self.get(uid).is_some_and(|c| c.status != CardStatus::Allowed)
    }

    /// Cards of one group, not 0, may stop each other's sessions.
    pub(super) fn group(&self, uid: &CardUid) -> u32 {
        self.get(uid).map_or(0, |c| c.group)
    }
}

/// An entry with its place in the station.
pub(super) trait Kept: Listed {
    fn list(station: &mut Station) -> &mut List<Self>;
    fn row(row: ListRow<Self>) -> Row;
    fn deferred(ticket: u64, update: ListUpdate<Self>) -> Deferred;
}

macro_rules! kept {
    ($entry:ty, $list:ident, $row:ident, $deferred:ident) => {
        impl Kept for $entry {
            fn list(station: &mut Station) -> &mut List<Self> {
                &mut station.$list
            }

            fn row(row: ListRow<Self>) -> Row {
                Row::$row(row)
            }

            fn deferred(ticket: u64, update: ListUpdate<Self>) -> Deferred {
                Deferred::$deferred(ticket, update)
            }
        }
    };
}

kept!(Card, cards, Cards, CardList);
kept!(Vehicle, vins, Vehicles, VehicleList);
kept!(Plate, plates, Plates, PlateList);

impl Station {
    /// 020E, 0210, 0504.
    pub(super) fn list_update<T: Kept>(
        &mut self,
        now: Now,
        ticket: u64,
        update: ListUpdate<T>,
        out: &mut Vec<Action>,
    ) {
        if T::list(self).is_committing() {
            self.defer(T::deferred(ticket, update), out);
            return;
        }
        let to = update.to_version;
        match T::list(self).step(update, now.stamp()) {
            Outcome::Answer(result) => self.list_answer::<T>(ticket, result, out),
            Outcome::Commit(rows) => {
                let mut rows: Vec<Row> = rows.into_iter().map(T::row).collect();
                rows.push(audit_row(now, "platform", format!("{} version {to}", T::KIND.name())));
                self.write(Work::Rows(rows), Then::List(T::KIND, ticket));
            }
        }
    }

    /// The commit of an update is over.
    pub(super) fn list_settled(&mut self, kind: ListKind, ticket: u64, done: bool, out: &mut Vec<Action>) {
        match kind {
            ListKind::Cards => self.settle_list::<Card>(ticket, done, out),
            ListKind::Vehicles => self.settle_list::<Vehicle>(ticket, done, out),
            ListKind::Plates => self.settle_list::<Plate>(ticket, done, out),
        }
    }

    fn settle_list<T: Kept>(&mut self, ticket: u64, done: bool, out: &mut Vec<Action>) {
        match done {
            true => {
                T::list(self).committed();
                self.look_for_restrictions();
            }
            false => T::list(self).commit_failed(),
        }
        // The profile has no result for a store that fails; "full" is the one that lets the platform begin anew.
        let result = if done { result::OK } else { result::FULL };
        self.list_answer::<T>(ticket, result, out);
    }

    pub(super) fn list_answer<T: Kept>(&mut self, ticket: u64, result: u8, out: &mut Vec<Action>) {
        let version = T::list(self).version();
        self.answer(ticket, Answer::List(T::KIND, result, version), out);
    }

    /// 020F, 0211, 0505.
    pub(super) fn list_digest(&mut self, ticket: u64, kind: ListKind, out: &mut Vec<Action>) {
        let (version, entries) = match kind {
            ListKind::Cards => (self.cards.version(), ListEntries::Cards(self.cards.entries())),
            ListKind::Vehicles => (self.vins.version(), ListEntries::Vehicles(self.vins.entries())),
            ListKind::Plates => (self.plates.version(), ListEntries::Plates(self.plates.entries())),
        };
        self.answer(ticket, Answer::ListDigest(version, entries), out);
    }

    /// After a login that left the lists as they are, their age counts from now.
    pub(super) fn confirm_lists(&mut self, now: Now) {
        let Some(at) = now.stamp() else { return };
        let rows: Vec<Row> = [
            self.cards.confirm(at).map(Row::Cards),
            self.vins.confirm(at).map(Row::Vehicles),
            self.plates.confirm(at).map(Row::Plates),
        ]
        .into_iter()
        .flatten()
        .collect();
        if !rows.is_empty() {
            self.write(Work::Rows(rows), Then::Nothing);
        }
    }

    /// Whether a list that the platform gave is older than offline use allows; `None` = nobody can tell.
    pub(super) fn is_stale<T: Listed>(&self, now: Now, list: &List<T>) -> Option<bool> {
        let at = now.stamp()?;
        Some(list.version() != 0 && list.age(at).is_none_or(|age| age > self.config.offline.list_max_age))
    }

    /// The same of the cards, which must be there where cards may start offline.
    pub(super) fn cards_are_stale(&self, now: Now) -> Option<bool> {
        let stale = self.is_stale(now, &self.cards)?;
        Some(self.config.offline.enable && (stale || self.cards.version() == 0))
    }

    /// The connection ended: unfinished updates are dropped.
    pub(super) fn discard_updates(&mut self) {
        self.cards.discard();
        self.vins.discard();
        self.plates.discard();
    }
}

#[cfg(test)]
mod tests;
