//! CAN buses of the daemon without a charger behind them: how they are opened, shown and looked at.

use crate::depot::Depot;
use crate::program::until;
use depotd::sim::pty::{Ear, Pty};
use rustix::process::Signal;

/// An adapter that obeys every command and says nothing of its own.
fn adapter(path: std::path::PathBuf) -> std::sync::mpsc::Receiver<String> {
    let (heard, lines) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let (mut end, mut ear) = Pty::open(&path).expect("a pseudo-terminal");
            while let Some(line) = line(&mut ear).await {
                let answer: &[u8] = if line.starts_with('F') { b"F00\r" } else { b"\r" };
                end.write(answer).await;
                if heard.send(line).is_err() {
                    return;
                }
            }
        });
    });
    lines
}

async fn line(ear: &mut Ear) -> Option<String> {
    let (mut line, mut octet) = (String::new(), [0]);
    loop {
        match ear.read(&mut octet).await.ok()? {
            0 => return None,
            _ if octet[0] == b'\r' => return Some(line),
            _ => line.push(char::from(octet[0])),
        }
    }
}

/// A depot whose fourth charger is replaced by one on CAN.
fn depot_with_can(seed: u64) -> Depot {
    let depot = Depot::alone("quiet", seed);
    let device = depot.path("can");
    let bus = format!("[[can]]\nname = \"can-1\"\ndevice = \"{}\"\n\n", device.display());
    let text = std::fs::read_to_string(depot.config()).expect("configuration");
    let (before, charger) = text.rsplit_once("[[charger]]").expect("chargers");
    let kept = charger
        .lines()
        .filter(|line| !["line =", "address =", "profile ="].iter().any(|key| line.starts_with(key)));
    let charger: Vec<String> = kept
        .map(|l| {
            if l.starts_with("driver =") {
                "driver = \"tcu\"\ncan = \"can-1\"".to_owned()
            } else {
                l.to_owned()
            }
        })
        .collect();
    std::fs::write(depot.config(), format!("{before}{bus}[[charger]]{}\n", charger.join("\n")))
        .expect("configuration");
    depot
}

#[test]
fn heartbeats_go_to_a_charger_on_can_until_the_program_is_gone() {
    let depot = depot_with_can(61);
    let heard = adapter(depot.path("can"));
    until("the adapter is there", || depot.path("can").exists());
    let mut daemon = depot.daemon();
    daemon.line_with("CAN bus can-1 open: ");
    daemon.line_with("chargers with driver = \"tcu\" stop 3 s after the last heartbeat");
    let beat = |line: &String| line.starts_with("T18408AF6") || line.starts_with("T1840F68A");
    until("a heartbeat", || heard.try_iter().any(|line| beat(&line)));
    let lines = depot.json(&["lines"]);
    let bus = lines.as_array().and_then(|l| l.iter().find(|l| l["kind"] == "can")).expect("the bus");
    assert_eq!((bus["name"].as_str(), bus["state"].as_str()), (Some("can-1"), Some("open")), "{bus}");
    assert!(bus["counters"]["sent"].as_u64().is_some_and(|sent| sent > 0), "{bus}");

    let captured = depot.tool(&["capture", "can-1", "--seconds", "2"]);
    assert_eq!(captured.code, 0, "{captured:?}");
    assert!(captured.out.lines().any(|l| l.contains(") can-1 1840") && l.ends_with(" T")), "{captured:?}");
    let file = depot.path("bus.log");
    let file = file.to_str().expect("text");
    let out = depot.tool(&["capture", "can-1", "--seconds", "2", "--out", file]);
    assert!(out.out.contains(" captured, 0 lost"), "{out:?}");
    let replayed = depot.tool(&["replay", file]);
    assert_eq!(replayed.code, 0, "{replayed:?}");
    assert!(replayed.out.lines().all(|l| l.contains("\"protocol\":\"tcu\"")), "{replayed:?}");
    depot.tool(&["capture", "can-9"]).refused(65, &["there is no line \"can-9\"", "can-1"]);

    daemon.signal(Signal::TERM);
    daemon.line_with("ending; sessions at 1 connectors are closed first");
    assert_eq!(daemon.end(), 0, "{}", daemon.err());
}

#[test]
fn an_adapter_that_is_not_there_holds_up_nobody_else() {
    let depot = depot_with_can(62);
    let daemon = depot.daemon();
    daemon.line_with("CAN bus can-1 could not be opened: ");
    let lines = depot.json(&["lines"]);
    let bus = lines.as_array().and_then(|l| l.iter().find(|l| l["kind"] == "can")).expect("the bus");
    assert_eq!(bus["state"], "closed", "{bus}");
    until("the other chargers answer", || {
        let chargers = depot.json(&["chargers"]);
        let good = chargers.as_array().into_iter().flatten().filter(|c| c["health"]["link"] == "good");
        good.count() == 3
    });
    let captured = depot.tool(&["capture", "rs485-1", "--seconds", "1"]);
    assert!(captured.out.lines().any(|l| l.contains(" rs485-1 T ")), "{captured:?}");
    assert!(captured.out.lines().any(|l| l.contains(" rs485-1 R ")), "{captured:?}");
}
