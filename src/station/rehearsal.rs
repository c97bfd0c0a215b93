//! What an offline start by a card or a vehicle would do now, and why: for `depotctl cards test` and `vins test`.

use super::connector::{Asker, Gun};
use super::offline::{self, Case, Entry, Refusal};
use super::{Station, clock};
use crate::model::ident::{ConnectorId, Credential};
use crate::model::record::{BillingMode, StartMode};
use crate::model::time::{Now, Utc};
use serde::Serialize;
use std::time::Duration;

/// What an offline start would do now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Rehearsal {
    /// It would begin.
    pub accepted: bool,
    /// What the person would read.
    pub says: String,
    /// Where it was tried: the first connector that bills at the pile, else the first one.
    pub connector: Option<ConnectorId>,
    /// Every condition of platform-222.md 15.5, in the order in which they are looked at.
    pub conditions: Vec<Condition>,
}

/// One condition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Condition {
    /// It holds.
    pub holds: bool,
    /// `ok`, `FAILS` for the first that does not hold, `fails` for further ones.
    pub mark: &'static str,
    /// What must be so.
    pub condition: &'static str,
    /// What is so.
    pub now: String,
}

impl Station {
    /// What an offline start by this card or vehicle would do now. Nothing is changed.
    #[must_use]
    pub fn rehearse(&self, now: Now, credential: &Credential) -> Rehearsal {
        let now = clock::believed(now, self.config.built);
        let known = |gun: &Gun| !gun.ghost;
        let bills = |gun: &Gun| known(gun) && gun.config.billing == BillingMode::Pile;
        let gun = self.guns.iter().position(bills).or(self.guns.iter().position(known));
        let Some(gun) = gun else {
            let says = "no connector is configured".to_owned();
            return Rehearsal { accepted: false, says, connector: None, conditions: Vec::new() };
        };
        let asker = match credential {
            Credential::Card(card) => Asker::card(*card),
            Credential::Vin(_) => {
                Asker { credential: credential.clone(), start_mode: StartMode::VinOffline, dual: false }
            }
            Credential::None | Credential::FleetNumber(_) | Credential::Account(_) | Credential::Plate(_) => {
                let says = "only cards and vehicles start offline".to_owned();
                return Rehearsal { accepted: false, says, connector: None, conditions: Vec::new() };
            }
        };
        let case = self.case(now, gun, &asker);
        let refusal = offline::check(&case).err();
        Rehearsal {
            accepted: refusal.is_none(),
            says: refusal.map_or("charging begins", |r| r.text(asker.is_vehicle())).to_owned(),
            connector: Some(self.guns[gun].config.id),
            conditions: conditions(&case, refusal),
        }
    }
}

fn conditions(case: &Case<'_>, first: Option<Refusal>) -> Vec<Condition> {
    let one = |(of, holds): (Refusal, bool)| {
        let mark = match holds {
            true => "ok",
            false if first == Some(of) => "FAILS",
            false => "fails",
        };
        let (condition, now) = told(case, of);
        Condition { holds, mark, condition, now }
    };
    offline::conditions(case).into_iter().map(one).collect()
}

/// What a condition asks for, and what is so.
fn told(case: &Case<'_>, of: Refusal) -> (&'static str, String) {
    let rules = case.rules;
    let yes = |holds: bool| if holds { "yes" } else { "no" }.to_owned();
    let of_entry = |text: fn(Entry) -> String| case.entry.map_or("not listed".to_owned(), text);
    match of {
        Refusal::Disabled => ("charging while offline is enabled ([offline] enable)", yes(rules.enable)),
        Refusal::ClockNotTrusted => ("the clock is trusted", yes(case.clock.is_some())),
        Refusal::NoTariff => ("a tariff is held, where the pile bills", yes(case.tariff)),
        Refusal::NotListed => ("it is on the list", yes(case.entry.is_some())),
        Refusal::NoVehicles => ("vehicles may start while offline ([offline] vin)", yes(rules.vin)),
        Refusal::Blocked => {
            ("the list allows it", of_entry(|e| if e.allowed { "allowed" } else { "not allowed" }.to_owned()))
        }
        Refusal::Expired => (
            "its entry is still valid",
            of_entry(|e| e.valid_until.map_or("without end".to_owned(), |at| format!("until {}", local(at)))),
        ),
        Refusal::ListStale => (
            "the list is fresh enough ([offline] list_max_age)",
            format!(
                "{} old, at most {}",
                case.list_age.map_or("never confirmed,".into(), hours),
                hours(rules.list_max_age)
            ),
        ),
        Refusal::InUse => ("it charges nowhere else", format!("{} open", case.open)),
        Refusal::Sessions => (
            "offline sessions not yet acknowledged are within the cap",
            format!("{} of {}", case.used.0, rules.sessions_per_card),
        ),
        Refusal::Energy => {
            ("their energy is within the cap", format!("{} of {}", case.used.1, rules.energy_per_card))
        }
        Refusal::StationSessions => (
            "offline sessions of the station are within the cap",
            format!("{} of {}", case.station_use, rules.sessions),
        ),
    }
}

fn hours(age: Duration) -> String {
    format!("{} h", age.as_secs() / 3600)
}

fn local(at: Utc) -> String {
    at.local().strftime("%Y-%m-%d %H:%M:%S").to_string()
}
