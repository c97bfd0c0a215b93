//! The JSON vocabulary: one object a line, in either direction.

use super::line::{BIT_RATES, Command, Error, Flags, Line};
use super::parser::Parser;
use crate::wire::can::{Frame, Id};
use crate::wire::codec::{Decoded, Options};
use crate::wire::{gbt27930, hex, tcu};
use serde_json::{Map, Value, json};

/// Everything that the octets of a serial line hold.
pub(super) fn decode(octets: &[u8], _: &Options) -> Vec<Decoded> {
    let mut parser = Parser::default();
    let mut all = Vec::new();
    let mut begin = 0;
    for (at, octet) in octets.iter().enumerate() {
        let refused = parser.refused();
        let Some(found) = parser.take(*octet) else { continue };
        match found {
            Ok(line) => {
                // A reply of one octet cut off what stood before it.
                if parser.refused() > refused {
                    all.push(bad(begin, Error::Truncated));
                    begin = at;
                }
                all.push(Decoded::Good { offset: begin, length: at + 1 - begin, object: object(&line) });
            }
            Err(error) => all.push(bad(begin, error)),
        }
        begin = at + 1;
    }
    if parser.is_inside() {
        all.push(bad(begin, Error::Truncated));
    }
    all
}

fn bad(offset: usize, error: Error) -> Decoded {
    Decoded::Bad { offset, error: error.to_string() }
}

fn object(line: &Line) -> Map<String, Value> {
    let fields = fields(line);
    let object = json!({ "type": fields["type"], "fields": fields });
    object.as_object().cloned().unwrap_or_default()
}

fn fields(line: &Line) -> Value {
    let text = |octets: &[u8]| String::from_utf8_lossy(octets).into_owned();
    match line {
        Line::Ok => json!({ "type": "ok" }),
        Line::Error => json!({ "type": "error" }),
        Line::Sent { extended } => json!({ "type": "tx-ok", "extended": extended }),
        Line::Version(word) => {
            json!({ "type": "version", "hardware": text(&word[..2]), "software": text(&word[2..]) })
        }
        Line::Serial(word) => json!({ "type": "serial", "serial": text(word) }),
        Line::Flags(flags) => {
            let set: Vec<&str> = flags.set().collect();
            json!({ "type": "flags", "value": format!("{:02X}", flags.0), "set": set })
        }
        Line::Frame { frame, stamp_ms } => of_frame(frame, *stamp_ms),
        Line::Command(command) => json!({ "type": "command", "meaning": meaning(*command) }),
    }
}

fn of_frame(frame: &Frame, stamp_ms: Option<u16>) -> Value {
    let mut fields = json!({
        "type": "frame",
        "extended": frame.id().is_extended(),
        "remote": frame.is_remote(),
        "can_id": frame.id().to_string(),
        "dlc": frame.dlc(),
        "data": hex::upper(frame.data()),
    });
    if let Some(stamp) = stamp_ms {
        fields["timestamp_ms"] = json!(stamp);
    }
    fields["meaning"] = json!(name(frame));
    fields
}

/// What the frame is by its identifier alone.
fn name(frame: &Frame) -> &'static str {
    let id = frame.id();
    let of_tcu = match (id.destination(), id.source()) {
        (tcu::message::TCU, _) => tcu::Kind::of(id.pf(), tcu::Side::Ccu),
        (_, tcu::message::TCU) => tcu::Kind::of(id.pf(), tcu::Side::Tcu),
        _ => None,
    };
    let of_gbt = gbt27930::Side::of(id).and_then(|side| gbt27930::Kind::of(id.pf(), side));
    match (frame.is_remote(), id.is_extended(), of_tcu, of_gbt) {
        (true, ..) => "remote frame",
        (false, false, ..) => "standard frame",
        (false, true, Some(kind), _) => kind.name(),
        (false, true, None, Some(kind)) => kind.name(),
        (false, true, None, None) => "extended frame",
    }
}

fn meaning(command: Command) -> String {
    match command {
        Command::Close => "close".to_owned(),
        Command::Open => "open".to_owned(),
        Command::OpenListenOnly => "open listen-only".to_owned(),
        Command::BitRate(rate) => format!("{} kbit/s", BIT_RATES[usize::from(rate.min(8))] / 1000),
        Command::AskVersion => "ask version".to_owned(),
        Command::AskSerial => "ask serial number".to_owned(),
        Command::AskFlags => "ask flags".to_owned(),
        Command::Timestamps(true) => "timestamps on".to_owned(),
        Command::Timestamps(false) => "timestamps off".to_owned(),
    }
}

fn commands() -> impl Iterator<Item = Command> {
    use Command::{AskFlags, AskSerial, AskVersion, BitRate, Close, Open, OpenListenOnly, Timestamps};
    let plain =
        [Close, Open, OpenListenOnly, AskVersion, AskSerial, AskFlags, Timestamps(true), Timestamps(false)];
    plain.into_iter().chain((0..9).map(BitRate))
}

/// The line that an object determines, with its end.
pub(super) fn encode(object: &Map<String, Value>, _: &Options) -> Result<Vec<u8>, String> {
    let fields = object.get("fields").and_then(Value::as_object).ok_or("fields: absent")?;
    let text = |name: &str| {
        let value = fields.get(name).or_else(|| object.get(name)).and_then(Value::as_str);
        value.ok_or_else(|| format!("{name}: a text"))
    };
    let four =
        |word: String| <[u8; 4]>::try_from(word.into_bytes()).map_err(|_| "four characters".to_owned());
    let line = match text("type")? {
        "ok" => Line::Ok,
        "error" => Line::Error,
        "tx-ok" => Line::Sent { extended: truth(fields, "extended")? },
        "version" => Line::Version(four(format!("{}{}", text("hardware")?, text("software")?))?),
        "serial" => Line::Serial(four(text("serial")?.to_owned())?),
        "flags" => match hex::parse(text("value")?).as_deref() {
            Some([octet]) => Line::Flags(Flags(*octet)),
            _ => return Err("value: two digits".to_owned()),
        },
        "frame" => read_frame(fields, text("can_id")?, text("data")?)?,
        "command" => {
            let wanted = text("meaning")?;
            let command = commands().find(|c| meaning(*c) == wanted);
            Line::Command(command.ok_or_else(|| format!("meaning: no command {wanted:?}"))?)
        }
        other => return Err(format!("type: no line {other:?}")),
    };
    let mut out = Vec::new();
    line.write(&mut out);
    Ok(out)
}

fn truth(fields: &Map<String, Value>, name: &str) -> Result<bool, String> {
    fields.get(name).and_then(Value::as_bool).ok_or_else(|| format!("{name}: true or false"))
}

fn read_frame(fields: &Map<String, Value>, can_id: &str, data: &str) -> Result<Line, String> {
    let raw = u32::from_str_radix(can_id, 16).map_err(|_| "can_id: hexadecimal digits")?;
    let id = if truth(fields, "extended")? { Id::extended(raw) } else { Id::standard(raw) };
    let id = id.ok_or("can_id: out of range")?;
    let data = hex::parse(data).ok_or("data: hexadecimal octets")?;
    let frame = if truth(fields, "remote")? {
        let dlc = fields.get("dlc").and_then(Value::as_u64).and_then(|d| u8::try_from(d).ok());
        dlc.and_then(|dlc| Frame::remote(id, dlc))
    } else {
        Frame::new(id, &data)
    };
    let stamp_ms = match fields.get("timestamp_ms") {
        None | Some(Value::Null) => None,
        Some(stamp) => {
            Some(stamp.as_u64().and_then(|s| u16::try_from(s).ok()).ok_or("timestamp_ms: up to 65535")?)
        }
    };
    Ok(Line::Frame { frame: frame.ok_or("dlc: 0 to 8 octets")?, stamp_ms })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_is_shown_and_made_again() {
        for command in commands() {
            let line = Line::Command(command);
            let mut out = Vec::new();
            line.write(&mut out);
            assert_eq!(encode(&object(&line), &Options::default()), Ok(out));
        }
    }
}
