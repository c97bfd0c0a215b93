//! SIGHUP: a good file is taken over, a bad one is not, and neither disturbs who charges.

use crate::depot::Depot;
use rustix::process::Signal;

#[test]
fn only_a_good_file_is_taken_over_and_buses_go_on_charging() {
    let mut depot = Depot::open("quiet", 31);
    let mut daemon = depot.daemon();
    depot.until_online();
    let txn = depot.charge(2);

    depot.edit("sessions_per_card = 20", "sessions_per_card = twenty");
    daemon.signal(Signal::HUP);
    let why = daemon.line_with("ERROR");
    assert!(why.contains("depotd.toml:"), "{why}");
    daemon.line_with("not taken over; the station goes on as before");

    depot.edit("sessions_per_card = twenty", "sessions_per_card = 2");
    daemon.signal(Signal::HUP);
    daemon.line_with(": taken over");

    depot.edit("baud = 2400", "baud = 4800");
    daemon.signal(Signal::HUP);
    daemon.line_with("change at the next restart");
    depot.edit("baud = 4800", "baud = 2400");

    std::fs::rename(depot.config(), depot.path("away.toml")).expect("rename");
    daemon.signal(Signal::HUP);
    daemon.line_with("No such file");

    assert!(daemon.is_running());
    assert_eq!(depot.until_state(2, "charging")["txn"], txn.as_str(), "the same session");
    depot.finish(2, &txn);
}
