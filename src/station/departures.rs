//! Departure plans (0212): when a vehicle leaves and what it needs by then.

use super::journal::{Then, Work, audit_row};
use super::{Action, Station};
use crate::model::access::Departure;
use crate::model::batch::Row;
use crate::model::command::Answer;
use crate::model::ident::Vin;
use crate::model::time::{DAY_MS, Now, Utc};
use std::collections::BTreeMap;

/// Plans at most; more are answered with [`result::STORAGE`].
const CAPACITY: usize = 20_000;

/// Results of 0212.
mod result {
    pub(super) const STORED: u8 = 0;
    pub(super) const PAST: u8 = 1;
    pub(super) const NOT_A_VIN: u8 = 2;
    pub(super) const STORAGE: u8 = 3;
}

/// The plans, one per vehicle.
#[derive(Debug, Default)]
pub(super) struct Departures {
    plans: BTreeMap<Vin, Departure>,
}

impl Departures {
    pub(super) fn new(kept: Vec<Departure>) -> Departures {
        Departures { plans: kept.into_iter().map(|plan| (plan.vin, plan)).collect() }
    }

    pub(super) fn count(&self) -> usize {
        self.plans.len()
    }

    /// Removals of plans that have been over for a day.
    fn over(&self, now: Option<Utc>) -> Vec<Departure> {
        let is_over = |plan: &&Departure| match (now, plan.depart) {
            (Some(now), Some(depart)) => depart.plus_ms(DAY_MS) < now,
            (None, _) | (_, None) => false,
        };
        self.plans.values().filter(is_over).map(|plan| Departure { depart: None, ..*plan }).collect()
    }

    /// What is to be written for these plans, or the result that refuses all of them. Without a trusted clock nobody
    /// can tell what is past.
    fn judge(&self, plans: Vec<Departure>, now: Option<Utc>) -> Result<Vec<Departure>, u8> {
        let is_past = |plan: &Departure| matches!((plan.depart, now), (Some(at), Some(now)) if at < now);
        if plans.iter().any(is_past) {
            return Err(result::PAST);
        }
        let mut changes = self.over(now);
        changes.extend(plans);
        let mut after = self.plans.len();
        for (vin, stays) in changes.iter().map(|p| (p.vin, p.depart.is_some())).collect::<BTreeMap<_, _>>() {
            let is = self.plans.contains_key(&vin);
            after = (after + usize::from(stays)).saturating_sub(usize::from(is));
        }
        if after > CAPACITY { Err(result::STORAGE) } else { Ok(changes) }
    }

    fn take(&mut self, changes: Vec<Departure>) {
        for plan in changes {
            match plan.depart {
                Some(_) => drop(self.plans.insert(plan.vin, plan)),
                None => drop(self.plans.remove(&plan.vin)),
            }
        }
    }
}

impl Station {
    /// 0212.
    pub(super) fn departure_plan(
        &mut self,
        now: Now,
        ticket: u64,
        plans: Option<Vec<Departure>>,
        out: &mut Vec<Action>,
    ) {
        let judged =
            plans.ok_or(result::NOT_A_VIN).and_then(|plans| self.departures.judge(plans, now.stamp()));
        match judged {
            Ok(changes) if changes.is_empty() => {
                self.answer(ticket, Answer::DeparturePlan(result::STORED), out);
            }
            Ok(changes) => {
                let what = format!("departure plans of {} vehicles", changes.len());
                let rows = vec![Row::Departures(changes.clone()), audit_row(now, "platform", what)];
                self.write(Work::Rows(rows), Then::Departures(ticket, changes));
            }
            Err(result) => self.answer(ticket, Answer::DeparturePlan(result), out),
        }
    }

    pub(super) fn departures_settled(
        &mut self,
        ticket: u64,
        changes: Vec<Departure>,
        done: bool,
        out: &mut Vec<Action>,
    ) {
        if done {
            self.departures.take(changes);
        }
        let result = if done { result::STORED } else { result::STORAGE };
        self.answer(ticket, Answer::DeparturePlan(result), out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: Utc = Utc(1_800_000_000_000);

    fn plan(n: usize, depart: Option<Utc>) -> Departure {
        let vin = format!("LGWEF4A5{n:09}").parse().expect("VIN");
        Departure { vin, depart, target_soc: 90, priority: 3 }
    }

    #[test]
    fn a_plan_replaces_that_of_its_own_vehicle_only_and_a_plan_without_a_time_removes_it() {
        let mut departures = Departures::new(vec![plan(1, Some(NOON)), plan(2, Some(NOON))]);
        let later = NOON.plus_ms(60_000);
        let changes = departures.judge(vec![plan(1, Some(later)), plan(2, None)], Some(NOON)).expect("taken");
        departures.take(changes);
        assert_eq!(departures.plans.values().copied().collect::<Vec<_>>(), [plan(1, Some(later))]);
    }

    #[test]
    fn one_time_in_the_past_refuses_the_whole_message() {
        let departures = Departures::default();
        let plans = vec![plan(1, Some(NOON)), plan(2, Some(NOON.plus_ms(-1)))];
        assert_eq!(departures.judge(plans.clone(), Some(NOON)), Err(result::PAST));
        assert_eq!(departures.judge(plans.clone(), None), Ok(plans), "nobody can tell what is past");
    }

    #[test]
    fn plans_that_are_long_over_make_room_and_more_than_fit_are_refused() {
        let yesterday = NOON.plus_ms(-DAY_MS - 1);
        let departures = Departures::new((0..CAPACITY).map(|n| plan(n, Some(NOON))).collect());
        assert_eq!(departures.judge(vec![plan(CAPACITY, Some(NOON))], Some(NOON)), Err(result::STORAGE));
        assert!(departures.judge(vec![plan(0, Some(NOON))], Some(NOON)).is_ok(), "one that is there already");
        let departures = Departures::new((0..CAPACITY).map(|n| plan(n, Some(yesterday))).collect());
        let changes = departures.judge(vec![plan(CAPACITY, Some(NOON))], Some(NOON)).expect("room");
        assert_eq!(changes.len(), CAPACITY + 1);
    }
}
