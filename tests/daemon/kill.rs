//! kill -9 at random moments of a busy depot. `KILLS=100` is the long form, `SEED=N` another run.

use crate::depot::{Depot, METER_STEP, PLACES};
use serde_json::Value;
use std::collections::BTreeSet;
use std::time::Duration;

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|n| n.parse().ok()).unwrap_or(default)
}

#[test]
fn a_daemon_that_is_killed_again_and_again_loses_no_session_and_doubles_none() {
    let (kills, seed) = (number("KILLS", 8), number("SEED", 7));
    println!("{kills} kills, seed {seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    let mut depot = Depot::open("busy", seed);
    let at_first = depot.registers();
    for kill in 0..kills {
        let daemon = depot.launch();
        // one in four while it is still starting, the others while buses charge
        let moment = if kill % 4 == 3 { random.u64(0..120) } else { random.u64(500..7_000) };
        std::thread::sleep(Duration::from_millis(moment));
        daemon.kill();
    }
    let _daemon = depot.daemon();
    depot.close();

    let verdict = depot.json(&["verify"]);
    assert_eq!(verdict["holds"], true, "{verdict}");
    assert_eq!(verdict["unacknowledged"], 0, "{verdict}");
    every_session_has_one_record(&depot);
    every_charge_is_in_a_record(&mut depot, &at_first);
    let ours = depot.ledger();
    assert!(!ours.is_empty(), "nobody charged");
    println!("{} records", ours.len());
    assert_eq!(ours, depot.reconciled());
    depot.field.say("quit");
    assert_eq!(depot.field.end(), 0, "{}", depot.field.out());
}

fn every_session_has_one_record(depot: &Depot) {
    let sessions = depot.json(&["sessions", "-n", "10000"]);
    let sessions = sessions.as_array().expect("sessions");
    let records = depot.json(&["records", "-n", "10000"]);
    let records = records.as_array().expect("records");
    let of = |rows: &[Value]| rows.iter().map(|r| r["txn"].to_string()).collect::<BTreeSet<_>>();
    assert_eq!(of(records).len(), records.len(), "a session has two records");
    assert_eq!(of(sessions).len(), sessions.len(), "a session is there twice");
    assert!(sessions.iter().all(|s| s["open"] == false), "{sessions:?}");
    assert!(of(records).is_subset(&of(sessions)), "a record without its session");
    for session in sessions.iter().filter(|s| !of(records).contains(&s["txn"].to_string())) {
        let sheet = depot.json(&["session", session["txn"].as_str().expect("txn")]);
        let steps = sheet["steps"].to_string();
        assert!(!steps.contains("charging"), "a session charged and has no record: {sheet}");
    }
}

/// The records of a place join into one chain of registers from the first to the last: nothing flowed beside them.
fn every_charge_is_in_a_record(depot: &mut Depot, at_first: &[i64]) {
    let registers = depot.registers();
    let mut records = depot.json(&["records", "-n", "10000"]);
    records.as_array_mut().expect("records").reverse();
    for (place, name) in PLACES.iter().enumerate() {
        let mut register = at_first[place];
        let mut energy = 0;
        for line in records.as_array().expect("records").iter().filter(|r| r["connector"] == *name) {
            let sheet = depot.json(&["record", line["txn"].as_str().expect("txn")]);
            let record = &sheet["record"];
            if record["start_register"].is_null() {
                assert_eq!(record["energy_total"], 0, "it ended before its first reading: {sheet}");
                continue;
            }
            let at = |key: &str| record[key].as_i64().unwrap_or_else(|| panic!("{key}: {sheet}"));
            let missed = at("start_register") - register;
            assert!(missed.abs() < METER_STEP, "{missed} flowed at {name} before {sheet}");
            assert_eq!(at("end_register") - at("start_register"), at("energy_total"), "{sheet}");
            register = at("end_register");
            energy += at("energy_total");
        }
        let flowed = registers[place] - at_first[place];
        assert!((flowed - energy).abs() < METER_STEP, "{flowed} flowed at {name}, {energy} is recorded");
    }
}
