//! `depotd check`: every problem in one run, with its line and its key.

use crate::depot::{DEPOTCTL, DEPOTD, Depot, call, text};

const TEN_MISTAKES: &str = r#"[station]
code = "4403"
nmae = "Futian depot"

[uplink]
protocol = "222"
address = "platform.example"
reconnect_max = "1h"

[web]
listen = "0.0.0.0:8722"

[[line]]
name = "rs485-1"
device = "/dev/ttyS1"
baud = "fast"
parity = "mark"

[[meter]]
name = "Meter 1"
line = "rs485-9"
protocol = "dlt645-2007"
address = "12"

[[charger]]
code = "44030000010001"
driver = "modbus"
line = "rs485-1"
address = 1
profile = "cn-pile-v2"
rated_kw = 120.0

[[charger.connector]]
number = 1
meter = "Meter 1"
reader = "reader-1"
"#;

#[test]
fn ten_mistakes_are_ten_lines_in_one_run() {
    let folder = tempfile::tempdir().expect("folder");
    let file = folder.path().join("depotd.toml");
    std::fs::write(&file, TEN_MISTAKES).expect("write");
    let file = text(&file);
    let wanted = [
        (2, "station.code"),
        (3, "station.nmae"),
        (7, "uplink.address"),
        (8, "uplink.reconnect_max"),
        (11, "web.listen"),
        (16, "line[1].baud"),
        (17, "line[1].parity"),
        (20, "meter[1].name"),
        (21, "meter[1].line"),
        (23, "meter[1].address"),
        (36, "charger[1].connector[1].reader"),
    ];
    for (program, words) in [(DEPOTD, ["check"]), (DEPOTCTL, ["check"]), (DEPOTD, ["run"])] {
        let ended = call(program, &[words[0], "--config", file], "");
        assert_eq!(ended.code, 78, "{ended:?}");
        assert_eq!(ended.out, "");
        println!("{}", ended.err);
        let found: Vec<(usize, String)> = ended.err.lines().map(|l| place(l, file)).collect();
        let wanted: Vec<(usize, String)> = wanted.iter().map(|(l, k)| (*l, (*k).to_owned())).collect();
        assert_eq!(found, wanted, "{}", ended.err);
    }
}

/// `FILE:LINE: KEY: what is wrong; what is allowed`
fn place(line: &str, file: &str) -> (usize, String) {
    let rest = line.strip_prefix(file).and_then(|r| r.strip_prefix(':')).unwrap_or_else(|| panic!("{line}"));
    let mut parts = rest.splitn(3, ": ");
    let number =
        parts.next().and_then(|n| n.parse().ok()).unwrap_or_else(|| panic!("no line number: {line}"));
    let key = parts.next().expect("a key").to_owned();
    let (what, allowed) =
        parts.next().and_then(|w| w.split_once("; ")).unwrap_or_else(|| panic!("nothing is allowed: {line}"));
    assert!(!what.is_empty() && !allowed.is_empty(), "{line}");
    (number, key)
}

#[test]
fn a_good_file_is_ok() {
    let depot = Depot::open("quiet", 51);
    for program in [DEPOTD, DEPOTCTL] {
        let file = depot.config();
        let ended = call(program, &["check", "--config", text(&file)], "");
        assert_eq!(
            (ended.code, ended.out.as_str()),
            (0, format!("{}: ok\n", file.display()).as_str()),
            "{ended:?}"
        );
        assert_eq!(ended.err, "");
    }
}

#[test]
fn a_file_that_is_not_there_or_not_toml_is_said() {
    for words in [["check", "--config", "/nonexistent.toml"], ["run", "--config", "/nonexistent.toml"]] {
        call(DEPOTD, &words, "").refused(78, &["/nonexistent.toml: No such file", "--config FILE"]);
    }
    let folder = tempfile::tempdir().expect("folder");
    let file = folder.path().join("depotd.toml");
    std::fs::write(&file, "[station\ncode = \"44030012340001\"\n").expect("write");
    let ended = call(DEPOTD, &["check", "--config", text(&file)], "");
    assert_eq!(ended.code, 78, "{ended:?}");
    assert!(ended.err.starts_with(&format!("{}:1: ", file.display())), "{ended:?}");
    std::fs::write(&file, [0xFF, 0xFE, 0x00]).expect("write");
    call(DEPOTD, &["check", "--config", text(&file)], "").refused(78, &["depotd.toml: "]);
}
