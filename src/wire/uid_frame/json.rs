//! Frames as JSON, both ways, with the names that the profile gives their parts.

use super::{Endian, Length, Meaning, Part, Profile};
use crate::wire::Cut;
use crate::wire::codec::{Decoded, Options};
use crate::wire::hex;
use crate::wire::sweep::{agrees, sweep};
use serde_json::{Map, Value, json};

pub(super) fn decode(octets: &[u8], options: &Options) -> Vec<Decoded> {
    match profile(options) {
        Ok(profile) => sweep(octets, |octets| profile.look(octets), |frame| object(&profile, frame)),
        Err(error) => vec![Decoded::Bad { offset: 0, error }],
    }
}

fn profile(options: &Options) -> Result<Profile, String> {
    let named = options.profile.as_deref().unwrap_or_default();
    Profile::load(named).map_err(|problems| {
        let problems: Vec<String> = problems.iter().map(ToString::to_string).collect();
        format!("unknown_type: {}", problems.join("; "))
    })
}

fn object(profile: &Profile, frame: &[u8]) -> Map<String, Value> {
    let mut object = Map::new();
    object.insert("type".to_owned(), json!(profile.name));
    object.insert("fields".to_owned(), Value::Object(fields(profile, frame)));
    object
}

/// The parts of the frame, the UID, and why there is none.
fn fields(profile: &Profile, frame: &[u8]) -> Map<String, Value> {
    let mut fields = Map::new();
    fields.insert("family".to_owned(), json!(profile.name));
    for (name, part) in &profile.parts {
        let octets = profile.range(part.offset, part.len, frame.len()).and_then(|at| frame.get(at));
        fields.insert(name.clone(), octets.map_or(Value::Null, |octets| shown(*part, octets)));
    }
    let (uid, reason) = match profile.meaning(frame) {
        Meaning::Card(uid) => (json!(hex::upper(&uid)), None),
        Meaning::Absent => (Value::Null, Some("no card")),
        Meaning::Other => (Value::Null, Some("the frame is not what match describes")),
        Meaning::Unreadable(why) => (Value::Null, Some(why)),
    };
    fields.insert("uid".to_owned(), uid);
    fields.extend(reason.map(|why| ("reason".to_owned(), json!(why))));
    fields
}

/// Characters where the part has nothing but printable ones.
fn shown(part: Part, octets: &[u8]) -> Value {
    if part.text && octets.iter().all(|o| is_printable(*o)) {
        json!(octets.iter().copied().map(char::from).collect::<String>())
    } else {
        json!(hex::upper(octets))
    }
}

fn is_printable(octet: u8) -> bool {
    octet.is_ascii_graphic() || octet == b' '
}

pub(super) fn encode(object: &Map<String, Value>, options: &Options) -> Result<Vec<u8>, String> {
    let profile = profile(options)?;
    let wanted = object.get("fields").and_then(Value::as_object).unwrap_or(object);
    let parts = parts(&profile, wanted)?;
    let frame = assemble(&profile, &parts)?;
    match profile.cut_at_rest(&frame) {
        Cut::Frame(length) if length == frame.len() => {}
        Cut::More | Cut::Noise(_) | Cut::Frame(_) => {
            return Err("the fields make no frame of this profile".to_owned());
        }
    }
    agrees(wanted, &fields(&profile, &frame))?;
    Ok(frame)
}

/// The given parts with their octets.
fn parts(profile: &Profile, wanted: &Map<String, Value>) -> Result<Vec<(Part, Vec<u8>)>, String> {
    let mut parts = Vec::new();
    for (name, part) in &profile.parts {
        let Some(value) = wanted.get(name) else { continue };
        let text = value.as_str().ok_or_else(|| format!("{name} {value} is no text"))?;
        let octets = match part.text {
            true if text.bytes().all(is_printable) => Some(text.as_bytes().to_vec()),
            true => None,
            false => hex::parse(text),
        };
        let octets = octets.ok_or_else(|| format!("{name} {value} cannot be written"))?;
        if part.len.is_some_and(|len| len != octets.len()) {
            return Err(format!("{name} has {} octets", octets.len()));
        }
        parts.push((*part, octets));
    }
    Ok(parts)
}

/// Start, parts, length, end, checksum and tail, each at its place; every octet must be covered.
fn assemble(profile: &Profile, parts: &[(Part, Vec<u8>)]) -> Result<Vec<u8>, String> {
    let layout = &profile.layout;
    let to_the_end = parts.iter().find(|(part, _)| part.len.is_none());
    let known = to_the_end.or_else(|| parts.iter().max_by_key(|(part, octets)| part.offset + octets.len()));
    let data_end = known.map_or(0, |(part, octets)| part.offset + octets.len());
    let total = match layout.length {
        Length::Fixed(total) => total,
        Length::Field { .. } | Length::Until | Length::Idle(_) => {
            (data_end + layout.behind_data()).max(layout.shortest())
        }
    };
    if total > super::profile::LONGEST {
        return Err(format!("{total} octets are more than a frame has"));
    }
    let mut frame: Vec<Option<u8>> = vec![None; total];
    put(&mut frame, 0, &layout.start);
    for (part, octets) in parts {
        put(&mut frame, part.offset, octets);
    }
    if let Length::Field { offset, size, endian, adds } = layout.length {
        let value =
            total.checked_sub(adds).and_then(|n| u16::try_from(n).ok()).ok_or("the length does not fit")?;
        let octets = match endian {
            Endian::Big => value.to_be_bytes()[2 - size..].to_vec(),
            Endian::Little => value.to_le_bytes()[..size].to_vec(),
        };
        put(&mut frame, offset, &octets);
    }
    let check_at = layout.check_at(total);
    put(&mut frame, check_at - layout.end.len(), &layout.end);
    put(&mut frame, total - layout.tail.len(), &layout.tail);
    if let Some(check) = layout.check {
        let place = check_at..check_at + check.size();
        let given: Vec<u8> = frame[place.clone()].iter().copied().flatten().collect();
        put(&mut frame, check_at, &vec![0; check.size()]);
        let octets: Vec<u8> = frame.iter().map(|o| o.unwrap_or(0)).collect();
        let computed = layout.computed(&check, &octets).ok_or("the checksum cannot be computed")?;
        // digits of a part keep their letter case
        let same = check.ascii_hex && given.eq_ignore_ascii_case(&computed);
        put(&mut frame, check_at, if same { &given } else { &computed });
    }
    let open = frame.iter().position(Option::is_none);
    open.map_or_else(
        || Ok(frame.into_iter().flatten().collect()),
        |at| Err(format!("octet {at} is not given")),
    )
}

fn put(frame: &mut [Option<u8>], at: usize, octets: &[u8]) {
    for (place, octet) in frame.iter_mut().skip(at).zip(octets) {
        *place = Some(*octet);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(profile: &str, fields: Value) -> Result<String, String> {
        let Value::Object(object) = fields else { panic!("an object") };
        let options = Options { profile: Some(profile.to_owned()), ..Options::default() };
        encode(&object, &options).map(|o| hex::upper(&o))
    }

    #[test]
    fn a_frame_is_made_from_its_parts_and_contradictions_are_refused() {
        let acg = json!({"id": "01", "data": "7304A23B9C", "uid": "04a23b9c"});
        assert_eq!(run("hid-acg", acg).as_deref(), Ok("0201057304A23B9C7603"));
        assert!(run("hid-acg", json!({"id": "01", "data": "73", "uid": "01020304"})).is_err());
        assert!(run("hid-acg", json!({"data": "7304A23B9C"})).unwrap_err().contains("octet 1"));
        assert!(run("hid-acg", json!({"id": "0102", "data": "73"})).unwrap_err().contains("octets"));
        assert!(run("serial-text", json!({"text": "0100C3A25F3E"})).is_err(), "its check is 3F");
    }

    #[test]
    fn digits_keep_their_letter_case() {
        let options = Options { profile: Some("serial-text".to_owned()), ..Options::default() };
        let octets = b"\x020100c3a25f3f\r\n\x03";
        let [Decoded::Good { object, .. }] = &decode(octets, &options)[..] else { panic!("one frame") };
        assert_eq!(object["fields"]["uid"], "0100C3A25F");
        assert_eq!(encode(object, &options).as_deref(), Ok(&octets[..]));
    }

    #[test]
    fn a_frame_without_a_uid_says_why() {
        let reason = |profile: &str, frame: &str| {
            let options = Options { profile: Some(profile.to_owned()), ..Options::default() };
            match &decode(&hex::parse(frame).expect("hex"), &options)[..] {
                [Decoded::Good { object, .. }] => object["fields"]["reason"].as_str().map(str::to_owned),
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(reason("mt625-uid", "02000334314E0349").as_deref(), Some("no card"));
        assert!(reason("hid-acg", "026401781D03").is_some_and(|why| why.contains("match")));
        assert_eq!(reason("mt625-uid", "02000734315910A8DBFA03C3"), None);
    }
}
