//! Chargers on CAN, and buses that name themselves.

use crate::depot::Depot;
use crate::program::until;

/// The first gun on CAN, and its place in the status.
const GUN: &str = "44030000020001/1";
const AT: usize = 1;

fn open(seed: u64) -> Depot {
    let mut depot = Depot::open("can", seed);
    depot.act("close");
    depot
}

fn has_lists(depot: &Depot) {
    depot.until_online();
    depot.platform.as_ref().expect("platform").line_with("VIN list 1 is in force");
}

#[test]
fn a_bus_that_names_itself_charges_and_its_record_arrives() {
    let mut depot = open(91);
    let _daemon = depot.daemon();
    has_lists(&depot);
    depot.act(&format!("plug {GUN} B8001"));
    let connector = depot.until_state(AT, "charging");
    let txn = connector["txn"].as_str().expect("a transaction").to_owned();
    depot.act(&format!("stop {GUN}"));
    let record = depot.until_record(&txn);
    assert_eq!(record["reason"], "BMS stopped, no cause given", "{record}");
    depot.act(&format!("unplug {GUN}"));
    depot.close();
    let ours = depot.ledger();
    assert_eq!(ours.len(), 1);
    assert_eq!(ours, depot.reconciled());
    depot.field.say("quit");
    assert_eq!(depot.field.end(), 0, "no controller complains: {}", depot.field.out());
}

#[test]
fn a_refused_bus_and_a_stranger_do_not_charge() {
    let mut depot = open(92);
    let _daemon = depot.daemon();
    has_lists(&depot);
    for line in [format!("plug {GUN} B8012"), format!("vin {GUN} LSTRANGERXX000001")] {
        depot.act(&line);
        let over = |text: &str| text.contains(" finished ") || text.contains(" startfailed ");
        until("the handshake is ended", || over(&depot.places()[AT].text));
        depot.act(&format!("unplug {GUN}"));
        depot.until("the plug is out", |s| s["connectors"][AT]["plugged"] == false);
    }
    assert_eq!(depot.ledger(), [] as [String; 0]);
}
