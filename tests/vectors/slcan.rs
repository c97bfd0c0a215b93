//! slcan: lines of both directions, and streams of them.

use super::harness::{Vector, codec, difference, load, one_good, verdict};
use depotd::wire::codec::{Decoded, Options};
use serde_json::{Value, json};

fn stream(vector: &Vector) -> Result<(), String> {
    let found: Vec<Value> = (codec("slcan").decode)(&vector.octets(), &Options::default())
        .into_iter()
        .filter_map(|d| match d {
            Decoded::Good { object, .. } if object["type"] == "frame" => {
                let fields = &object["fields"];
                let text = |key: &str| fields[key].as_str().unwrap_or_default().to_owned();
                Some(json!(format!("{}#{}", text("can_id"), text("data"))))
            }
            Decoded::Good { object, .. } => Some(object["type"].clone()),
            Decoded::Bad { .. } => None,
        })
        .collect();
    let wanted = &vector.object["expect"];
    if *wanted == Value::Array(found.clone()) {
        Ok(())
    } else {
        Err(format!("wanted {wanted}, found {found:?}"))
    }
}

fn line(vector: &Vector) -> Result<(), String> {
    let slcan = codec("slcan");
    let octets = vector.octets();
    if vector.text("validity") == "invalid" {
        return match (slcan.decode)(&octets, &Options::default()).as_slice() {
            [Decoded::Bad { error, .. }] if error.starts_with(vector.text("error")) => Ok(()),
            other => Err(format!("not refused: {other:?}")),
        };
    }
    let object = one_good(slcan, &octets, &Options::default())?;
    if let Some(difference) = difference(vector.fields(), &object["fields"]) {
        return Err(difference);
    }
    for object in [&object, &vector.object] {
        let again = (slcan.encode)(object, &Options::default())?;
        if again != octets {
            return Err(format!("encoded {:?}", String::from_utf8_lossy(&again)));
        }
    }
    Ok(())
}

#[test]
fn every_line_is_understood() {
    let mut wrong = Vec::new();
    let vectors = load("slcan");
    for vector in &vectors {
        let result = if vector.text("kind") == "stream" { stream(vector) } else { line(vector) };
        if let Err(why) = result {
            wrong.push(format!("{}: {why}", vector.name()));
        }
    }
    verdict("slcan", vectors.len(), &wrong);
}
