//! Frames as JSON, both ways, with the names of the vector files.

use super::command::{cpu_octet, cpu_state};
use super::frame::{self, Frame, LONGEST};
use super::{Command, Status};
use crate::wire::codec::{Decoded, Options};
use crate::wire::hex;
use crate::wire::sweep::{agrees, sweep};
use serde_json::{Map, Value, json};

const FAMILY: &str = "mt625";
/// Octets of a block of an M1 card.
const BLOCK: usize = 16;

pub(super) fn decode(octets: &[u8], _: &Options) -> Vec<Decoded> {
    sweep(octets, frame::look, |octets| Frame::parse(octets).map(|f| object(&f)).unwrap_or_default())
}

fn object(frame: &Frame<'_>) -> Map<String, Value> {
    let (_, short) = frame.command.names();
    let way = if frame.command.is_answer(frame.data) { "response" } else { "request" };
    let mut object = Map::new();
    object.insert("type".to_owned(), json!(format!("{short}-{way}")));
    object.insert("fields".to_owned(), Value::Object(fields(frame)));
    object
}

fn fields(frame: &Frame<'_>) -> Map<String, Value> {
    let mut fields = Shown(Map::new());
    fields.text("family", FAMILY);
    fields.hex("command", &frame.command.0);
    fields.text("name", frame.command.names().0);
    fields.hex("data", frame.data);
    if frame.command.is_answer(frame.data) {
        answer(frame, &mut fields);
    } else {
        question(frame, &mut fields);
    }
    fields.0
}

fn question(frame: &Frame<'_>, fields: &mut Shown) {
    match (frame.command, frame.data) {
        (Command::LOGIN, [sector, key @ ..]) => {
            fields.number("sector", *sector);
            fields.hex("key", key);
        }
        (Command::READ | Command::WRITE, [sector, block, content @ ..]) => {
            fields.number("sector", *sector);
            fields.number("block", *block);
            if !content.is_empty() {
                fields.hex("block_data", content);
            }
        }
        (_, _) => {}
    }
}

fn answer(frame: &Frame<'_>, fields: &mut Shown) {
    match (frame.command, frame.data) {
        (Command::LOGIN, [sector, status, ..]) => {
            fields.number("sector", *sector);
            fields.status(*status);
        }
        (Command::READ | Command::WRITE, [sector, block, status, content @ ..]) => {
            fields.number("sector", *sector);
            fields.number("block", *block);
            fields.status(*status);
            if !content.is_empty() {
                fields.hex("block_data", content);
            }
            if (*sector, *block) == (0, 0) {
                maker_block(content, fields);
            }
        }
        (Command([Command::CPU, _]), [state, ..]) => {
            fields.text("state", cpu_state(*state).unwrap_or("unknown"));
        }
        (command, [status, rest @ ..]) => {
            fields.status(*status);
            if command == Command::SERIAL && Status::of(*status).is_good() && !rest.is_empty() {
                fields.hex("uid", rest);
            }
        }
        (_, []) => {}
    }
}

/// The first block of a card with a UID of four octets: UID, its exclusive or, SAK, ATQA with its low octet first.
fn maker_block(content: &[u8], fields: &mut Shown) {
    let [a, b, c, d, check, sak, low, high, ..] = content else { return };
    if content.len() == BLOCK && a ^ b ^ c ^ d == *check {
        fields.hex("uid", &content[..4]);
        fields.hex("uid_check", &[*check]);
        fields.hex("sak", &[*sak]);
        fields.hex("atqa", &[*high, *low]);
    }
}

/// Fields on their way to people.
struct Shown(Map<String, Value>);

impl Shown {
    fn text(&mut self, key: &str, text: &str) {
        self.0.insert(key.to_owned(), json!(text));
    }

    fn hex(&mut self, key: &str, octets: &[u8]) {
        self.text(key, &hex::upper(octets));
    }

    fn number(&mut self, key: &str, number: u8) {
        self.0.insert(key.to_owned(), json!(number));
    }

    fn status(&mut self, octet: u8) {
        match Status::of(octet) {
            Status::Yes | Status::Passed | Status::No => self.text("status", &char::from(octet).to_string()),
            Status::Other(octet) => self.hex("status", &[octet]),
        }
    }
}

pub(super) fn encode(object: &Map<String, Value>, _: &Options) -> Result<Vec<u8>, String> {
    let wanted = object.get("fields").and_then(Value::as_object).unwrap_or(object);
    let command = octets(wanted, "command")?.ok_or("no command")?;
    let command = Command(command.try_into().map_err(|_| "command is not of two octets")?);
    let data = match octets(wanted, "data")? {
        Some(data) => data,
        None => meaning(command, wanted)?,
    };
    if data.len() > LONGEST - 2 {
        return Err(format!("data: more than {} octets", LONGEST - 2));
    }
    let frame = Frame { command, data: &data };
    agrees(wanted, &fields(&frame))?;
    Ok(frame.encode())
}

/// The data from what they mean, in the order in which every command has them.
fn meaning(command: Command, wanted: &Map<String, Value>) -> Result<Vec<u8>, String> {
    let mut data = Vec::new();
    for key in ["sector", "block"] {
        data.extend(number(wanted, key)?);
    }
    data.extend(status(wanted)?);
    if let Some(word) = wanted.get("state") {
        let octet = word.as_str().and_then(cpu_octet).ok_or_else(|| format!("state {word} is not known"))?;
        data.push(octet);
    }
    for key in ["key", "block_data"] {
        data.extend(octets(wanted, key)?.unwrap_or_default());
    }
    if command == Command::SERIAL {
        data.extend(octets(wanted, "uid")?.unwrap_or_default());
    }
    Ok(data)
}

fn octets(wanted: &Map<String, Value>, key: &str) -> Result<Option<Vec<u8>>, String> {
    let Some(value) = wanted.get(key) else { return Ok(None) };
    let octets = value.as_str().and_then(hex::parse);
    octets.map(Some).ok_or_else(|| format!("{key} {value} is not hexadecimal"))
}

fn number(wanted: &Map<String, Value>, key: &str) -> Result<Option<u8>, String> {
    let Some(value) = wanted.get(key) else { return Ok(None) };
    let number = value.as_u64().and_then(|n| u8::try_from(n).ok());
    number.map(Some).ok_or_else(|| format!("{key} {value} is not 0 to 255"))
}

fn status(wanted: &Map<String, Value>) -> Result<Option<u8>, String> {
    let Some(value) = wanted.get("status") else { return Ok(None) };
    let octet = match value.as_str() {
        Some("Y") => Some(Status::Yes.octet()),
        Some("P") => Some(Status::Passed.octet()),
        Some("N") => Some(Status::No.octet()),
        Some(other) => hex::parse(other).and_then(|o| <[u8; 1]>::try_from(o).ok()).map(|[o]| o),
        None => None,
    };
    octet.map(Some).ok_or_else(|| format!("status {value} is not Y, P, N or an octet"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(fields: Value) -> Result<String, String> {
        let Value::Object(object) = fields else { panic!("an object") };
        encode(&object, &Options::default()).map(|o| hex::upper(&o))
    }

    #[test]
    fn a_frame_is_determined_by_its_meaning_and_contradictions_are_refused() {
        let serial = json!({"command": "3431", "status": "Y", "uid": "10a8dbfa"});
        assert_eq!(encoded(serial).as_deref(), Ok("02000734315910A8DBFA03C3"));
        let login = json!({"command": "3432", "sector": 1, "key": "A0A1A2A3A4A5"});
        assert_eq!(encoded(login).as_deref(), Ok("020009343201A0A1A2A3A4A5030E"));
        let read = json!({"command": "3433", "sector": 0, "block": 0});
        assert_eq!(encoded(read).as_deref(), Ok("020004343300000302"));
        let torn = json!({"command": "3431", "data": "5910A8DBFA", "uid": "10A8DBFB"});
        assert!(encoded(torn).unwrap_err().starts_with("uid"));
        assert!(encoded(json!({"command": "34"})).is_err());
        assert!(encoded(json!({"data": ""})).is_err());
    }
}
