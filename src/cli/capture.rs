//! `depotctl capture` and `depotctl replay`: what passes on a line or bus into a file, and out of it again.

use super::decode;
use super::{Exit, Failure};
use crate::wire::can;
use crate::wire::codec::{Bus, Codec, Decoded, Options};
use crate::wire::hex;
use clap::Args;
use serde_json::{Map, Value, json};
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

/// `capture LINE`
#[derive(Args, Debug)]
pub(super) struct Capture {
    /// RS-485 line or CAN bus
    pub(super) line: String,
    /// For so long
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub(super) seconds: u64,
    /// Into this file [default: standard output]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

impl Capture {
    /// Where the lines go.
    pub(super) fn sink(&self) -> Result<Box<dyn Write>, Failure> {
        match &self.out {
            None => Ok(Box::new(io::stdout())),
            Some(path) => match File::create(path) {
                Ok(file) => Ok(Box::new(BufWriter::new(file))),
                Err(error) => Err(Failure::new(Exit::Io, format_args!("{}: {error}", path.display()))),
            },
        }
    }

    /// What is said at the end; a capture on standard output says nothing more there.
    pub(super) fn summary(&self, data: &Value) -> String {
        match &self.out {
            Some(path) => {
                format!("{}: {} captured, {} lost\n", path.display(), data["captured"], data["lost"])
            }
            None => String::new(),
        }
    }
}

/// `replay FILE`
#[derive(Args, Debug)]
pub(super) struct Replay {
    /// A capture of this tool, or of candump
    file: PathBuf,
    /// Protocol, as of decode [default: those of the bus that find something]
    #[arg(long, value_name = "PROTOCOL")]
    protocol: Option<String>,
}

/// Runs the command. Exit 65 when anything was refused.
pub(super) fn replay(command: &Replay) -> Result<(), Failure> {
    let codec = command.protocol.as_deref().map(decode::find).transpose()?;
    let text = read(&command.file)?;
    let mut good = true;
    for object in decoded(&text, codec) {
        good &= object["ok"] == Value::Bool(true);
        super::print(format_args!("{object}\n"))?;
    }
    if good { Ok(()) } else { Err(Failure::silent(Exit::Data)) }
}

fn read(path: &Path) -> Result<String, Failure> {
    let failed = |e: io::Error| Failure::new(Exit::Io, format_args!("{}: {e}", path.display()));
    std::fs::read(path).map(|octets| String::from_utf8_lossy(&octets).into_owned()).map_err(failed)
}

/// What each of these protocols finds is shown, where none was asked for.
const ON_CAN: [&str; 2] = ["tcu", "gbt27930"];
/// The first of these that can read everything of one side's turn is shown, where none was asked for.
const ON_LINES: [&str; 4] = ["dlt645", "osdp", "modbus-rtu", "mt62x"];

/// Everything in a capture, in its order.
fn decoded(text: &str, codec: Option<&'static Codec>) -> Vec<Value> {
    let lines = || text.lines().filter(|l| !l.trim().is_empty() && !l.starts_with('#'));
    if lines().next().is_some_and(|line| line.contains('#')) {
        let codecs = codec.map_or_else(|| known(&ON_CAN), |codec| vec![codec]);
        return of_bus(lines(), &codecs);
    }
    let codecs = codec.map_or_else(|| known(&ON_LINES), |codec| vec![codec]);
    turns(lines()).iter().flat_map(|turn| of_turn(turn, &codecs)).collect()
}

fn known(names: &[&str]) -> Vec<&'static Codec> {
    names.iter().filter_map(|name| crate::wire::codec::by_name(name)).collect()
}

fn of_bus<'a>(lines: impl Iterator<Item = &'a str>, codecs: &[&'static Codec]) -> Vec<Value> {
    let open = |codec: &&'static Codec| Some((*codec, codec.bus?(&Options::default())));
    let mut buses: Vec<(&Codec, Box<dyn Bus>)> = codecs.iter().filter_map(open).collect();
    let mut found = Vec::new();
    for (at, line) in lines.enumerate() {
        let time = can::line(line).ok().and_then(|l| l.time_us);
        for (order, (codec, bus)) in buses.iter_mut().enumerate() {
            // a line that is none is refused by all of them, and shown once
            let all = bus.line(at, line).into_iter();
            let all = all.filter(|d| order == 0 || matches!(d, Decoded::Good { .. }));
            found.extend(all.map(|decoded| shown(codec, time, None, decoded)));
        }
    }
    found.extend(buses.iter_mut().flat_map(|(codec, bus)| {
        let rest: Vec<Value> = bus.end().into_iter().map(|d| shown(codec, None, None, d)).collect();
        rest
    }));
    found
}

/// What one side said until the other one did.
struct Turn {
    time_us: Option<u64>,
    sent: bool,
    octets: Vec<u8>,
    /// Lines that are none.
    bad: Option<String>,
}

fn turns<'a>(lines: impl Iterator<Item = &'a str>) -> Vec<Turn> {
    let mut turns: Vec<Turn> = Vec::new();
    for line in lines {
        match (piece(line), turns.last_mut()) {
            (Some((_, sent, octets)), Some(turn)) if turn.sent == sent && turn.bad.is_none() => {
                turn.octets.extend(octets);
            }
            (Some((time_us, sent, octets)), _) => {
                turns.push(Turn { time_us: Some(time_us), sent, octets, bad: None });
            }
            (None, _) => {
                let bad = format!("truncated: {:?} is no line of a capture", line.escape_debug().to_string());
                turns.push(Turn { time_us: None, sent: false, octets: Vec::new(), bad: Some(bad) });
            }
        }
    }
    turns
}

/// `(TIME) NAME R|T HEX`
fn piece(line: &str) -> Option<(u64, bool, Vec<u8>)> {
    let mut words = line.split_ascii_whitespace();
    let (seconds, part) = words.next()?.strip_prefix('(')?.strip_suffix(')')?.split_once('.')?;
    let part: u64 = part.parse().ok().filter(|_| part.len() == 6)?;
    let time_us = seconds.parse::<u64>().ok()?.checked_mul(1_000_000)?.checked_add(part)?;
    let sent = match words.nth(1)? {
        "T" => true,
        "R" => false,
        _ => return None,
    };
    let octets = hex::parse(words.next()?)?;
    words.next().is_none().then_some((time_us, sent, octets))
}

fn of_turn(turn: &Turn, codecs: &[&'static Codec]) -> Vec<Value> {
    if let Some(bad) = &turn.bad {
        let bad = Decoded::Bad { offset: 0, error: bad.clone() };
        return codecs.first().map(|codec| shown(codec, None, None, bad)).into_iter().collect();
    }
    let options = Options { response: !turn.sent, ..Options::default() };
    let read = |codec: &&'static Codec| (*codec, (codec.decode)(&turn.octets, &options));
    let all_good = |(_, found): &(&Codec, Vec<Decoded>)| {
        !found.is_empty() && found.iter().all(|d| matches!(d, Decoded::Good { .. }))
    };
    let best = codecs.iter().map(read).find(all_good).or_else(|| codecs.first().map(read));
    let (codec, found) = best.into_iter().next().map_or((None, Vec::new()), |(c, f)| (Some(c), f));
    let one = |decoded| codec.map(|codec| shown(codec, turn.time_us, Some(turn.sent), decoded));
    found.into_iter().filter_map(one).collect()
}

fn shown(codec: &Codec, time_us: Option<u64>, sent: Option<bool>, decoded: Decoded) -> Value {
    let mut shown = Map::new();
    shown.insert("ok".to_owned(), json!(matches!(decoded, Decoded::Good { .. })));
    if let Some(time) = time_us {
        shown.insert("time".to_owned(), json!(format!("{}.{:06}", time / 1_000_000, time % 1_000_000)));
    }
    if let Some(sent) = sent {
        shown.insert("sent".to_owned(), json!(sent));
    }
    shown.insert("protocol".to_owned(), json!(codec.name));
    match decoded {
        Decoded::Good { object, .. } => shown.extend(object),
        Decoded::Bad { offset, error } => {
            shown.insert("error".to_owned(), json!(error));
            shown.insert("offset".to_owned(), json!(offset));
        }
    }
    Value::Object(shown)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_capture_of_a_bus_shows_what_each_protocol_finds_with_its_time() {
        let text = "(1.000250) can-1 1840F68A#0001000000000000 T\n# 3 lost\n(2.000000) can-1 182756F4#8E17 R\n(3.000000) can-1 0070F4B5#0000B5 R\n";
        let found = decoded(text, None);
        let seen: Vec<_> = found.iter().map(|o| (&o["ok"], &o["protocol"], &o["time"])).collect();
        let line = |protocol: &str, time: &str| (json!(true), json!(protocol), json!(time));
        let wanted = [line("tcu", "1.000250"), line("gbt27930", "2.000000")];
        assert_eq!(seen, wanted.iter().map(|(a, b, c)| (a, b, c)).collect::<Vec<_>>());
    }

    #[test]
    fn a_question_and_its_answer_in_pieces_are_two_turns() {
        let text = "(5.000000) rs485-1 T 010300000001840A\n(5.020000) rs485-1 R 010302\n(5.021000) rs485-1 R 00017984\n";
        let found = decoded(text, None);
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(
            found.iter().all(|o| o["ok"] == json!(true) && o["protocol"] == json!("modbus-rtu")),
            "{found:?}"
        );
        assert_eq!([&found[0]["sent"], &found[1]["sent"]], [&json!(true), &json!(false)]);
    }

    #[test]
    fn what_is_no_capture_is_refused_line_by_line() {
        let found = decoded("hello\n(1.5) rs485-1 R 00\n", None);
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found.iter().all(|o| o["ok"] == json!(false)), "{found:?}");
    }
}
