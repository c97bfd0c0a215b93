//! The platform is away.

use crate::depot::Depot;

#[test]
fn buses_charge_while_the_platform_is_away_and_it_hears_of_each_once() {
    let mut depot = Depot::open("quiet", 11);
    let _daemon = depot.daemon();
    depot.until_online();
    assert_eq!(depot.platform.as_mut().expect("platform").ask("cut 600"), "ok");
    depot.until("the link is lost", |s| s["link"]["online"] == false);

    let txn = depot.charge(0);
    depot.finish(0, &txn);
    let record = depot.json(&["record", &txn]);
    assert_eq!(record["stored"], true, "{record}");
    assert_eq!(record["state"], "queued", "{record}");
    let unsent = depot.json(&["records", "--unsent"]);
    assert_eq!(unsent[0]["txn"], txn.as_str());
    let queue = depot.tool(&["queue"]);
    assert!(queue.out.contains(&txn) && queue.out.contains("waits for the platform"), "{queue:?}");

    assert_eq!(depot.platform.as_mut().expect("platform").ask("cut 0"), "ok");
    depot.until("the record is sent", |s| s["unsent_records"] == 0 && s["link"]["online"] == true);
    assert_eq!(depot.json(&["queue"]), serde_json::json!([]));
    depot.close();
    let ours = depot.ledger();
    assert_eq!(ours.len(), 1);
    assert_eq!(ours, depot.reconciled());
}

#[test]
fn a_depot_without_a_platform_says_so_and_goes_on() {
    let depot = Depot::alone("quiet", 12);
    let mut daemon = depot.daemon();
    assert_eq!(depot.status()["link"]["state"], "none");
    let shown = depot.tool(&["status"]);
    assert!(shown.out.contains("platform none"), "{shown:?}");
    assert!(daemon.is_running());
}

#[test]
fn a_platform_that_nobody_answers_for_is_no_reason_not_to_start() {
    let depot = Depot::open("quiet", 13);
    depot.edit("address = \"127.0.0.1:", "address = \"127.0.0.9:");
    let daemon = depot.daemon();
    let status = depot.until("a try has failed", |s| s["link"]["tries"].as_u64() > Some(0));
    assert_eq!(status["link"]["online"], false);
    let warned = daemon.err().lines().filter(|l| l.contains("WARN") && l.contains("127.0.0.9")).count();
    assert!(warned <= 2, "one warning, not one per try:\n{}", daemon.err());
}
