//! The card list: the one in force, and one update in the making (platform-222.md 18).
//!
//! An update names the version it starts from and the version it leads to. Nothing of it is in force before its commit,
//! which is one durable step; the end of the connection discards an unfinished one.

use crate::model::access::{Card, CardStatus, ListStep};
use crate::model::batch::Row;
use crate::model::ident::CardUid;
use crate::model::message::CardListUpdate;
use crate::model::time::Utc;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Most entries of the list (platform-222.md 2).
pub(super) const CAPACITY: usize = 200_000;

/// Results of 020E.
pub(super) mod result {
    pub(crate) const OK: u8 = 0;
    pub(crate) const VERSION: u8 = 1;
    pub(crate) const FULL: u8 = 2;
    pub(crate) const MALFORMED: u8 = 3;
}

#[derive(Debug)]
enum Change {
    Full(BTreeMap<CardUid, Card>),
    Part { put: BTreeMap<CardUid, Card>, delete: BTreeSet<CardUid> },
}

#[derive(Debug)]
struct Update {
    from: u32,
    to: u32,
    change: Change,
}

/// What a step of an update leads to.
#[derive(Debug, PartialEq)]
pub(super) enum Outcome {
    /// Answered with this result; nothing to make durable.
    Answer(u8),
    /// Make these rows durable, then [`Cards::committed`] or [`Cards::commit_failed`], then answer.
    Commit(Vec<Row>),
}

/// The list.
#[derive(Debug)]
pub(super) struct Cards {
    cards: BTreeMap<CardUid, Card>,
    version: u32,
    confirmed: Option<Utc>,
    open: Option<Update>,
    committing: Option<(Update, Option<Utc>)>,
    capacity: usize,
}

impl Cards {
    pub(super) fn new(version: u32, confirmed: Option<Utc>, cards: Vec<Card>) -> Cards {
        Cards {
            cards: cards.into_iter().map(|c| (c.uid, c)).collect(),
            version,
            confirmed,
            open: None,
            committing: None,
            capacity: CAPACITY,
        }
    }

    pub(super) fn version(&self) -> u32 {
        self.version
    }

    pub(super) fn count(&self) -> usize {
        self.cards.len()
    }

    pub(super) fn get(&self, uid: &CardUid) -> Option<&Card> {
        self.cards.get(uid)
    }

    pub(super) fn is_barred(&self, uid: &CardUid) -> bool {
        self.get(uid).is_some_and(|c| c.status != CardStatus::Allowed)
    }

    /// Cards of one group, not 0, may stop each other's sessions.
    pub(super) fn group(&self, uid: &CardUid) -> u32 {
        self.get(uid).map_or(0, |c| c.group)
    }

    /// Sorted by key, as the digest wants them.
    pub(super) fn all(&self) -> Vec<Card> {
        self.cards.values().cloned().collect()
    }

    /// Since the last commit or confirmation; `None` without a list. A moment in the future counts as now.
    pub(super) fn age(&self, now: Utc) -> Option<Duration> {
        let confirmed = self.confirmed.filter(|_| self.version != 0)?;
        Some(Duration::from_millis(u64::try_from(now.0.saturating_sub(confirmed.0)).unwrap_or(0)))
    }

    pub(super) fn confirmed(&mut self, at: Utc) {
        self.confirmed = Some(at);
    }

    /// An update is on its way to disk: the next step waits for its outcome.
    pub(super) fn is_committing(&self) -> bool {
        self.committing.is_some()
    }

    /// The connection ended.
    pub(super) fn discard(&mut self) {
        self.open = None;
    }

    pub(super) fn step(&mut self, update: CardListUpdate, at: Option<Utc>) -> Outcome {
        let (from, to) = (update.from_version, update.to_version);
        match update.step {
            ListStep::Malformed => self.refuse(result::MALFORMED),
            ListStep::BeginFull if to != 0 && from == 0 => {
                self.open = Some(Update { from, to, change: Change::Full(BTreeMap::new()) });
                Outcome::Answer(result::OK)
            }
            ListStep::BeginFull => self.refuse(result::VERSION),
            ListStep::Put(cards) => self.collect(from, to, |update| update.put(cards)),
            ListStep::Delete(keys) => self.collect(from, to, |update| update.delete(&keys)),
            ListStep::Commit => self.commit(from, to, at),
            ListStep::Change(cards, keys) => self.change(cards, &keys, at),
        }
    }

    fn collect(&mut self, from: u32, to: u32, change: impl FnOnce(&mut Update)) -> Outcome {
        if self.open.is_none() && from == self.version && to > from {
            let part = Change::Part { put: BTreeMap::new(), delete: BTreeSet::new() };
            self.open = Some(Update { from, to, change: part });
        }
        let Some(update) = self.open.as_mut().filter(|u| (u.from, u.to) == (from, to)) else {
            return self.refuse(result::VERSION);
        };
        change(update);
        if update.entries_after(&self.cards) > self.capacity || update.collected() > self.capacity {
            return self.refuse(result::FULL);
        }
        Outcome::Answer(result::OK)
    }

    fn commit(&mut self, from: u32, to: u32, at: Option<Utc>) -> Outcome {
        match self.open.take() {
            Some(update) if (update.from, update.to) == (from, to) => {
                let mut rows = vec![update.row()];
                rows.extend(at.map(Row::CardListConfirmed));
                self.committing = Some((update, at));
                Outcome::Commit(rows)
            }
            None if to == self.version && to != 0 => Outcome::Answer(result::OK),
            Some(_) | None => Outcome::Answer(result::VERSION),
        }
    }

    fn change(&mut self, cards: Vec<Card>, keys: &[CardUid], at: Option<Utc>) -> Outcome {
        let (from, to) = (self.version, self.version.saturating_add(1));
        self.open = None;
        let outcome = self.collect(from, to, |update| {
            update.put(cards);
            update.delete(keys);
        });
        match outcome {
            Outcome::Answer(result::OK) => self.commit(from, to, at),
            refused => refused,
        }
    }

    fn refuse(&mut self, result: u8) -> Outcome {
        self.open = None;
        Outcome::Answer(result)
    }

    /// The update is durable: it is in force.
    pub(super) fn committed(&mut self) {
        let Some((update, at)) = self.committing.take() else { return };
        self.version = update.to;
        self.confirmed = at.or(self.confirmed);
        match update.change {
            Change::Full(cards) => self.cards = cards,
            Change::Part { put, delete } => {
                self.cards.retain(|uid, _| !delete.contains(uid));
                self.cards.extend(put);
            }
        }
    }

    /// Nothing of it is.
    pub(super) fn commit_failed(&mut self) {
        self.committing = None;
    }
}

impl Update {
    fn put(&mut self, cards: Vec<Card>) {
        for card in cards {
            match &mut self.change {
                Change::Full(all) => drop(all.insert(card.uid, card)),
                Change::Part { put, delete } => {
                    delete.remove(&card.uid);
                    put.insert(card.uid, card);
                }
            }
        }
    }

    fn delete(&mut self, keys: &[CardUid]) {
        for uid in keys {
            match &mut self.change {
                Change::Full(all) => drop(all.remove(uid)),
                Change::Part { put, delete } => {
                    put.remove(uid);
                    delete.insert(*uid);
                }
            }
        }
    }

    /// Size of the list once this is in force.
    fn entries_after(&self, now: &BTreeMap<CardUid, Card>) -> usize {
        match &self.change {
            Change::Full(all) => all.len(),
            Change::Part { put, delete } => {
                let fresh = put.keys().filter(|uid| !now.contains_key(*uid)).count();
                let gone = delete.iter().filter(|uid| now.contains_key(*uid)).count();
                (now.len() + fresh).saturating_sub(gone)
            }
        }
    }

    /// Entries that the update itself holds in memory.
    fn collected(&self) -> usize {
        match &self.change {
            Change::Full(all) => all.len(),
            Change::Part { put, delete } => put.len().max(delete.len()),
        }
    }

    fn row(&self) -> Row {
        match &self.change {
            Change::Full(all) => Row::CardListReplace(self.to, all.values().cloned().collect()),
            Change::Part { put, delete } => Row::CardListChange {
                version: self.to,
                put: put.values().cloned().collect(),
                delete: delete.iter().copied().collect(),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uid(n: u8) -> CardUid {
        CardUid::new(&[4, n]).unwrap()
    }

    fn card(n: u8) -> Card {
        Card {
            uid: uid(n),
            account: String::new(),
            status: CardStatus::Allowed,
            group: 0,
            max_concurrent: 1,
            valid_until: None,
        }
    }

    fn list() -> Cards {
        Cards::new(5, Some(Utc(1_000)), vec![card(1), card(2)])
    }

    fn step(cards: &mut Cards, from: u32, to: u32, step: ListStep<Card, CardUid>) -> Outcome {
        cards.step(CardListUpdate { from_version: from, to_version: to, step }, Some(Utc(9_000)))
    }

    fn keys(cards: &Cards) -> Vec<CardUid> {
        cards.all().iter().map(|c| c.uid).collect()
    }

    const OK: Outcome = Outcome::Answer(result::OK);
    const VERSION: Outcome = Outcome::Answer(result::VERSION);

    #[test]
    fn a_full_update_is_in_force_after_its_commit_and_not_before() {
        let mut cards = list();
        assert_eq!(step(&mut cards, 0, 9, ListStep::BeginFull), OK);
        assert_eq!(step(&mut cards, 0, 9, ListStep::Put(vec![card(7), card(6)])), OK);
        assert_eq!((cards.version(), cards.count()), (5, 2));
        let rows = vec![Row::CardListReplace(9, vec![card(6), card(7)]), Row::CardListConfirmed(Utc(9_000))];
        assert_eq!(step(&mut cards, 0, 9, ListStep::Commit), Outcome::Commit(rows));
        assert_eq!((cards.version(), cards.is_committing()), (5, true));
        cards.committed();
        assert_eq!((cards.version(), keys(&cards)), (9, vec![uid(6), uid(7)]));
        assert_eq!(cards.age(Utc(10_000)), Some(Duration::from_secs(1)));
        assert_eq!(step(&mut cards, 0, 9, ListStep::Commit), OK); // repeated: no effect
    }

    #[test]
    fn an_incremental_update_changes_what_it_names() {
        let mut cards = list();
        assert_eq!(step(&mut cards, 5, 6, ListStep::Delete(vec![uid(1), uid(99)])), OK);
        assert_eq!(step(&mut cards, 5, 6, ListStep::Put(vec![card(3)])), OK);
        assert!(matches!(step(&mut cards, 5, 6, ListStep::Commit), Outcome::Commit(_)));
        cards.committed();
        assert_eq!((cards.version(), keys(&cards)), (6, vec![uid(2), uid(3)]));
    }

    #[test]
    fn put_after_delete_keeps_the_card_and_delete_after_put_does_not() {
        let mut cards = list();
        step(&mut cards, 5, 6, ListStep::Delete(vec![uid(1)]));
        step(&mut cards, 5, 6, ListStep::Put(vec![card(1), card(3)]));
        step(&mut cards, 5, 6, ListStep::Delete(vec![uid(3)]));
        step(&mut cards, 5, 6, ListStep::Commit);
        cards.committed();
        assert_eq!(keys(&cards), [uid(1), uid(2)]);
    }

    #[test]
    fn every_misuse_is_refused_and_drops_the_open_update() {
        type Step = ListStep<Card, CardUid>;
        let put = || Step::Put(vec![card(3)]);
        let misuse: [(u32, u32, Step, u8); 9] = [
            (0, 0, Step::BeginFull, result::VERSION),
            (5, 9, Step::BeginFull, result::VERSION),
            (4, 6, put(), result::VERSION),
            (5, 7, put(), result::VERSION),
            (5, 5, put(), result::VERSION),
            (5, 7, Step::Delete(vec![uid(1)]), result::VERSION),
            (5, 7, Step::Commit, result::VERSION),
            (5, 6, Step::Malformed, result::MALFORMED),
            (0, 6, Step::Commit, result::VERSION),
        ];
        for (from, to, wrong, answer) in misuse {
            let mut cards = list();
            assert_eq!(step(&mut cards, 5, 6, put()), OK);
            assert_eq!(step(&mut cards, from, to, wrong.clone()), Outcome::Answer(answer), "{wrong:?}");
            assert_eq!(step(&mut cards, 5, 6, Step::Commit), VERSION, "still open after {wrong:?}");
            assert_eq!((cards.version(), cards.count()), (5, 2));
        }
    }

    #[test]
    fn without_an_open_update_only_a_fitting_one_begins() {
        let mut cards = list();
        for (from, to) in [(0, 6), (4, 6), (5, 5), (5, 4), (6, 7)] {
            assert_eq!(step(&mut cards, from, to, ListStep::Put(vec![card(3)])), VERSION, "{from} to {to}");
        }
        assert_eq!(step(&mut cards, 5, 6, ListStep::Commit), VERSION);
        assert_eq!(step(&mut cards, 4, 5, ListStep::Commit), OK); // the version in force: a repeat
    }

    #[test]
    fn begin_full_drops_an_unfinished_update() {
        let mut cards = list();
        step(&mut cards, 0, 9, ListStep::BeginFull);
        step(&mut cards, 0, 9, ListStep::Put(vec![card(7)]));
        step(&mut cards, 0, 10, ListStep::BeginFull);
        assert!(matches!(step(&mut cards, 0, 10, ListStep::Commit), Outcome::Commit(_)));
        cards.committed();
        assert_eq!((cards.version(), cards.count()), (10, 0));
    }

    #[test]
    fn one_card_more_than_fits_is_refused_with_full() {
        let mut cards = list();
        cards.capacity = 3;
        assert_eq!(step(&mut cards, 5, 6, ListStep::Put(vec![card(1), card(3)])), OK);
        assert_eq!(step(&mut cards, 5, 6, ListStep::Put(vec![card(4)])), Outcome::Answer(result::FULL));
        assert_eq!(step(&mut cards, 5, 6, ListStep::Commit), VERSION);
    }

    #[test]
    fn the_end_of_the_connection_discards_an_unfinished_update() {
        let mut cards = list();
        step(&mut cards, 5, 6, ListStep::Put(vec![card(3)]));
        cards.discard();
        assert_eq!(step(&mut cards, 5, 6, ListStep::Commit), VERSION);
    }

    #[test]
    fn a_failed_commit_leaves_the_old_list_in_force() {
        let mut cards = list();
        step(&mut cards, 5, 6, ListStep::Put(vec![card(3)]));
        step(&mut cards, 5, 6, ListStep::Commit);
        cards.commit_failed();
        assert_eq!((cards.version(), cards.count(), cards.is_committing()), (5, 2, false));
    }
}
