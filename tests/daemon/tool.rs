//! Every command of `depotctl` against a running daemon.

use crate::depot::{DEPOTCTL, DEPOTD, DEPOTSIM, Depot, PLACES, call, text};
use crate::program::{run, until};
use serde_json::Value;
use std::os::unix::process::CommandExt;
use std::process::Command;

#[test]
fn every_listing_has_a_value_in_every_column_that_can_have_one() {
    let mut depot = Depot::open("quiet", 71);
    let _daemon = depot.daemon();
    depot.until_online();
    let txn = depot.charge(0);
    depot.finish(0, &txn);
    let open = depot.charge(1);

    // command, heads that are there, columns that may be "-"
    let listings: [(&[&str], &[&str], &[&str]); 10] = [
        (&["connectors"], &["CONNECTOR", "STATE", "POWER", "ENERGY", "TXN"], &["SOC", "CARD", "TXN"]),
        (&["chargers"], &["NAME", "LINE", "ADDRESS", "LINK", "ASKED", "MEAN MS"], &[]),
        (&["meters"], &["NAME", "LINE", "ADDRESS", "LINK", "ASKED", "P99 MS"], &[]),
        (&["readers"], &["NAME", "LINE", "ADDRESS", "LINK", "ASKED", "NOISE"], &[]),
        (&["lines"], &["LINE", "STATE", "USE", "PLANNED", "ASKED", "TIMEOUTS"], &[]),
        (&["sessions"], &["TXN", "CONNECTOR", "OPEN", "PHASE", "BEGAN", "SINCE"], &[]),
        (&["records"], &["NO.", "TXN", "STATE", "ENERGY", "YUAN", "REASON"], &[]),
        (&["cards"], &["UID", "ACCOUNT", "STATUS", "AT ONCE"], &["VALID UNTIL"]),
        (&["audit"], &["AT", "WHO", "WHAT"], &[]),
        (&["sessions", "-n", "1"], &["TXN"], &[]),
    ];
    for (words, heads, may_be_absent) in listings {
        let shown = depot.tool(words);
        assert_eq!((shown.code, shown.err.as_str()), (0, ""), "{words:?}: {shown:?}");
        println!("{}\n{}", words.join(" "), shown.out);
        let table: Vec<&str> = shown.out.lines().skip_while(|l| l.contains(", count ")).collect();
        assert!(heads.iter().all(|h| table[0].contains(h)), "{words:?}: {}", table[0]);
        assert!(table.len() > 1, "{words:?}: no rows");
        let absent =
            table[1..].iter().flat_map(|row| row.split("  ")).filter(|cell| cell.trim() == "-").count();
        assert!(absent <= may_be_absent.len() * (table.len() - 1), "{words:?}: empty columns\n{}", shown.out);
        let rows = depot.json(words);
        let rows = rows.as_array().or_else(|| rows["cards"].as_array()).expect("rows").len();
        assert_eq!(rows, table.len() - 1, "{words:?}: the table and the document have the same rows");
    }
    for empty in [&["queue"][..], &["alarms"], &["records", "--unsent"]] {
        until("nothing waits, nothing is wrong", || depot.tool(empty).out == "none\n");
        assert_eq!(depot.json(empty), serde_json::json!([]));
    }

    let status = depot.tool(&["status"]).out;
    println!("{status}");
    for wanted in [
        "44030012340001",
        "Simulated depot",
        "platform online",
        "12 cards",
        "open sessions 1",
        PLACES[0],
        &open,
    ] {
        assert!(status.contains(wanted), "{wanted} in\n{status}");
    }
    let session = depot.tool(&["session", &txn]).out;
    println!("{session}");
    for wanted in ["accepted", "charging", "closed", "kWh", "yuan"] {
        assert!(session.contains(wanted), "{wanted} in\n{session}");
    }
    let record = depot.tool(&["record", &txn]).out;
    println!("{record}");
    assert!(
        record.contains("start_register") && record.contains(" kWh") && record.contains("digest"),
        "{record}"
    );
    let verdict = depot.tool(&["verify"]);
    assert!(verdict.code == 0 && verdict.out.contains("holds           yes"), "{verdict:?}");
    let config = depot.config();
    let offline =
        call(DEPOTCTL, &["verify", "--db", text(&depot.path("depotd.db")), "--config", text(&config)], "");
    assert_eq!(offline.out, verdict.out, "the file says the same as the daemon");
    let alone = call(DEPOTCTL, &["verify", "--db", text(&depot.path("depotd.db"))], "");
    assert!(alone.code == 0 && alone.out.contains("start_checked   no"), "{alone:?}");
}

#[test]
fn an_operator_starts_and_stops_and_it_is_written_down() {
    let mut depot = Depot::open("quiet", 72);
    let _daemon = depot.daemon();
    depot.until_online();
    let place = PLACES[3];
    depot.act(&format!("plug {place}"));
    depot.until("the plug is seen", |s| s["connectors"][3]["plugged"] == true);
    let started = depot.tool(&["start", place]);
    assert_eq!((started.code, started.out.as_str()), (0, "done\n"), "{started:?}");
    let txn = depot.until_state(3, "charging")["txn"].as_str().expect("txn").to_owned();
    let again = depot.tool(&["start", place]);
    assert_eq!((again.code, again.err.lines().count()), (65, 1), "twice: {again:?}");
    let stopped = depot.tool(&["--json", "stop", place]);
    assert_eq!((stopped.code, stopped.out.contains("true")), (0, true), "{stopped:?}");
    depot.until_record(&txn);
    let audit = depot.tool(&["audit"]).out;
    println!("{audit}");
    assert!(audit.contains("uid ") && audit.contains(place), "{audit}");
    let idle = depot.tool(&["stop", place]);
    assert_eq!((idle.code, idle.err.lines().count()), (65, 1), "nothing runs: {idle:?}");
    depot.act(&format!("unplug {place}"));
    depot.close();
    assert_eq!(depot.ledger(), depot.reconciled());
}

#[test]
fn a_probe_says_who_is_on_a_line_and_what_a_charger_holds() {
    let depot = Depot::alone("quiet", 74);
    let _daemon = depot.daemon();
    let lines = depot.json(&["lines"]);
    let line = lines[0]["name"].as_str().expect("a line").to_owned();
    let found = depot.tool(&["probe", "serial", &line, "--addresses", "1-6", "--protocols", "modbus,osdp"]);
    println!("{}", found.out);
    assert_eq!(found.code, 0, "{found:?}");
    assert!(found.out.contains("configured as "), "{found:?}");
    assert!(found.out.ends_with(" answered\n"), "{found:?}");
    let document = depot.json(&["probe", "serial", &line, "--addresses", "9", "--protocols", "modbus"]);
    assert_eq!(document["asked"], 1, "{document}");
    assert!(document["findings"][0]["answer"].is_null(), "{document}");

    let place = PLACES[0];
    let shown = depot.tool(&["probe", "charger", place]);
    println!("{}", shown.out);
    assert_eq!(shown.code, 0, "{shown:?}");
    for point in ["state", "voltage", "current", "soc"] {
        assert!(shown.out.lines().any(|l| l.starts_with(point)), "{point} in\n{}", shown.out);
    }
    assert!(shown.out.contains("  V") && shown.out.contains("  A"), "{}", shown.out);
    let audit = depot.tool(&["audit"]).out;
    assert!(
        audit.contains(&format!("probe of charger {place}")) && audit.contains("probe of line"),
        "{audit}"
    );

    depot.tool(&["probe", "serial", "nowhere"]).refused(65, &["there is no RS-485 line \"nowhere\""]);
    depot
        .tool(&["probe", "charger", "44030000019999/1"])
        .refused(65, &["44030000019999/1", "depotctl chargers"]);
}

#[test]
fn questions_that_have_no_answer_are_refused_in_one_line() {
    let depot = Depot::alone("quiet", 73);
    let _daemon = depot.daemon();
    depot.tool(&["session", "12"]).refused(65, &["\"12\" is no transaction number"]);
    depot.tool(&["record", &"0".repeat(31)]).refused(65, &["is no transaction number"]);
    let unknown = "ab".repeat(16);
    depot.tool(&["session", &unknown]).refused(65, &[&unknown, "`depotctl sessions` lists them"]);
    depot.tool(&["record", &unknown]).refused(65, &[&unknown, "`depotctl records` lists them"]);
    depot.tool(&["start", "here"]).refused(65, &["\"here\" is no connector"]);
    depot.tool(&["start", "44030000019999/1"]).refused(65, &["44030000019999/1"]);
    depot.tool(&["stop", "44030000019999/1"]).refused(65, &["44030000019999/1"]);
}

#[test]
fn exit_codes_say_who_is_to_blame() {
    for program in [DEPOTD, DEPOTCTL, DEPOTSIM] {
        for words in [&[][..], &["dance"], &["--frobnicate"]] {
            let ended = call(program, words, "");
            assert_eq!(ended.code, 64, "{program} {words:?}: {ended:?}");
            assert_eq!(ended.out, "", "{program} {words:?}");
        }
        for words in [["--help"], ["--version"]] {
            let ended = call(program, &words, "");
            assert_eq!((ended.code, ended.err.as_str()), (0, ""), "{program} {words:?}");
        }
    }
    call(DEPOTCTL, &["--socket", "/nonexistent.sock", "status"], "")
        .refused(69, &["/nonexistent.sock: no daemon answers"]);
    let named = run(Command::new(DEPOTCTL).arg("status").env("DEPOTD_SOCKET", "/by-the-environment"), "");
    named.refused(69, &["/by-the-environment: no daemon answers"]);
    assert_eq!(
        call(DEPOTCTL, &["verify", "--config", "/nonexistent.toml"], "").code,
        64,
        "of which file? --db is needed"
    );
    assert_eq!(call(DEPOTSIM, &["demo", "--seconds", "5"], "").code, 64);
    assert_eq!(call(DEPOTSIM, &["depot", "--dir", "/proc/none"], "").code, 74);
    call(DEPOTSIM, &["platform", "--listen", "nowhere"], "").refused(74, &["--listen nowhere"]);
    for shell in ["bash", "zsh", "fish"] {
        let ended = call(DEPOTCTL, &["completions", shell], "");
        assert!(ended.code == 0 && ended.out.contains("records"), "{shell}: {ended:?}");
    }
}

#[test]
fn who_may_not_ask_is_told_whom_to_ask() {
    if !rustix::process::getuid().is_root() {
        println!("left out: only root can become somebody else");
        return;
    }
    let depot = Depot::alone("quiet", 74);
    let _daemon = depot.daemon();
    let mut command = Command::new(DEPOTCTL);
    command.arg("--socket").arg(depot.path("control.sock")).arg("status").uid(65_534).gid(65_534);
    match command.output() {
        Ok(ended) => {
            assert_eq!(ended.status.code(), Some(77), "{ended:?}");
            assert!(String::from_utf8_lossy(&ended.stderr).contains("group depotd"), "{ended:?}");
        }
        Err(error) => println!("left out: nobody else can run the program here ({error})"),
    }
}

#[test]
fn a_record_that_was_changed_on_disk_is_found() {
    let mut depot = Depot::open("quiet", 75);
    let mut daemon = depot.daemon();
    depot.until_online();
    for _ in 0..2 {
        let txn = depot.charge(0);
        depot.finish(0, &txn);
        depot.until("the record is there", |s| s["open_sessions"] == 0);
    }
    daemon.signal(rustix::process::Signal::TERM);
    assert_eq!(daemon.end(), 0);
    let (db, config) = (depot.path("depotd.db"), depot.config());
    let words = ["verify", "--db", text(&db), "--config", text(&config), "--json"];
    let good = call(DEPOTCTL, &words, "");
    assert_eq!(good.code, 0, "{good:?}");

    let file = rusqlite::Connection::open(&db).expect("database");
    let triggers: Vec<String> = file
        .prepare("SELECT name FROM sqlite_master WHERE type = 'trigger'")
        .and_then(|mut s| s.query_map([], |r| r.get(0))?.collect())
        .expect("triggers");
    for trigger in triggers {
        file.execute_batch(&format!("DROP TRIGGER \"{trigger}\"")).expect("drop");
    }
    let body: Vec<u8> =
        file.query_row("SELECT body FROM record WHERE number = 1", [], |r| r.get(0)).expect("body");
    let mut changed = body;
    *changed.last_mut().expect("octets") ^= 1;
    file.execute("UPDATE record SET body = ?1 WHERE number = 1", [changed]).expect("update");
    drop(file);
    let bad = call(DEPOTCTL, &words, "");
    assert_eq!(bad.code, 65, "{bad:?}");
    let verdict: Value = serde_json::from_str(&bad.out).expect("JSON");
    assert_eq!(
        (&verdict["holds"], &verdict["first_bad"]["number"]),
        (&Value::Bool(false), &Value::from(1)),
        "{verdict}"
    );
}
