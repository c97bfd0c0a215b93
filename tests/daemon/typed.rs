//! What is typed to the simulators, right and wrong.

use crate::depot::{DEPOTSIM, Depot};
use crate::program::Program;
use rustix::process::Signal;
use std::process::Command;

#[test]
fn the_field_answers_every_line_once() {
    let mut depot = Depot::alone("quiet", 81);
    let place = "44030000010001/1";
    for line in [
        &format!("plug {place} B7001"),
        &format!("unplug {place}"),
        "swipe reader-1 A40F2006",
        "fault meter-2 silent",
        "heal meter-2",
        "close",
    ] {
        assert_eq!(depot.field.ask(line), "ok", "{line}");
    }
    for (line, why) in [
        ("dance", "known: plug CODE/N"),
        ("plug", "known: plug CODE/N"),
        ("plug here", "\"here\" is not"),
        ("plug 44030000019999/1", "44030000019999/1"),
        ("swipe reader-9 A40F2006", "reader-9"),
        ("swipe meter-2 A40F2006", "no reader"),
        ("swipe reader-1 nothing", "\"nothing\" is not"),
        ("fault meter-2 hiccup", "known: silent"),
        ("fault meter-9 silent", "meter-9"),
        ("heal nobody", "nobody"),
    ] {
        let answer = depot.field.ask(line);
        assert!(answer.starts_with("error ") && answer.contains(why), "{line}: {answer}");
    }
    assert_eq!(depot.places().len(), 4);
    let people = std::fs::read_to_string(depot.path("people.json")).expect("people");
    assert!(people.contains("\"cards\"") && people.contains("\"vins\""), "{people}");
    assert!(depot.path("rs485-1").is_symlink());
    depot.field.say("quit");
    assert_eq!(depot.field.end(), 0, "{}", depot.field.out());
    assert!(!depot.path("rs485-1").is_symlink(), "its lines are gone");
}

#[test]
fn the_platform_answers_every_line_once() {
    let mut platform =
        Program::start(Command::new(DEPOTSIM).args(["platform", "--listen", "127.0.0.1:0", "--seed", "82"]));
    platform.line_with("ready 127.0.0.1:");
    platform.line_with("seed 82");
    for line in ["list", "list changes", "time", "recall 1 2", "fault mute 2", "cut", "cut 1", "summary"] {
        let answer = platform.ask(line);
        assert!(answer == "ok" || answer.contains("known: "), "{line}: {answer}");
    }
    for (line, why) in [
        ("dance", "known: start CODE/N"),
        ("start here", "\"here\" is not"),
        ("start 44030000010001/1 zz", "\"zz\" is not"),
        ("stop 44030000010001/1 zz", "\"zz\" is not"),
        ("recall one two", "no"),
        ("fault hiccup", "known: "),
        ("cut soon", "\"soon\" is not a whole number"),
    ] {
        let answer = platform.ask(line);
        assert!(answer.starts_with("error ") && answer.contains(why), "{line}: {answer}");
    }
    platform.say("quit");
    assert_eq!(platform.end(), 0, "{}", platform.out());
    assert!(platform.out().trim_end().ends_with("0 logins"), "{}", platform.out());
}

#[test]
fn the_end_of_standard_input_does_not_end_a_run_but_sigterm_does() {
    let mut platform = Program::start(Command::new(DEPOTSIM).args(["platform", "--listen", "127.0.0.1:0"]));
    platform.line_with("ready ");
    platform.close_stdin();
    platform.signal(Signal::HUP);
    assert!(platform.is_running());
    platform.signal(Signal::TERM);
    assert_eq!(platform.end(), 0);
    assert!(platform.out().contains("clean: 0 records"), "{}", platform.out());
}

#[test]
fn remote_starts_and_stops_reach_the_charger() {
    let mut depot = Depot::open("quiet", 83);
    let _daemon = depot.daemon();
    depot.until_online();
    let place = "44030000010002/1";
    depot.act(&format!("plug {place}"));
    depot.until("the plug is seen", |s| s["connectors"][1]["plugged"] == true);
    let platform = depot.platform.as_mut().expect("platform");
    assert_eq!(platform.ask(&format!("start {place}")), "ok");
    let txn = depot.until_state(1, "charging")["txn"].as_str().expect("txn").to_owned();
    let platform = depot.platform.as_mut().expect("platform");
    assert_eq!(platform.ask(&format!("stop {place} {txn}")), "ok");
    depot.until_record(&txn);
    depot.act(&format!("unplug {place}"));
    depot.close();
    let ours = depot.ledger();
    assert_eq!(ours.len(), 1);
    assert_eq!(ours, depot.reconciled());
}
