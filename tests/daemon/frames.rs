//! `depotctl decode` and `encode`: frames in, JSON out, and back. No daemon is needed.

use crate::depot::{DEPOTCTL, call};
use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

/// A frame of each protocol from the shipped vectors: group, name, words for `decode`.
const FRAMES: [(&str, &str, &[&str]); 10] = [
    ("dlt645", "d07-11-0001ff00-345678", &["dlt645"]),
    ("modbus_rtu", "cn_pile_v2-03-req-0000", &["modbus-rtu"]),
    ("osdp", "plain-id", &["osdp"]),
    ("card_readers", "mt-3430-rep-2", &["mt62x"]),
    ("card_readers", "acg-64-78", &["uid-frame", "--profile", "hid-acg"]),
    ("gbt27930", "chm-2015", &["gbt27930"]),
    ("tcu_ccu", "start-charge", &["tcu"]),
    ("slcan", "line-0", &["slcan"]),
    ("platform222", "login", &["platform222"]),
    ("ykc16", "c-02", &["ykc16"]),
];

fn vector(group: &str, name: &str) -> Value {
    let path = format!("{}/tests/vectors/data/{group}.json", env!("CARGO_MANIFEST_DIR"));
    let file: Value = serde_json::from_str(&std::fs::read_to_string(path).expect("vectors")).expect("JSON");
    let list = file.as_array().or_else(|| file["vectors"].as_array()).expect("a list");
    list.iter().find(|v| v["name"] == name).unwrap_or_else(|| panic!("no vector {name}")).clone()
}

/// As they are typed: hex, or `ID#DATA` on a CAN bus.
fn octets(vector: &Value) -> String {
    let hex = vector["hex"].as_str().expect("hex");
    match vector["can_id"].as_str() {
        Some(id) => format!("{id}#{hex}"),
        None => hex.to_owned(),
    }
}

#[test]
fn a_frame_of_each_protocol_is_told_and_made_again() {
    for (group, name, words) in FRAMES {
        let vector = vector(group, name);
        let hex = octets(&vector);
        let hex = hex.as_str();
        let told = call(DEPOTCTL, &[&["decode"], words, &[hex]].concat(), "");
        assert_eq!((told.code, told.err.as_str()), (0, ""), "{name}: {told:?}");
        assert_eq!(told.out.lines().count(), 1, "{name}: {told:?}");
        let object: Value = serde_json::from_str(&told.out).expect("JSON");
        assert_eq!(
            (&object["ok"], &object["protocol"]),
            (&Value::Bool(true), &Value::from(words[0])),
            "{told:?}"
        );
        assert_eq!(object["type"], vector["type"], "{name}");
        let fields = vector["fields"].as_object().expect("fields");
        for key in fields.keys().filter(|k| *k != "preamble_fe") {
            assert!(object["fields"].get(key).is_some(), "{name}: no {key} in {}", told.out);
        }

        let typed = call(DEPOTCTL, &[&["decode"], words].concat(), &format!("{hex}\n\n{hex}\n"));
        assert_eq!(typed.out, told.out.repeat(2), "{name}: lines on standard input");

        let made = call(DEPOTCTL, &[&["encode"], words].concat(), &told.out);
        assert_eq!((made.code, made.err.as_str()), (0, ""), "{name}: {made:?}");
        let wanted = vector["hex"].as_str().expect("hex").to_uppercase();
        assert_eq!(made.out.trim(), wanted, "{name}");
    }
}

#[test]
fn what_is_no_frame_is_told_and_is_exit_65() {
    let broken = call(DEPOTCTL, &["decode", "modbus-rtu", "01 03 00 00 00 0D 84 00"], "");
    assert_eq!(broken.code, 65, "{broken:?}");
    assert!(broken.out.starts_with(r#"{"ok":false,"protocol":"modbus-rtu","error":""#), "{broken:?}");
    let not_hex = call(DEPOTCTL, &["decode", "dlt645", "68 1"], "");
    assert_eq!(not_hex.code, 65, "{not_hex:?}");
    assert!(not_hex.out.contains("not_hex"), "{not_hex:?}");
    let mixed = call(DEPOTCTL, &["decode", "modbus-rtu"], "zz\n01030000000D840F\n");
    assert_eq!(
        (mixed.code, mixed.out.lines().count()),
        (65, 2),
        "a bad line does not hide a good one: {mixed:?}"
    );
    call(DEPOTCTL, &["decode", "morse", "00"], "").refused(64, &["no protocol \"morse\"", "platform222"]);
    call(DEPOTCTL, &["encode", "dlt645"], "{\n").refused(65, &["line 1: "]);
    call(DEPOTCTL, &["encode", "dlt645"], "[]\n").refused(65, &["line 1: not a JSON object"]);
    call(DEPOTCTL, &["decode", "osdp", "--key-file", "/nonexistent", "FF"], "")
        .refused(74, &["/nonexistent: No such file"]);
}

#[test]
fn a_reader_that_has_seen_enough_is_no_fault() {
    let frames = "01030000000D840F\n".repeat(20_000);
    let object = call(DEPOTCTL, &["decode", "modbus-rtu", "01030000000D840F"], "").out;
    for (words, input) in [
        (&["decode", "modbus-rtu"][..], frames),
        (&["encode", "modbus-rtu"], object.repeat(20_000)),
        (&["completions", "bash"], String::new()),
    ] {
        let mut child = Command::new(DEPOTCTL)
            .args(words)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it starts");
        let mut stdin = child.stdin.take().expect("piped");
        let typing =
            std::thread::spawn(move || drop(std::io::Write::write_all(&mut stdin, input.as_bytes())));
        let mut first = String::new();
        let mut out = BufReader::with_capacity(16, child.stdout.take().expect("piped"));
        out.read_line(&mut first).expect("a line");
        drop(out);
        let ended = child.wait_with_output().expect("it is ours");
        typing.join().expect("typing");
        assert!(!first.is_empty());
        assert_eq!(String::from_utf8_lossy(&ended.stderr), "", "{words:?}");
        assert_eq!(ended.status.code(), Some(0), "{words:?}");
    }
}
