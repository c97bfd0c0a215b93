//! `systemctl stop`: sessions go on and are adopted, or are closed in order.

use crate::depot::Depot;
use crate::program::until;
use rustix::process::Signal;

#[test]
fn a_stop_that_keeps_sessions_leaves_buses_charging_and_the_next_start_adopts_them() {
    let mut depot = Depot::open("quiet", 21);
    let mut daemon = depot.daemon();
    depot.until_online();
    let txn = depot.charge(0);
    daemon.signal(Signal::TERM);
    assert_eq!(daemon.end(), 0, "{}", daemon.err());
    assert_eq!(daemon.out(), "", "nothing on standard output");
    assert!(!depot.path("control.sock").exists(), "the socket is gone");
    assert!(depot.is_charging(0), "the bus goes on");
    depot.tool(&["status"]).refused(69, &["no daemon answers", "systemctl status depotd"]);

    let _daemon = depot.daemon();
    let connector = depot.until_state(0, "charging");
    assert_eq!(connector["txn"], txn.as_str(), "the same session");
    let record = depot.finish(0, &txn);
    assert_eq!(record["number"], 1, "{record}");
    depot.close();
    let ours = depot.ledger();
    assert_eq!(ours.len(), 1);
    assert_eq!(ours, depot.reconciled());
}

#[test]
fn a_stop_that_ends_sessions_closes_each_with_its_record() {
    let mut depot = Depot::open("quiet", 22);
    depot.edit("[store]", "[station.stop]\nsessions = \"end\"\n\n[store]");
    let mut daemon = depot.daemon();
    depot.until_online();
    let txn = depot.charge(1);
    daemon.signal(Signal::TERM);
    assert_eq!(daemon.end(), 0, "{}", daemon.err());
    assert!(!depot.is_charging(1), "output is off");
    depot.act("unplug 44030000010002/1");

    let _daemon = depot.daemon();
    assert_eq!(depot.status()["open_sessions"], 0);
    let session = depot.json(&["session", &txn]);
    assert_eq!(session["open"], false, "{session}");
    assert_eq!(session["record"]["number"], 1, "{session}");
    depot.close();
    assert_eq!(depot.ledger(), depot.reconciled());
}

#[test]
fn a_second_signal_of_any_kind_does_no_harm() {
    let depot = Depot::alone("quiet", 23);
    let mut daemon = depot.daemon();
    daemon.signal(Signal::INT);
    if daemon.is_running() {
        daemon.signal(Signal::TERM);
    }
    until("it ends", || !daemon.is_running());
    assert_eq!(daemon.end(), 0, "{}", daemon.err());
}
