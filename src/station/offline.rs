//! Charging without the platform (platform-222.md 15.5): every condition, and the reason when one does not hold.
//!
//! An offline yes is never kept as an online yes: nothing here writes to the card list.

use super::Offline;
use crate::model::access::{Card, CardStatus, Vehicle, VehicleStatus};
use crate::model::batch::KnownRecord;
use crate::model::ident::Credential;
use crate::model::message::Verdict;
use crate::model::quantity::Energy;
use crate::model::time::Utc;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Everything the rule looks at.
#[derive(Clone, Copy, Debug)]
pub(super) struct Case<'a> {
    pub(super) rules: &'a Offline,
    /// What the list says.
    pub(super) entry: Option<Entry>,
    /// The wall clock, if it may be believed.
    pub(super) clock: Option<Utc>,
    /// Since the list was committed or confirmed; `None` = no list.
    pub(super) list_age: Option<Duration>,
    /// A tariff is held, or none is needed.
    pub(super) tariff: bool,
    /// Open sessions of this credential.
    pub(super) open: u32,
    /// Offline sessions of this credential that count, open ones included, and their energy.
    pub(super) used: (u32, Energy),
    /// Offline sessions of all that count, open ones included.
    pub(super) station_use: u32,
}

/// A card or a vehicle as its list has it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    pub(super) allowed: bool,
    /// `None` = no end.
    pub(super) valid_until: Option<Utc>,
    /// Sessions at the same time.
    pub(super) concurrent: u32,
    /// A vehicle by its VIN: parameter 0021 too.
    pub(super) vehicle: bool,
}

impl Entry {
    pub(super) fn card(card: &Card) -> Entry {
        Entry {
            allowed: card.status == CardStatus::Allowed,
            valid_until: card.valid_until,
            concurrent: u32::from(card.concurrent()),
            vehicle: false,
        }
    }

    /// With `plugs` inlets a vehicle may have as many sessions.
    pub(super) fn vehicle(vehicle: &Vehicle, plugs: u32) -> Entry {
        let allowed = match vehicle.status {
            VehicleStatus::Allowed | VehicleStatus::Grey => true,
            VehicleStatus::Refused => false,
        };
        Entry { allowed, valid_until: None, concurrent: plugs, vehicle: true }
    }
}

/// The first condition that does not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    Disabled,
    ClockNotTrusted,
    NoTariff,
    NoVehicles,
    NotListed,
    Blocked,
    Expired,
    ListStale,
    InUse,
    Sessions,
    Energy,
    StationSessions,
}

impl Refusal {
    /// For a reader's display.
    pub(super) fn text(self, vehicle: bool) -> &'static str {
        let (card, of_vehicle) = match self {
            Refusal::Disabled => ("offline: no charging", "offline: no charging"),
            Refusal::ClockNotTrusted => ("offline: clock not set", "offline: clock not set"),
            Refusal::NoTariff => ("offline: no tariff", "offline: no tariff"),
            Refusal::NoVehicles => ("offline: no VIN start", "offline: use a card"),
            Refusal::NotListed => ("offline: card not listed", "offline: vehicle not listed"),
            Refusal::Blocked => ("card blocked", "vehicle not allowed"),
            Refusal::Expired => ("card expired", "vehicle not allowed"),
            Refusal::ListStale => ("offline: card list too old", "offline: VIN list too old"),
            Refusal::InUse => ("card in use", "vehicle in use elsewhere"),
            Refusal::Sessions => ("offline: too many sessions", "offline: too many sessions"),
            Refusal::Energy => ("offline: energy used up", "offline: energy used up"),
            Refusal::StationSessions => ("offline: station is full", "offline: station is full"),
        };
        if vehicle { of_vehicle } else { card }
    }
}

/// Every condition in the order in which they are looked at, and whether it holds.
pub(super) fn conditions(case: &Case<'_>) -> [(Refusal, bool); 12] {
    let (rules, entry) = (case.rules, case.entry);
    let valid_until = entry.and_then(|entry| entry.valid_until);
    [
        (Refusal::Disabled, rules.enable),
        (Refusal::ClockNotTrusted, case.clock.is_some()),
        (Refusal::NoTariff, case.tariff),
        (Refusal::NotListed, entry.is_some()),
        (Refusal::NoVehicles, entry.is_none_or(|entry| !entry.vehicle || rules.vin)),
        (Refusal::Blocked, entry.is_some_and(|entry| entry.allowed)),
        (Refusal::Expired, valid_until.is_none_or(|end| case.clock.is_some_and(|now| now < end))),
        (Refusal::ListStale, case.list_age.is_some_and(|age| age <= rules.list_max_age)),
        (Refusal::InUse, entry.is_none_or(|entry| case.open < entry.concurrent)),
        (Refusal::Sessions, case.used.0 < rules.sessions_per_card),
        (Refusal::Energy, !energy_used_up(rules, case.used.1)),
        (Refusal::StationSessions, case.station_use < rules.sessions),
    ]
}

/// Whether all conditions hold; else the first that does not.
pub(super) fn check(case: &Case<'_>) -> Result<(), Refusal> {
    let first = conditions(case).into_iter().find(|(_, holds)| !holds);
    first.map_or(Ok(()), |(refusal, _)| Err(refusal))
}

/// Whether this much is all that a credential may take offline.
pub(super) fn energy_used_up(rules: &Offline, used: Energy) -> bool {
    rules.energy_per_card > Energy::ZERO && used >= rules.energy_per_card
}

#[derive(Debug, Default)]
struct Use {
    sessions: u32,
    energy: Energy,
    /// Records not acknowledged; empty for what an earlier run left without naming them.
    records: BTreeSet<u64>,
}

/// Closed offline sessions that count against the caps: those of a credential until all its records are acknowledged.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    used: BTreeMap<Credential, Use>,
}

impl Ledger {
    pub(super) fn new(recovered: &[(Credential, u32, Energy)], records: &[KnownRecord]) -> Ledger {
        let mut used: BTreeMap<Credential, Use> = recovered
            .iter()
            .map(|(credential, sessions, energy)| {
                (credential.clone(), Use { sessions: *sessions, energy: *energy, records: BTreeSet::new() })
            })
            .collect();
        for record in records {
            if record.verdict != Some(Verdict::Taken)
                && let Some(entry) = record.offline.as_ref().and_then(|credential| used.get_mut(credential))
            {
                entry.records.insert(record.number);
            }
        }
        Ledger { used }
    }

    pub(super) fn closed(&mut self, credential: Credential, record: u64, energy: Energy) {
        let entry = self.used.entry(credential).or_default();
        entry.sessions = entry.sessions.saturating_add(1);
        entry.energy += energy;
        entry.records.insert(record);
    }

    pub(super) fn acknowledged(&mut self, record: u64) {
        self.used.retain(|_, entry| !entry.records.remove(&record) || !entry.records.is_empty());
    }

    /// Nothing at all is unacknowledged any more.
    pub(super) fn all_acknowledged(&mut self) {
        self.used.clear();
    }

    pub(super) fn of(&self, credential: &Credential) -> (u32, Energy) {
        self.used.get(credential).map_or((0, Energy::ZERO), |u| (u.sessions, u.energy))
    }

    pub(super) fn sessions(&self) -> u32 {
        self.used.values().fold(0, |sum, u| sum.saturating_add(u.sessions))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ident::CardUid;
    use crate::model::request::Feedback;
    use crate::model::words;

    fn uid(last: u8) -> CardUid {
        CardUid::new(&[4, 1, 2, last]).unwrap()
    }

    fn by_card(last: u8) -> Credential {
        Credential::Card(uid(last))
    }

    fn card() -> Card {
        Card {
            uid: uid(1),
            account: "1001".into(),
            status: CardStatus::Allowed,
            group: 0,
            max_concurrent: 1,
            valid_until: Some(Utc(2_000)),
        }
    }

    fn rules() -> Offline {
        Offline {
            enable: true,
            vin: true,
            list_max_age: Duration::from_secs(3600),
            sessions_per_card: 3,
            energy_per_card: Energy(3_000_000),
            sessions: 10,
        }
    }

    #[test]
    fn every_condition_must_hold_and_each_has_its_own_reason() {
        let (good_rules, good_card) = (rules(), Entry::card(&card()));
        let good = Case {
            rules: &good_rules,
            entry: Some(good_card),
            clock: Some(Utc(1_000)),
            list_age: Some(Duration::from_secs(3600)),
            tariff: true,
            open: 0,
            used: (2, Energy(2_999_999)),
            station_use: 9,
        };
        assert_eq!(check(&good), Ok(()));
        let off = Offline { enable: false, ..rules() };
        let cards_only = Offline { vin: false, ..rules() };
        assert_eq!(check(&Case { rules: &cards_only, ..good }), Ok(()));
        let blocked = Card { status: CardStatus::Blocked, ..card() };
        let lost = Card { status: CardStatus::Lost, ..card() };
        let table = [
            (Case { rules: &off, ..good }, Refusal::Disabled),
            (Case { clock: None, ..good }, Refusal::ClockNotTrusted),
            (Case { tariff: false, ..good }, Refusal::NoTariff),
            (Case { entry: None, ..good }, Refusal::NotListed),
            (Case { entry: Some(Entry::card(&blocked)), ..good }, Refusal::Blocked),
            (Case { entry: Some(Entry::card(&lost)), ..good }, Refusal::Blocked),
            (Case { clock: Some(Utc(2_000)), ..good }, Refusal::Expired),
            (Case { list_age: Some(Duration::from_secs(3601)), ..good }, Refusal::ListStale),
            (Case { list_age: None, ..good }, Refusal::ListStale),
            (Case { open: 1, ..good }, Refusal::InUse),
            (Case { used: (3, Energy::ZERO), ..good }, Refusal::Sessions),
            (Case { used: (0, Energy(3_000_000)), ..good }, Refusal::Energy),
            (Case { station_use: 10, ..good }, Refusal::StationSessions),
            (
                Case { rules: &cards_only, entry: Some(Entry { vehicle: true, ..good_card }), ..good },
                Refusal::NoVehicles,
            ),
        ];
        for (case, refusal) in table {
            assert_eq!(check(&case), Err(refusal));
            for text in [refusal.text(false), refusal.text(true)] {
                assert!(text.len() <= 32 && text.is_ascii());
                let shown = Feedback::Refused(text.to_owned());
                assert_ne!(words::chinese(&shown), text, "it has Chinese words");
            }
        }
    }

    #[test]
    fn zero_means_no_energy_cap() {
        let rules = Offline { energy_per_card: Energy::ZERO, ..rules() };
        assert!(!energy_used_up(&rules, Energy(i64::MAX)));
    }

    #[test]
    fn the_caps_of_a_card_restart_only_when_all_its_records_are_acknowledged() {
        let mut ledger = Ledger::default();
        ledger.closed(by_card(1), 5, Energy(10));
        ledger.closed(by_card(1), 6, Energy(20));
        ledger.closed(by_card(2), 7, Energy(1));
        ledger.acknowledged(6);
        assert_eq!(ledger.of(&by_card(1)), (2, Energy(30)));
        ledger.acknowledged(5);
        assert_eq!(ledger.of(&by_card(1)), (0, Energy::ZERO));
        assert_eq!((ledger.of(&by_card(2)), ledger.sessions()), ((1, Energy(1)), 1));
    }

    #[test]
    fn use_that_an_earlier_run_left_goes_on_counting() {
        let known = KnownRecord {
            number: 9,
            txn: Default::default(),
            connector: Default::default(),
            end_time: None,
            stop_reason: Default::default(),
            offline: Some(by_card(1)),
            verdict: None,
        };
        let mut ledger = Ledger::new(&[(by_card(1), 2, Energy(50)), (by_card(2), 1, Energy(7))], &[known]);
        assert_eq!(ledger.sessions(), 3);
        ledger.acknowledged(9);
        assert_eq!((ledger.of(&by_card(1)).0, ledger.of(&by_card(2)).0), (0, 1));
        ledger.all_acknowledged();
        assert_eq!(ledger.sessions(), 0);
    }
}
