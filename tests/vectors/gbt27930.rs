//! GB/T 27930: messages, transport traces, and a whole recorded session.

use super::harness::{Vector, codec, difference, load, one_good, verdict};
use depotd::bms::{Config, Event, Listener, Said};
use depotd::model::stop::StopReason;
use depotd::model::time::{Instant, Now};
use depotd::wire::can::{self, Content};
use depotd::wire::codec::{Decoded, Options, decode_text};
use depotd::wire::hex;
use serde_json::{Map, Value};
use std::path::{Path, PathBuf};

fn options(vector: &Vector) -> Options {
    Options { edition: vector.text("edition").parse().ok(), ..Options::default() }
}

fn trace(vector: &Vector) -> Result<(), String> {
    let frames = vector.object["frames"].as_array().ok_or("no frames")?;
    let log: Vec<&str> = frames.iter().filter_map(Value::as_str).collect();
    let decoded = (codec("gbt27930").decode)(log.join("\n").as_bytes(), &Options::default());
    let carried: Vec<Value> = decoded
        .into_iter()
        .filter_map(|d| match d {
            Decoded::Good { object, .. } if object["transport"] == "tp" => {
                Some(serde_json::json!({ "msg": object["type"], "hex": object["hex"] }))
            }
            Decoded::Good { .. } => None,
            Decoded::Bad { error, .. } => Some(Value::String(error)),
        })
        .collect();
    let wanted = &vector.object["expect"];
    if *wanted == Value::Array(carried.clone()) {
        Ok(())
    } else {
        Err(format!("wanted {wanted}, found {carried:?}"))
    }
}

fn message(vector: &Vector) -> Result<(), String> {
    let line = format!("{}#{}", vector.text("can_id"), vector.text("hex"));
    let options = options(vector);
    let decode = |line: &str| (codec("gbt27930").decode)(line.as_bytes(), &options);
    if vector.text("kind") == "ignored" {
        let found = decode(&line);
        return if found.is_empty() { Ok(()) } else { Err(format!("not ignored: {found:?}")) };
    }
    if vector.text("validity") == "invalid" {
        return match decode(&line).as_slice() {
            [Decoded::Bad { error, .. }] if error.starts_with(vector.text("error")) => Ok(()),
            other => Err(format!("not refused: {other:?}")),
        };
    }
    let object = one_good(codec("gbt27930"), line.as_bytes(), &options)?;
    for key in ["type", "can_id", "edition", "transport"] {
        if vector.object.contains_key(key) && object.get(key) != vector.object.get(key) {
            return Err(format!("{key}: wanted {:?}, found {:?}", vector.object.get(key), object.get(key)));
        }
    }
    if let Some(difference) = difference(vector.fields(), &object["fields"]) {
        return Err(difference);
    }
    // What was printed gives the same octets; so do type and fields alone, where they determine the length too.
    let exact = vector.object.get("encode_exact") != Some(&Value::Bool(false));
    let encode =
        |object: &Map<String, Value>| (codec("gbt27930").encode)(object, &options).map(|o| hex::upper(&o));
    if exact && encode(&object)? != vector.text("hex") {
        return Err(format!("encoded {:?}", encode(&object)));
    }
    if exact && vector.text("validity") == "valid" {
        let bare = vector.object.iter().filter(|(k, _)| ["type", "fields", "edition"].contains(&k.as_str()));
        let bare = bare.map(|(k, v)| (k.clone(), v.clone())).collect();
        if encode(&bare)? != vector.text("hex") {
            return Err(format!("from fields alone {:?}", encode(&bare)));
        }
    }
    Ok(())
}

#[test]
fn every_message_and_trace_is_understood() {
    let mut wrong = Vec::new();
    let vectors = load("gbt27930");
    for vector in &vectors {
        let result = if vector.object.contains_key("frames") { trace(vector) } else { message(vector) };
        if let Err(why) = result {
            wrong.push(format!("{}: {why}", vector.name()));
        }
    }
    verdict("gbt27930", vectors.len(), &wrong);
}

/// The recorded session, where it is at hand; it is under a licence of its own and not shipped.
fn recorded(file: &str) -> Option<String> {
    let near = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/vectors");
    let folder = std::env::var_os("DEPOTD_VECTORS").map(PathBuf::from).unwrap_or(near);
    let text = std::fs::read_to_string(folder.join("captures/gbt27930-2015-session").join(file)).ok();
    if text.is_none() {
        println!("gbt27930: recorded session left out (no {file} beside the vectors)");
    }
    text
}

#[test]
fn a_recorded_session_is_understood_to_the_last_octet() {
    let (Some(log), Some(expected)) = (recorded("session.candump.log"), recorded("expected.json")) else {
        return;
    };
    let expected: Value = serde_json::from_str(&expected).expect("JSON");
    let gbt = codec("gbt27930");
    let bus = gbt.bus.expect("a bus codec")(&Options::default());
    let mut counts = Map::new();
    let mut last: Map<String, Value> = Map::new();
    for decoded in decode_text(log.as_bytes(), bus) {
        let Decoded::Good { object, .. } = decoded else { panic!("{decoded:?}") };
        let name = object["type"].as_str().expect("type").to_owned();
        let count = counts.get(&name).and_then(Value::as_u64).unwrap_or(0);
        counts.insert(name.clone(), Value::from(count + 1));
        let mut bare = object.clone();
        bare.remove("hex");
        let again = (gbt.encode)(&bare, &Options::default()).expect("encodes");
        assert_eq!(hex::upper(&again), object["hex"].as_str().expect("hex"), "{name}");
        last.insert(name, Value::Object(object));
    }
    assert_eq!(
        counts.values().filter_map(Value::as_u64).sum::<u64>(),
        expected["total_messages"].as_u64().expect("total")
    );
    assert_eq!(difference(&expected["messages"], &Value::Object(counts)), None);
    for (key, name) in
        [("brm", "BRM"), ("bcp", "BCP"), ("last_bem", "BEM"), ("last_bcs", "BCS"), ("last_ccs", "CCS")]
    {
        assert_eq!(difference(&expected[key]["decoded"], &last[name]["fields"]), None, "{name}");
        assert_eq!(last[name]["edition"], expected["edition"]);
    }
}

#[test]
fn a_listener_follows_the_recorded_session_to_its_error() {
    let (Some(log), Some(expected)) = (recorded("session.candump.log"), recorded("expected.json")) else {
        return;
    };
    let expected: Value = serde_json::from_str(&expected).expect("JSON");
    let mut listener = Listener::new(Config::default());
    let mut phases = Vec::new();
    let mut reasons = Vec::new();
    for line in log.lines() {
        let line = can::line(line).expect("a line");
        let Content::Frame(frame) = line.content else { panic!("a payload") };
        let now = Now { mono: Instant(line.time_us.expect("stamped")), ..Now::default() };
        for said in listener.handle(now, Event::Frame(&frame)) {
            match said {
                Said::Phase(phase) => phases.push(format!("{phase:?}").to_uppercase()),
                Said::Timeout(timeout) => reasons.push(timeout.reason),
                _ => {}
            }
        }
    }
    assert_eq!(phases, ["HANDSHAKE", "IDENTIFY", "CONFIG", "CHARGING", "ERROR"]);
    assert_eq!(phases.last().map(String::as_str), expected["final_state"].as_str());
    assert_eq!(reasons, [StopReason::CCS_TIMEOUT]);
    let status = listener.status();
    assert_eq!((status.vin, status.edition.to_string()), (None, "2015".to_owned()));
    assert_eq!(status.counters.messages, expected["total_messages"].as_u64().expect("total"));
}
