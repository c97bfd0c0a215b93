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
        put(&mut frame, check_at, &vec![0; check.size()]);
        let octets: Vec<u8> = frame.iter().map(|o| o.unwrap_or(0)).collect();
        let computed = layout.computed(&check, &octets).ok_or("the checksum cannot be computed")?;
        put(&mut frame, check_at, &computed);
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
