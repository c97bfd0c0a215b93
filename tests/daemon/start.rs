//! What a start needs, what it can do without, and how it says no.

use crate::depot::{Depot, text};
use crate::program::{PATIENCE, Program, until};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixDatagram;

fn chmod(path: &std::path::Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).expect("chmod");
}

#[test]
fn the_service_manager_hears_that_the_station_is_ready_before_devices_are_reached() {
    let depot = Depot::alone("quiet", 41);
    let notify = UnixDatagram::bind(depot.path("notify.sock")).expect("a socket");
    notify.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    let began = crate::program::now();
    let daemon = Program::start(depot.command().env("NOTIFY_SOCKET", depot.path("notify.sock")));
    let mut message = [0; 1024];
    let length = notify.recv(&mut message).expect("a message");
    let took = began.elapsed();
    let said = String::from_utf8_lossy(&message[..length]).into_owned();
    assert!(said.contains("READY=1") && said.contains("STATUS=Simulated depot: 4 connectors"), "{said}");
    println!("READY=1 after {} ms", took.as_millis());
    assert!(took.as_secs() < 5, "{took:?}");
    daemon.signal(rustix::process::Signal::TERM);
    let stopping = |message: &[u8]| message.starts_with(b"STOPPING=1");
    while !stopping(&message) {
        notify.recv(&mut message).expect("a message that it stops");
    }
}

#[test]
fn a_second_daemon_is_refused_by_the_database_and_by_the_socket() {
    let depot = Depot::alone("quiet", 42);
    let mut daemon = depot.daemon();
    let second = depot.refused_start();
    second.refused(74, &["control.sock: another depotd answers there", "stop it first"]);
    depot.edit("control.sock", "other.sock");
    let third = depot.refused_start();
    third.refused(74, &["depotd.db: another depotd uses this file", "stop it first"]);
    depot.edit("other.sock", "control.sock");
    assert!(daemon.is_running());
    assert_eq!(depot.status()["open_sessions"], 0, "the first one still answers");
}

#[test]
fn a_secret_that_is_missing_or_read_by_others_ends_the_start() {
    let depot = Depot::open("quiet", 43);
    let key = depot.path("platform.key");
    chmod(&key, 0o644);
    depot.refused_start().refused(78, &["platform.key: others can read it (mode 0644); chmod 0600"]);
    chmod(&key, 0o600);
    std::fs::write(&key, "\n").expect("write");
    depot.refused_start().refused(78, &["platform.key: is empty"]);
    std::fs::remove_file(&key).expect("remove");
    depot.refused_start().refused(78, &["platform.key: No such file"]);
    let named = format!("secret = {{ file = {:?} }}", key.canonicalize().unwrap_or(key));
    depot.edit(&named, "secret = { credential = \"platform-secret\" }");
    depot.refused_start().refused(78, &["CREDENTIALS_DIRECTORY is not set", "use { file = "]);

    let folder = depot.path("credentials");
    std::fs::create_dir(&folder).expect("folder");
    std::fs::write(folder.join("depotd_platform-secret"), "simulated-secret\n").expect("write");
    let _daemon = Program::start(depot.command().env("CREDENTIALS_DIRECTORY", &folder));
    until("it logs in with the credential", || {
        let status = depot.tool(&["status"]);
        status.code == 0 && status.out.contains("platform online")
    });
}

#[test]
fn a_reader_key_that_is_none_is_named() {
    let depot = Depot::alone("quiet", 44);
    std::fs::write(depot.path("reader-2.key"), "0011\n").expect("write");
    depot.refused_start().refused(78, &["key of reader reader-2:"]);
}

#[test]
fn a_line_that_is_not_there_is_an_alarm_and_no_reason_not_to_start() {
    let depot = Depot::alone("quiet", 45);
    depot.edit(
        &format!("device = \"{}/rs485-2\"", text(&depot.path("").canonicalize().expect("path"))),
        "device = \"/dev/no-such-line\"",
    );
    let daemon = depot.daemon();
    daemon.line_with("/dev/no-such-line");
    let status = depot.until("every device of the line has its alarm", |s| {
        s["alarms"].as_array().is_some_and(|a| a.len() >= 3)
    });
    let subjects: Vec<&str> =
        status["alarms"].as_array().expect("alarms").iter().filter_map(|a| a["subject"].as_str()).collect();
    println!("{subjects:?}");
    let lines = depot.json(&["lines"]);
    assert_eq!([&lines[0]["state"], &lines[1]["state"], &lines[2]["state"]], ["open", "closed", "open"]);
    depot.until("the other chargers work", |s| {
        s["connectors"][0]["meter"] == "good" && s["connectors"][1]["charger"] == "good"
    });
    let warned = daemon.err().lines().filter(|l| l.contains("no-such-line")).count();
    assert!(warned <= 2, "one warning, not one per try:\n{}", daemon.err());
}

#[test]
fn places_that_cannot_be_written_are_named() {
    let depot = Depot::alone("quiet", 46);
    let folder = depot.path("").canonicalize().expect("path");
    depot.edit(&format!("{}/depotd.db", text(&folder)), "/nonexistent/depotd.db");
    depot.refused_start().refused(74, &["/nonexistent/depotd.db: cannot be opened", "directory exists"]);
    depot.edit("/nonexistent/depotd.db", &format!("{}/depotd.db", text(&folder)));
    depot.edit(&format!("{}/control.sock", text(&folder)), "/nonexistent/control.sock");
    depot.refused_start().refused(74, &["/nonexistent/control.sock: ", "does its directory exist?"]);
}

#[test]
fn a_file_that_is_no_database_of_ours_is_left_alone() {
    let depot = Depot::alone("quiet", 47);
    std::fs::write(depot.path("depotd.db"), "this is a letter, not a database\n".repeat(64)).expect("write");
    let ended = depot.refused_start();
    ended.refused(74, &["depotd.db: "]);
    assert!(std::fs::read_to_string(depot.path("depotd.db")).expect("read").starts_with("this is a letter"));
}

#[test]
fn the_daemon_of_a_small_depot_is_small() {
    let mut depot = Depot::open("quiet", 48);
    let daemon = depot.daemon();
    depot.until_online();
    let txn = depot.charge(0);
    depot.finish(0, &txn);
    let peak = daemon.memory_kb("VmHWM");
    println!("peak {peak} kB");
    assert!(peak < 16 * 1024, "{peak} kB");
}
