//! TCU and charge controller: short and long frames.

use super::harness::{Vector, codec, difference, load, one_good, verdict};
use depotd::wire::codec::{Decoded, Options};
use depotd::wire::hex;
use serde_json::Value;

fn check(vector: &Vector) -> Result<(), String> {
    let tcu = codec("tcu");
    let lines: Vec<String> = match vector.object.get("frames").and_then(Value::as_array) {
        Some(frames) => frames.iter().filter_map(|f| f.as_str().map(str::to_owned)).collect(),
        None => vec![format!("{}#{}", vector.text("can_id"), vector.text("hex"))],
    };
    let log = lines.join("\n");
    let decoded = (tcu.decode)(log.as_bytes(), &Options::default());
    if vector.text("kind") == "ignored" {
        return if decoded.is_empty() { Ok(()) } else { Err(format!("not ignored: {decoded:?}")) };
    }
    if vector.text("validity") == "invalid" {
        return match decoded.as_slice() {
            [Decoded::Bad { error, .. }] if error.starts_with(vector.text("error")) => Ok(()),
            other => Err(format!("not refused: {other:?}")),
        };
    }
    let object = one_good(tcu, log.as_bytes(), &Options::default())?;
    if object["type"] != vector.object["type"] {
        return Err(format!("type {}", object["type"]));
    }
    if let Some(difference) = difference(vector.fields(), &object["fields"]) {
        return Err(difference);
    }
    let again = (tcu.encode)(&object, &Options::default()).map(|o| hex::upper(&o));
    if again.as_deref() != Ok(vector.text("hex")) {
        return Err(format!("encoded {again:?}"));
    }
    Ok(())
}

/// A vendor's extension in octet 7 that no field carries.
const NOT_DETERMINED: &str = "start-charge";

fn from_fields(vector: &Vector) -> Result<(), String> {
    let again = (codec("tcu").encode)(&vector.object, &Options::default()).map(|o| hex::upper(&o));
    if again.as_deref() == Ok(vector.text("hex")) {
        Ok(())
    } else {
        Err(format!("from fields alone {again:?}"))
    }
}

#[test]
fn every_frame_between_tcu_and_controller_is_understood() {
    let mut wrong = Vec::new();
    let vectors = load("tcu_ccu");
    for vector in &vectors {
        if let Err(why) = check(vector) {
            wrong.push(format!("{}: {why}", vector.name()));
        }
        let meant = vector.text("validity") == "valid" && vector.text("kind") != "ignored";
        if meant
            && vector.name() != NOT_DETERMINED
            && let Err(why) = from_fields(vector)
        {
            wrong.push(format!("{}: {why}", vector.name()));
        }
    }
    verdict("tcu_ccu", vectors.len(), &wrong);
}
