//! One list against a plain model of it, for each of the three; and the rules one by one.

use super::*;
use crate::model::access::{PlateNumber, PlateStatus, VehicleStatus};
use crate::model::ident::Vin;
use proptest::prelude::*;

fn uid(n: u8) -> CardUid {
    CardUid::new(&[4, n]).unwrap()
}

fn card(n: u8) -> Card {
    Card {
        uid: uid(n),
        account: Default::default(),
        status: CardStatus::Allowed,
        group: 0,
        max_concurrent: 1,
        valid_until: None,
    }
}

fn list() -> List<Card> {
    List::new(KeptList { version: 5, confirmed: Some(Utc(1_000)), entries: vec![card(1), card(2)] })
}

fn step(cards: &mut List<Card>, from: u32, to: u32, step: ListStep<Card>) -> Outcome<Card> {
    cards.step(ListUpdate { from_version: from, to_version: to, step }, Some(Utc(9_000)))
}

fn keys(cards: &List<Card>) -> Vec<CardUid> {
    cards.entries().iter().map(|c| c.uid).collect()
}

const OK: Outcome<Card> = Outcome::Answer(result::OK);
const VERSION: Outcome<Card> = Outcome::Answer(result::VERSION);

#[test]
fn a_full_update_is_in_force_after_its_commit_and_not_before() {
    let mut cards = list();
    assert_eq!(step(&mut cards, 0, 9, ListStep::BeginFull), OK);
    assert_eq!(step(&mut cards, 0, 9, ListStep::Put(vec![card(7), card(6)])), OK);
    assert_eq!((cards.version(), cards.count()), (5, 2));
    let rows = vec![ListRow::Replace(9, Arc::new(vec![card(6), card(7)])), ListRow::Confirmed(Utc(9_000))];
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
    let change = ListRow::Change { version: 6, put: vec![card(3)], delete: vec![uid(1)] };
    let rows = vec![change, ListRow::Confirmed(Utc(9_000))];
    assert_eq!(step(&mut cards, 5, 6, ListStep::Commit), Outcome::Commit(rows));
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
    type Step = ListStep<Card>;
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

#[test]
fn a_confirmation_is_written_once_in_ten_minutes_and_only_of_a_list_that_is_there() {
    let mut cards = list();
    assert_eq!(cards.confirm(Utc(2_000)), None);
    assert_eq!(cards.confirm(Utc(700_000)), Some(ListRow::Confirmed(Utc(700_000))));
    assert_eq!(cards.age(Utc(701_000)), Some(Duration::from_secs(1)));
    assert_eq!(List::<Card>::new(KeptList::default()).confirm(Utc(700_000)), None);
}

/// An entry whose key and whose content are two small numbers.
trait Sample: Listed {
    fn sample(key: u8, content: u8) -> Self;
}

impl Sample for Card {
    fn sample(key: u8, content: u8) -> Card {
        Card {
            uid: CardUid::new(&[key; 9][..usize::from(key % 3) + 1]).unwrap(),
            group: content.into(),
            ..card(0)
        }
    }
}

impl Sample for Vehicle {
    fn sample(key: u8, content: u8) -> Vehicle {
        let vin: Vin = format!("LGWEF4A5{key:09}").parse().unwrap();
        let (fleet_number, plate) = (format!("B{key}").as_str().into(), PlateNumber::default());
        let status = VehicleStatus::Allowed;
        Vehicle { vin, fleet_number, plate, status, bound_card: None, power_percent: 0, priority: content }
    }
}

impl Sample for Plate {
    fn sample(key: u8, content: u8) -> Plate {
        let plate = "粤BBBB"[..usize::from(key) % 5 + 3].into();
        let (valid_from, valid_until) = (Some(Utc(content.into())), None);
        Plate { plate, status: PlateStatus::Open, valid_from, valid_until, fleet_number: Default::default() }
    }
}

/// What a step of the test does; keys and contents from a small space, so that they meet.
#[derive(Clone, Debug)]
enum Deed {
    Begin(u32),
    Put(u32, u32, Vec<(u8, u8)>),
    Delete(u32, u32, Vec<u8>),
    Commit(u32, u32, bool),
    Disconnect,
}

fn deed() -> impl Strategy<Value = Deed> {
    let versions = || (0u32..4, 0u32..4);
    prop_oneof![
        (0u32..4).prop_map(Deed::Begin),
        (versions(), prop::collection::vec((0u8..9, any::<u8>()), 0..4))
            .prop_map(|((f, t), e)| Deed::Put(f, t, e)),
        (versions(), prop::collection::vec(0u8..9, 0..4)).prop_map(|((f, t), k)| Deed::Delete(f, t, k)),
        (versions(), any::<bool>()).prop_map(|((f, t), done)| Deed::Commit(f, t, done)),
        Just(Deed::Disconnect),
    ]
}

/// The rules of 18.1 as plainly as they can be said: the list, and the whole list as it would be.
struct Plain<T: Listed> {
    version: u32,
    entries: BTreeMap<T::Key, T>,
    open: Option<(u32, u32, BTreeMap<T::Key, T>)>,
}

impl<T: Sample> Plain<T> {
    fn open_for(&mut self, from: u32, to: u32) -> Option<&mut BTreeMap<T::Key, T>> {
        if self.open.is_none() && from == self.version && to > from {
            self.open = Some((from, to, self.entries.clone()));
        }
        match &mut self.open {
            Some((f, t, coming)) if (*f, *t) == (from, to) => Some(coming),
            _ => None,
        }
    }

    /// The result, and whether something is to be made durable.
    fn step(&mut self, deed: &Deed, capacity: usize) -> (u8, bool) {
        let (from, to, changes) = match deed.clone() {
            Deed::Disconnect => {
                self.open = None;
                return (0, false);
            }
            Deed::Begin(to) => {
                self.open = (to != 0).then(|| (0, to, BTreeMap::new()));
                return (u8::from(to == 0), false);
            }
            Deed::Commit(from, to, done) => return self.commit(from, to, done),
            Deed::Put(from, to, put) => {
                (from, to, put.into_iter().map(|(key, content)| (key, Some(content))).collect())
            }
            Deed::Delete(from, to, keys) => {
                (from, to, keys.into_iter().map(|key| (key, None)).collect::<Vec<_>>())
            }
        };
        let Some(coming) = self.open_for(from, to) else {
            self.open = None;
            return (1, false);
        };
        for (key, content) in changes {
            match content {
                Some(content) => coming.insert(T::sample(key, 0).key(), T::sample(key, content)),
                None => coming.remove(&T::sample(key, 0).key()),
            };
        }
        let full = coming.len() > capacity;
        if full {
            self.open = None;
        }
        (if full { 2 } else { 0 }, false)
    }

    fn commit(&mut self, from: u32, to: u32, done: bool) -> (u8, bool) {
        match self.open.take() {
            Some((f, t, coming)) if (f, t) == (from, to) => {
                if done {
                    (self.version, self.entries) = (to, coming);
                }
                (0, true)
            }
            None if to == self.version && to != 0 => (0, false),
            _ => (1, false),
        }
    }
}

fn update_of<T: Sample>(deed: &Deed) -> Option<ListUpdate<T>> {
    let (from_version, to_version, step) = match deed {
        Deed::Disconnect => return None,
        Deed::Begin(to) => (0, *to, ListStep::BeginFull),
        Deed::Put(from, to, put) => {
            (*from, *to, ListStep::Put(put.iter().map(|(key, content)| T::sample(*key, *content)).collect()))
        }
        Deed::Delete(from, to, keys) => {
            (*from, *to, ListStep::Delete(keys.iter().map(|key| T::sample(*key, 0).key()).collect()))
        }
        Deed::Commit(from, to, _) => (*from, *to, ListStep::Commit),
    };
    Some(ListUpdate { from_version, to_version, step })
}

/// What the disk makes of the rows of a commit.
fn on_disk<T: Listed>(disk: &mut BTreeMap<T::Key, T>, rows: &[ListRow<T>]) {
    for row in rows {
        match row {
            ListRow::Replace(_, all) => *disk = all.iter().map(|e| (e.key(), *e)).collect(),
            ListRow::Change { put, delete, .. } => {
                disk.extend(put.iter().map(|e| (e.key(), *e)));
                disk.retain(|key, _| !delete.contains(key));
            }
            ListRow::Confirmed(_) => {}
        }
    }
}

fn follows_the_model<T: Sample>(deeds: &[Deed]) {
    const CAPACITY: usize = 5;
    let mut list = List::<T>::new(KeptList::default());
    list.capacity = CAPACITY;
    let mut plain = Plain::<T> { version: 0, entries: BTreeMap::new(), open: None };
    let mut disk = BTreeMap::new();
    for deed in deeds {
        let (result, commits) = plain.step(deed, CAPACITY);
        let Some(update) = update_of(deed) else {
            list.discard();
            continue;
        };
        match list.step(update, Some(Utc(9))) {
            Outcome::Answer(answer) => assert_eq!((answer, false), (result, commits), "{deed:?}"),
            Outcome::Commit(rows) => {
                assert_eq!((0, true), (result, commits), "{deed:?}");
                if matches!(deed, Deed::Commit(_, _, true)) {
                    on_disk(&mut disk, &rows);
                    list.committed();
                } else {
                    list.commit_failed();
                }
            }
        }
        let expected: Vec<T> = plain.entries.values().copied().collect();
        assert_eq!((list.version(), &*list.entries()), (plain.version, &expected), "{deed:?}");
        assert_eq!(disk, plain.entries, "{deed:?}");
        assert!(expected.iter().all(|e| list.get(&e.key()) == Some(e)));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn every_list_in_force_is_what_a_plain_model_says_whatever_the_platform_sends(
        deeds in prop::collection::vec(deed(), 0..40)
    ) {
        follows_the_model::<Card>(&deeds);
        follows_the_model::<Vehicle>(&deeds);
        follows_the_model::<Plate>(&deeds);
    }
}

#[test]
fn the_largest_list_is_found_in_at_once_and_shared_without_a_copy() {
    let entries: Vec<Card> =
        (0..200_000_u32).map(|n| Card { uid: CardUid::new(&n.to_be_bytes()).unwrap(), ..card(0) }).collect();
    let list = List::new(KeptList { version: 1, confirmed: None, entries });
    assert!(size_of::<Card>() * list.count() <= 12_000_000);
    assert!(Arc::ptr_eq(&list.entries(), &list.entries()), "a digest copies nothing");
    for n in (0..200_000_u32).step_by(997) {
        let uid = CardUid::new(&n.to_be_bytes()).unwrap();
        assert_eq!(list.get(&uid).map(|c| c.uid), Some(uid));
    }
    assert_eq!(list.get(&CardUid::new(&[1]).unwrap()), None);
}
