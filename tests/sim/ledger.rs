//! One record against the truth (I1, I3, I4, I6): registers, energy, tiers, money.

use crate::reference::{Charge, Reference};
use depotd::model::quantity::Energy;
use depotd::model::record::{Segment, TransactionRecord, flag};
use depotd::model::tariff::Tariff;
use depotd::model::time::{Instant, Utc};

/// Resolution of a DL/T 645 register, 0.01 kWh; the Modbus meter of the first place of a group is finer.
const COARSE: i64 = 100;
const FINE: i64 = 10;
/// Power lost between the last durable state and the end: 1 kWh or 60 s at 120 kW, and what a reading takes.
const LOST: Energy = Energy(2_200_000 / 100);

/// What is wrong with a record.
pub(crate) fn judge(truth: &mut Reference, record: &TransactionRecord) -> Vec<(&'static str, String)> {
    let mut faults = Vec::new();
    arithmetic(record, &mut faults);
    let Some(known) = truth.sessions.get(&record.txn).cloned() else { return faults };
    let tariff = known.opening.tariff.clone();
    prices(record, tariff.as_ref(), &mut faults);
    let (gun, at, opened) = (known.gun, truth.at, known.opened);
    let charges: Vec<Charge> =
        truth.guns[gun].charges.iter().filter(|c| c.txn == Some(record.txn)).cloned().collect();
    let replaced = truth.guns[gun].replaced.iter().any(|when| *when >= opened && *when <= at);
    let interrupted = truth.guns[gun].interrupted.iter().any(|when| *when >= opened && *when <= at);
    let has = |bit: u16| record.flags & bit != 0;
    if has(flag::METER_CHANGED) && !replaced {
        faults.push(("I3", "a changed meter is flagged, and nobody changed it".to_owned()));
    }
    if has(flag::POWER_LOSS) && !interrupted {
        faults.push(("I3", "a power loss is flagged, and the program never ended".to_owned()));
    }
    if has(flag::INCONSISTENT) {
        faults.push(("I3", "it is flagged as inconsistent".to_owned()));
    }
    let charge = match &charges[..] {
        [] => {
            if record.energy_total != Energy::ZERO && !replaced {
                faults.push(("I1", format!("{} without any charge", record.energy_total)));
            }
            return faults;
        }
        [one] => one.clone(),
        [first, .., last] => {
            faults.push(("I1", format!("{} charges in one session", charges.len())));
            Charge { from: first.from, start: first.start, ..last.clone() }
        }
    };
    if charge.end.is_none() && !has(flag::NOT_SETTLED) {
        faults.push(("I6", "current flows and the record does not say that it is not settled".to_owned()));
    }
    if replaced {
        return faults;
    }
    let step = if truth.fine.contains(&gun) { FINE } else { COARSE };
    let quantised = |energy: Energy| Energy(energy.0 / step * step);
    let (from, to) = (quantised(charge.from), quantised(charge.to));
    let unsettled = has(flag::NOT_SETTLED) || has(flag::POWER_LOSS) || charge.end.is_none();
    if record.start_register != Some(from) {
        faults.push(("I1", format!("it begins at {:?}, the charge began at {from}", record.start_register)));
    }
    if !unsettled && record.end_register != Some(to) {
        faults.push(("I1", format!("it ends at {:?}, the charge ended at {to}", record.end_register)));
    }
    if charge.end.is_some() {
        let lost = (to - from) - record.energy_total;
        if lost < Energy::ZERO {
            faults.push(("I1", format!("{} are billed that never flowed", Energy(-lost.0))));
        }
        if lost > LOST && has(flag::POWER_LOSS) && !has(flag::NOT_SETTLED) && truth.started_trusted {
            faults.push(("I1", format!("{lost} are lost with the power")));
        }
        truth.unbilled += lost.max(Energy::ZERO);
    }
    let plain = record.flags & !(flag::STARTED_OFFLINE | flag::ENDED_OFFLINE) == 0;
    if plain && let Some(tariff) = &tariff {
        tiers(truth, gun, &charge, tariff, record, &mut faults);
    }
    faults
}

/// I3: what a record says by itself.
fn arithmetic(record: &TransactionRecord, faults: &mut Vec<(&'static str, String)>) {
    let sum = |part: fn(&Segment) -> i64| record.segments.iter().map(part).sum::<i64>();
    let mut hold = |holds: bool, fault: &str| {
        if !holds {
            faults.push(("I3", fault.to_owned()));
        }
    };
    hold(record.start_time.zip(record.end_time).is_none_or(|(a, b)| a <= b), "it ends before it begins");
    hold(sum(|s| s.energy.0) == record.energy_total.0, "its slots are not its energy");
    hold(sum(|s| s.electricity_amount.0) == record.electricity_total.0, "its electricity is not the sum");
    hold(sum(|s| s.service_amount.0) == record.service_total.0, "its service is not the sum");
    let money = |energy: i64, price: u32| (energy * i64::from(price) + 50_000) / 100_000;
    for s in &record.segments {
        hold(
            s.electricity_amount.0 == money(s.energy.0, s.electricity_price.0),
            "an amount is not rounded half up",
        );
        hold(s.service_amount.0 == money(s.energy.0, s.service_price.0), "an amount is not rounded half up");
        hold(s.energy > Energy::ZERO, "a slot without energy");
    }
    if record.flags & flag::METER_CHANGED == 0
        && let Some((from, to)) = record.start_register.zip(record.end_register)
    {
        hold(to >= from, "its register went back");
        hold(
            to - from == record.energy_total || record.flags & flag::NOT_SETTLED != 0,
            "its energy is not the difference",
        );
    }
}

/// I4: the tariff of its beginning.
fn prices(record: &TransactionRecord, tariff: Option<&Tariff>, faults: &mut Vec<(&'static str, String)>) {
    let number = tariff.map_or(0, |t| t.number);
    if record.tariff_number != number {
        faults.push(("I4", format!("tariff {}, it began with {number}", record.tariff_number)));
    }
    let known = |s: &Segment| {
        tariff.is_some_and(|t| {
            t.tiers.iter().any(|tier| {
                (tier.code, tier.electricity, tier.service) == (s.code, s.electricity_price, s.service_price)
            })
        })
    };
    if !record.segments.iter().all(known) {
        faults.push(("I4", format!("prices that tariff {number} does not have: {:?}", record.segments)));
    }
}

/// I3: energy per tier against the register at each true change of the slot.
fn tiers(
    truth: &Reference,
    gun: usize,
    charge: &Charge,
    tariff: &Tariff,
    record: &TransactionRecord,
    faults: &mut Vec<(&'static str, String)>,
) {
    let (Some(start), Some(end)) = (record.start_time, record.end_time) else { return };
    // 120 kW for as long as the clocks may differ, and for a reading at the boundary
    let slack = 120_000 * (truth.largest_clock_error_ms + 6_000) / 360_000 + COARSE;
    let during = |at: &Instant| *at > charge.start && charge.end.is_none_or(|end| *at < end);
    let marks = truth.guns[gun].marks.iter().filter(|(at, ..)| during(at));
    let mut wanted = vec![0; tariff.tiers.len()];
    let mut from = charge.from;
    let mut slot = start.slot();
    for (_, when, register) in marks {
        wanted[usize::from(tariff.slots[slot])] += (*register - from).0;
        (from, slot) = (*register, when.slot());
    }
    wanted[usize::from(tariff.slots[slot])] += (charge.to - from).0;
    let told = |tier: usize| -> i64 {
        let tier = &tariff.tiers[tier];
        let same = |s: &&Segment| s.code == tier.code && s.electricity_price == tier.electricity;
        record.segments.iter().filter(same).map(|s| s.energy.0).sum()
    };
    let near = start.next_slot().0 - start.0 < 30_000 + truth.largest_clock_error_ms;
    let wrong: Vec<String> = (0..wanted.len())
        .filter(|tier| (told(*tier) - wanted[*tier]).abs() > slack)
        .map(|tier| format!("tier {tier}: {} instead of {}", told(tier), wanted[tier]))
        .collect();
    if !wrong.is_empty() && !near && !truth.clock_was_far_off {
        faults.push(("I3", format!("from {} to {}: {}", shown(start), shown(end), wrong.join(", "))));
    }
}

fn shown(time: Utc) -> String {
    time.local().strftime("%d %H:%M:%S").to_string()
}

/// Charges that no session has, and energy between records: explained or not (I1).
pub(crate) fn orphans(truth: &Reference) -> Vec<(Instant, Energy)> {
    let charges = truth.guns.iter().flat_map(|g| &g.charges).filter(|c| c.txn.is_none());
    charges.map(|c| (c.start, c.to - c.from)).collect()
}
