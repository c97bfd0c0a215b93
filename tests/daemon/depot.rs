//! A depot of processes: `depotsim depot`, `depotsim platform`, and the daemon between them.

use crate::program::{Ended, Program, run, until};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

pub(crate) const DEPOTD: &str = env!("CARGO_BIN_EXE_depotd");
pub(crate) const DEPOTCTL: &str = env!("CARGO_BIN_EXE_depotctl");
pub(crate) const DEPOTSIM: &str = env!("CARGO_BIN_EXE_depotsim");

/// Places of the simulated depot.
pub(crate) const PLACES: [&str; 4] =
    ["44030000010001/1", "44030000010002/1", "44030000010003/1", "44030000010004/1"];

/// The first free step of meters: what one reading may hide, 1e-4 kWh.
pub(crate) const METER_STEP: i64 = 100;

/// The world around a daemon.
pub(crate) struct Depot {
    pub(crate) field: Program,
    pub(crate) platform: Option<Program>,
    folder: TempDir,
}

impl Depot {
    /// With a platform.
    pub(crate) fn open(scenario: &str, seed: u64) -> Depot {
        Depot::speaking("222", &[], scenario, seed)
    }

    /// With a platform of this protocol; the words are for `depotsim depot`.
    pub(crate) fn speaking(protocol: &str, words: &[&str], scenario: &str, seed: u64) -> Depot {
        let platform = Program::start(
            Command::new(DEPOTSIM)
                .args([
                    "platform",
                    "--listen",
                    "127.0.0.1:0",
                    "--scenario",
                    scenario,
                    "--protocol",
                    protocol,
                    "--seed",
                ])
                .arg(seed.to_string()),
        );
        let address = platform.line_with("ready ").split_off("ready ".len());
        let words = [&["--protocol", protocol], words].concat();
        Depot::around(&words, scenario, seed, Some((platform, address)))
    }

    /// Without one.
    pub(crate) fn alone(scenario: &str, seed: u64) -> Depot {
        Depot::around(&[], scenario, seed, None)
    }

    fn around(words: &[&str], scenario: &str, seed: u64, platform: Option<(Program, String)>) -> Depot {
        let folder = tempfile::tempdir().expect("a folder");
        let mut command = Command::new(DEPOTSIM);
        command
            .args(["depot", "--scenario", scenario, "--seed"])
            .arg(seed.to_string())
            .arg("--dir")
            .arg(folder.path())
            .args(words);
        if let Some((_, address)) = &platform {
            command.args(["--platform", address]);
        }
        let field = Program::start(&mut command);
        let ready = field.line_with("ready ");
        assert!(ready.ends_with("/depotd.toml"), "{ready}");
        Depot { field, platform: platform.map(|(p, _)| p), folder }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn config(&self) -> PathBuf {
        self.path("depotd.toml")
    }

    /// Changes the configuration; every change must find what it changes.
    pub(crate) fn edit(&self, from: &str, to: &str) {
        let text = std::fs::read_to_string(self.config()).expect("configuration");
        assert!(text.contains(from), "{from:?} is not in\n{text}");
        std::fs::write(self.config(), text.replace(from, to)).expect("configuration");
    }

    /// `depotd run`, not yet ready.
    pub(crate) fn launch(&self) -> Program {
        Program::start(&mut self.command())
    }

    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(DEPOTD);
        command.arg("run").arg("--config").arg(self.config()).env_remove("CREDENTIALS_DIRECTORY");
        command
    }

    /// `depotd run` to its end: for those that must not start.
    pub(crate) fn refused_start(&self) -> Ended {
        run(&mut self.command(), "")
    }

    /// A daemon that answers.
    pub(crate) fn daemon(&self) -> Program {
        let mut daemon = self.launch();
        until("the daemon answers", || {
            assert!(daemon.is_running(), "{}", daemon.err());
            self.tool(&["--json", "status"]).code == 0
        });
        daemon
    }

    /// `depotctl` on the daemon of this depot.
    pub(crate) fn tool(&self, words: &[&str]) -> Ended {
        run(Command::new(DEPOTCTL).arg("--socket").arg(self.path("control.sock")).args(words), "")
    }

    /// What `depotctl --json` says.
    pub(crate) fn json(&self, words: &[&str]) -> Value {
        let ended = self.tool(&[&["--json"], words].concat());
        assert_eq!(ended.code, 0, "{words:?}: {ended:?}");
        serde_json::from_str(&ended.out).unwrap_or_else(|e| panic!("{words:?}: {e}: {}", ended.out))
    }

    pub(crate) fn status(&self) -> Value {
        self.json(&["status"])
    }

    /// Waits until the status is such.
    pub(crate) fn until(&self, what: &str, seen: impl Fn(&Value) -> bool) -> Value {
        let mut last = Value::Null;
        until(what, || {
            last = self.status();
            seen(&last)
        });
        last
    }

    pub(crate) fn until_online(&self) {
        self.until("the platform has logged the station in and sent its lists", |s| {
            s["link"]["online"] == true
                && s["card_list"]["count"].as_u64() > Some(0)
                && s["tariff"].as_u64() > Some(0)
        });
    }

    /// Waits until the connector is in this state; gives it.
    pub(crate) fn until_state(&self, place: usize, state: &str) -> Value {
        let status = self
            .until(&format!("connector {place} is {state}"), |s| s["connectors"][place]["state"] == state);
        status["connectors"][place].clone()
    }

    /// Types a line to the field that must be obeyed.
    pub(crate) fn act(&mut self, line: &str) {
        assert_eq!(self.field.ask(line), "ok", "{line}");
    }

    /// The first card of the list that may charge.
    pub(crate) fn good_card(&self) -> String {
        let text = std::fs::read_to_string(self.path("people.json")).expect("people");
        let people: Value = serde_json::from_str(&text).expect("JSON");
        let cards = people["cards"].as_array().expect("cards");
        let good = cards.iter().find(|c| c["status"] == "allowed").expect("a good card");
        good["uid"].as_str().expect("uid").to_owned()
    }

    /// A bus comes to a place, its driver swipes, and it charges. Gives the transaction number.
    pub(crate) fn charge(&mut self, place: usize) -> String {
        let card = self.good_card();
        self.act(&format!("plug {}", PLACES[place]));
        self.until("the plug is seen", |s| s["connectors"][place]["plugged"] == true);
        self.act(&format!("swipe reader-{} {card}", place + 1));
        let connector = self.until_state(place, "charging");
        connector["txn"].as_str().expect("a transaction").to_owned()
    }

    /// The driver swipes again, waits for the record and leaves.
    pub(crate) fn finish(&mut self, place: usize, txn: &str) -> Value {
        let card = self.good_card();
        self.act(&format!("swipe reader-{} {card}", place + 1));
        let record = self.until_record(txn);
        self.act(&format!("unplug {}", PLACES[place]));
        record
    }

    /// Waits for the record of a session.
    pub(crate) fn until_record(&self, txn: &str) -> Value {
        let mut record = Value::Null;
        until("the session has its record", || {
            let session = self.json(&["session", txn]);
            record = session["record"].clone();
            session["open"] == false
        });
        record
    }

    /// Registers as the meters stand, 1e-4 kWh, by place.
    pub(crate) fn registers(&mut self) -> Vec<i64> {
        self.places().iter().map(|p| p.register).collect()
    }

    pub(crate) fn is_charging(&mut self, place: usize) -> bool {
        self.places()[place].text.contains(" charging ")
    }

    pub(crate) fn places(&mut self) -> Vec<Place> {
        let state = self.field.ask("state");
        let text = state.strip_prefix("ok ").expect("a state");
        text.split("; ").map(Place::read).collect()
    }

    /// Closes the depot: nobody comes any more, all leave, all records are at the platform.
    pub(crate) fn close(&mut self) {
        self.act("close");
        until("everybody has left", || self.places().iter().all(|p| p.text.contains(" empty ")));
        self.until("nothing is open, nothing waits", |s| s["open_sessions"] == 0 && s["unsent_records"] == 0);
    }

    /// Ends the platform: every record is there once, and nothing was against the rules. Gives its ledger as
    /// `number txn energy amount`.
    pub(crate) fn reconciled(&mut self) -> Vec<String> {
        let mut platform = self.platform.take().expect("a platform");
        platform.say("quit");
        let code = platform.end();
        let out = platform.out();
        let verdict = out.lines().last().unwrap_or_default();
        assert!(code == 0 && verdict.starts_with("clean: "), "exit {code}\n{out}");
        let records = out.lines().filter(|l| l.starts_with("record ") && l.contains(" kWh "));
        records.map(|l| l.split_whitespace().skip(1).take(5).collect::<Vec<_>>().join(" ")).collect()
    }

    /// The ledger of the station in the same form, oldest first.
    pub(crate) fn ledger(&self) -> Vec<String> {
        let records = self.json(&["records", "-n", "10000"]);
        let mut rows: Vec<String> = records.as_array().expect("records").iter().map(row).collect();
        rows.reverse();
        rows
    }
}

fn row(record: &Value) -> String {
    let (energy, amount) =
        (record["energy"].as_u64().expect("energy"), record["amount"].as_u64().expect("amount"));
    format!(
        "{} {} {}.{:04} kWh {}.{:04}",
        record["number"],
        record["txn"].as_str().expect("txn"),
        energy / 10_000,
        energy % 10_000,
        amount / 10_000,
        amount % 10_000
    )
}

/// A charging place as the field tells it.
pub(crate) struct Place {
    pub(crate) text: String,
    pub(crate) register: i64,
}

impl Place {
    fn read(text: &str) -> Place {
        let number = text.split(" meter ").nth(1).and_then(|m| m.split(' ').next()).expect("a register");
        let digits: String = number.chars().filter(char::is_ascii_digit).collect();
        assert!(number.split('.').nth(1).is_some_and(|d| d.len() == 4), "{number}");
        Place { text: text.to_owned(), register: digits.parse().expect("a number") }
    }
}

/// `depotd`, `depotctl` or `depotsim` to its end.
pub(crate) fn call(program: &str, words: &[&str], input: &str) -> Ended {
    run(Command::new(program).args(words), input)
}

pub(crate) fn text(path: &Path) -> &str {
    path.to_str().expect("a path of text")
}
