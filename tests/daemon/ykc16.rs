//! The whole of it against a commercial platform: YKC V1.6.

use crate::depot::{Depot, PLACES};

/// By card, by the platform, and by card while the platform is away: every session is one record there.
fn every_session_is_one_record(words: &[&str], seed: u64) {
    let mut depot = Depot::speaking("ykc16", words, "quiet", seed);
    let _daemon = depot.daemon();
    depot.until_online();

    let by_card = depot.charge(0);
    assert!(by_card.starts_with("4403000001000101"), "the platform made the number by its rule: {by_card}");
    depot.finish(0, &by_card);

    depot.act(&format!("plug {}", PLACES[1]));
    depot.until("the plug is seen", |s| s["connectors"][1]["plugged"] == true);
    let start = format!("start {}", PLACES[1]);
    assert_eq!(depot.platform.as_mut().expect("platform").ask(&start), "ok");
    let remote = depot.until_state(1, "charging")["txn"].as_str().expect("a transaction").to_owned();
    let stop = format!("stop {}", PLACES[1]);
    assert_eq!(depot.platform.as_mut().expect("platform").ask(&stop), "ok");
    let record = depot.until_record(&remote);
    assert_eq!(record["reason"], "remote stop", "{record}");
    depot.act(&format!("unplug {}", PLACES[1]));
    depot.until("both records are there", |s| s["unsent_records"] == 0);

    assert_eq!(depot.platform.as_mut().expect("platform").ask("cut 600"), "ok");
    depot.until("the link is lost", |s| s["link"]["online"] == false);
    let offline = depot.charge(2);
    depot.finish(2, &offline);
    let unsent = depot.json(&["records", "--unsent"]);
    assert_eq!(unsent[0]["txn"], offline.as_str(), "{unsent}");
    assert_eq!(depot.platform.as_mut().expect("platform").ask("cut 0"), "ok");
    depot.until("the record is sent", |s| s["unsent_records"] == 0 && s["link"]["online"] == true);

    depot.close();
    assert_eq!(depot.json(&["verify"])["holds"], true);
    let ours = depot.ledger();
    assert_eq!(ours.len(), 3);
    assert_eq!(ours, depot.reconciled());
}

#[test]
fn a_depot_on_one_connection_of_ykc_is_billed_for_every_session_once() {
    every_session_is_one_record(&[], 61);
}

#[test]
fn a_depot_with_a_connection_per_pile_is_billed_for_every_session_once() {
    every_session_is_one_record(&["--connection-per-pile"], 62);
}

#[test]
fn records_that_wait_when_the_platform_changes_are_told_to_the_new_one() {
    let mut depot = Depot::speaking("ykc16", &[], "quiet", 63);
    let daemon = depot.daemon();
    depot.until_online();
    assert_eq!(depot.platform.as_mut().expect("platform").ask("cut 600"), "ok");
    depot.until("the link is lost", |s| s["link"]["online"] == false);
    drop(daemon);
    depot.edit("protocol = \"ykc16\"", "protocol = \"222\"");
    let daemon = depot.daemon();
    let txn = depot.charge(0);
    depot.finish(0, &txn);
    drop(daemon);
    depot.edit("protocol = \"222\"", "protocol = \"ykc16\"");
    let _daemon = depot.daemon();
    assert_eq!(depot.platform.as_mut().expect("platform").ask("cut 0"), "ok");
    depot.until("the record is sent", |s| s["unsent_records"] == 0 && s["link"]["online"] == true);
    depot.close();
    let ours = depot.ledger();
    assert_eq!(ours.len(), 1);
    assert_eq!(ours, depot.reconciled());
}
