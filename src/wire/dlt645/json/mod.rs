//! The vocabulary in which people and tests see frames: field names and values of the vector format.

mod compare;
mod content;
mod decimal;
mod show;
mod take;

use super::frame::{self, Error, Frame};
use crate::wire::codec::{Codec, Decoded, Options};
use serde_json::{Map, Value};

/// The protocol as people see it.
pub const CODEC: Codec = Codec { name: "dlt645", decode, encode, bus: None };

type Fields = Map<String, Value>;

/// Good frames, and refused ones: both start marks in place, the whole length there, and not a frame.
fn decode(octets: &[u8], _: &Options) -> Vec<Decoded> {
    let mut found = Vec::new();
    let mut at = 0;
    while at < octets.len() {
        let rest = &octets[at..];
        match frame::check(rest) {
            Ok(length) => {
                found.extend(good(octets, at, length));
                at += length;
            }
            Err(error @ (Error::Checksum { .. } | Error::End(_))) => {
                let claimed = refused_length(rest);
                if (at + 1..at + claimed).any(|inner| frame::check(&octets[inner..]).is_ok()) {
                    at += 1;
                } else {
                    found.push(Decoded::Bad { offset: at, error: error.to_string() });
                    at += claimed;
                }
            }
            Err(
                Error::Truncated(_)
                | Error::Short { .. }
                | Error::Start
                | Error::Length(_)
                | Error::LeftOver(_),
            ) => at += 1,
        }
    }
    if found.is_empty() && !octets.is_empty() {
        found.push(diagnosis(octets));
    }
    found
}

fn good(octets: &[u8], at: usize, length: usize) -> Option<Decoded> {
    let frame = Frame::parse(&octets[at..at + length]).ok()?;
    let wake_up = octets[..at].iter().rev().take_while(|o| **o == 0xFE).count();
    Some(Decoded::Good { offset: at, length, object: show::object(&frame, wake_up) })
}

/// Length of a whole candidate: its length octet is there, for it was refused later than that.
fn refused_length(candidate: &[u8]) -> usize {
    candidate.get(9).map_or(1, |length| frame::OVERHEAD + usize::from(*length))
}

/// Why there is nothing: the candidate that came furthest tells.
fn diagnosis(octets: &[u8]) -> Decoded {
    let candidates = octets.iter().enumerate().filter(|(_, octet)| **octet == 0x68);
    let refusals =
        candidates.filter_map(|(at, _)| frame::check(&octets[at..]).err().map(|error| (at, error)));
    let worst = (0, Error::Start);
    let (offset, error) = refusals
        .fold(worst, |best, next| if promise(octets, next) > promise(octets, best) { next } else { best });
    Decoded::Bad { offset, error: error.to_string() }
}

fn promise(octets: &[u8], (at, error): (usize, Error)) -> u8 {
    let both_marks = octets.get(at + 7) == Some(&0x68);
    match error {
        Error::Checksum { .. } | Error::End(_) | Error::LeftOver(_) => 4,
        Error::Length(_) => 3,
        Error::Short { .. } => 3,
        Error::Truncated(_) if both_marks => 2,
        Error::Truncated(_) => 1,
        Error::Start => 0,
    }
}

/// The frame that an object determines: its `data`, or without it what the fields say. Whatever the object says
/// beside that must be what the frame says.
fn encode(object: &Fields, _: &Options) -> Result<Vec<u8>, String> {
    let fields = object.get("fields").and_then(Value::as_object).unwrap_or(object);
    let (frame, preamble) = take::frame(fields)?;
    let shown = show::object(&frame, preamble);
    let shown = shown.get("fields").and_then(Value::as_object).ok_or("no fields")?;
    match compare::contradiction(fields, shown) {
        Some(key) => Err(format!("{key} contradicts the frame that the other fields make")),
        None => Ok(frame.encode(preamble)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::hex;
    use serde_json::json;

    fn encoded(fields: Value) -> Result<String, String> {
        encode(fields.as_object().unwrap(), &Options::default()).map(|o| hex::upper(&o))
    }

    fn decoded(text: &str) -> Vec<Decoded> {
        decode(&hex::parse(text).unwrap(), &Options::default())
    }

    #[test]
    fn a_frame_is_made_from_what_it_says() {
        let question = json!({"address": "000012345678", "control": "11", "di": "00010000"});
        assert_eq!(encoded(question).unwrap(), "6878563412000068110433333433C616");
        let answer = json!({"fields": {"address": "000012345678", "control": "91", "di": "02030000", "value": 0.2512}});
        assert_eq!(encoded(answer).unwrap(), "68785634120000689107333336354558331D16");
    }

    #[test]
    fn fields_that_contradict_each_other_make_no_frame() {
        let lie =
            json!({"address": "000012345678", "control": "91", "data": "000001002600000000", "value": 0.27});
        assert!(encoded(lie).is_err());
        let lie =
            json!({"address": "000012345678", "control": "91", "data": "0000010026000000", "value": 0.27});
        assert!(encoded(lie).unwrap_err().starts_with("value contradicts"));
        let fine =
            json!({"address": "000012345678", "control": "91", "data": "0000010026000000", "value": 0.260});
        assert_eq!(encoded(fine).unwrap(), "6878563412000068910833333433593333333C16");
        let unfit = json!({"address": "000012345678", "control": "91", "di": "00010000", "value": 0.005});
        assert!(encoded(unfit).is_err());
    }

    #[test]
    fn a_refused_frame_between_good_ones_is_told() {
        let good = "6878563412000068110433333433C616";
        let bad = "6878563412000068110433333433C716";
        let all = decoded(&format!("{good}00{bad}FEFE{good}"));
        let kinds: Vec<_> = all.iter().map(|d| matches!(d, Decoded::Good { .. })).collect();
        assert_eq!(kinds, [true, false, true]);
        let Decoded::Good { offset, object, .. } = &all[2] else { panic!() };
        assert_eq!((*offset, &object["fields"]["preamble_fe"]), (35, &json!(2)));
    }

    #[test]
    fn octets_without_any_frame_are_one_refusal_with_the_best_reason() {
        for (octets, reason) in [
            ("00112233", "start"),
            ("68", "truncated"),
            ("FEFE687856341200006891", "truncated"),
            ("FEFE6878563412000068910833", "length"),
            ("6878563412000069110433333433C616", "start"),
            ("687856341200006811C933333433C616", "length"),
            ("6878563412000068110433333433C617", "end"),
            ("6878563412000068110433333433C716", "checksum"),
        ] {
            let all = decoded(octets);
            assert!(
                matches!(&all[..], [Decoded::Bad { error, .. }] if error.starts_with(reason)),
                "{octets}: {all:?}"
            );
        }
        assert_eq!(decoded(""), []);
    }
}
