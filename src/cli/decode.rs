//! `depotctl decode`: frames in, JSON out. Needs no daemon.

use super::lens::Lens;
use super::{Exit, Failure};
use crate::wire::codec::{self, Codec, Decoded, Options};
use crate::wire::gbt27930::Edition;
use crate::wire::hex;
use clap::Args;
use serde_json::{Map, Value, json};
use std::io::BufRead;
use std::path::{Path, PathBuf};

/// `decode PROTOCOL [HEX…]`
#[derive(Args, Debug)]
pub(super) struct Decode {
    /// dlt645, modbus-rtu, osdp, mt62x, uid-frame, platform222, ykc16, gbt27930, tcu or slcan
    protocol: String,
    /// Octets in hex; each argument is a stream of its own. Without any, lines of standard input. gbt27930 and tcu
    /// take candump lines or ID#DATA, all of one bus
    hex: Vec<String>,
    /// gbt27930: edition, 2011 or 2015 [default: what BRM says, else 2015]
    #[arg(long)]
    edition: Option<Edition>,
    /// modbus-rtu: the frames are responses
    #[arg(long)]
    response: bool,
    /// platform222: checksum variant [default: ibm3740]
    #[arg(long, value_name = "VARIANT")]
    crc: Option<String>,
    /// platform222: byte order of the checksum
    #[arg(long, value_name = "ORDER", value_parser = ["be", "le"], default_value = "be")]
    crc_order: String,
    /// osdp: file with the base key (32 hex digits), to open a secure channel whose handshake is among the frames
    #[arg(long, value_name = "FILE")]
    key_file: Option<PathBuf>,
    /// osdp: session keys and last MACs as JSON, to open single secure frames
    #[arg(long, value_name = "FILE")]
    context: Option<PathBuf>,
    /// modbus-rtu, dlt645, uid-frame: a built-in profile, or a file with one
    #[arg(long, value_name = "NAME")]
    profile: Option<String>,
    /// modbus-rtu: first register of the question that a response answers [default: by the profile]
    #[arg(long, value_name = "N")]
    start: Option<u16>,
}

pub(super) fn find(protocol: &str) -> Result<&'static Codec, Failure> {
    codec::by_name(protocol).ok_or_else(|| {
        let known = codec::CODECS.iter().map(|c| c.name).collect::<Vec<_>>().join(", ");
        Failure::new(Exit::Usage, format_args!("no protocol {protocol:?}; known: {known}"))
    })
}

/// Runs the command. Exit 65 when any octets were refused.
pub(super) fn run(command: &Decode) -> Result<(), Failure> {
    let codec = find(&command.protocol)?;
    let options = options(command)?;
    let lens = Lens::new(codec.name, options.profile.as_deref(), command.start)?;
    let mut bus = codec.bus.map(|open| open(&options));
    let mut good = true;
    for (at, line) in lines(command).enumerate() {
        let line = line?;
        if line.trim().is_empty() {
            continue;
        }
        good &= match &mut bus {
            Some(bus) => print_all(codec, bus.line(at, &line))?,
            None => one(codec, &line, &options, &lens)?,
        };
    }
    if let Some(mut bus) = bus {
        good &= print_all(codec, bus.end())?;
    }
    if good { Ok(()) } else { Err(Failure::silent(Exit::Data)) }
}

/// The arguments, or without any the lines of standard input.
fn lines(command: &Decode) -> Box<dyn Iterator<Item = Result<String, Failure>> + '_> {
    if !command.hex.is_empty() {
        return Box::new(command.hex.iter().cloned().map(Ok));
    }
    let broken = |e| Failure::new(Exit::Io, format_args!("standard input: {e}"));
    Box::new(std::io::stdin().lock().lines().map(move |line| line.map_err(broken)))
}

fn one(codec: &Codec, text: &str, options: &Options, lens: &Lens) -> Result<bool, Failure> {
    let Some(octets) = hex::parse(text) else {
        return print(
            codec,
            Decoded::Bad { offset: 0, error: "not_hex: not an even number of hex digits".to_owned() },
        );
    };
    let mut all = (codec.decode)(&octets, options);
    for decoded in &mut all {
        if let Decoded::Good { object, .. } = decoded {
            lens.look(object);
        }
    }
    print_all(codec, all)
}

fn print_all(codec: &Codec, all: Vec<Decoded>) -> Result<bool, Failure> {
    let mut good = true;
    for decoded in all {
        good &= print(codec, decoded)?;
    }
    Ok(good)
}

fn print(codec: &Codec, decoded: Decoded) -> Result<bool, Failure> {
    let (good, object) = match decoded {
        Decoded::Good { object, .. } => {
            let mut shown = Map::new();
            shown.insert("ok".to_owned(), Value::Bool(true));
            shown.insert("protocol".to_owned(), json!(codec.name));
            shown.extend(object);
            (true, shown)
        }
        Decoded::Bad { offset, error } => {
            let mut shown = Map::new();
            shown.insert("ok".to_owned(), Value::Bool(false));
            shown.insert("protocol".to_owned(), json!(codec.name));
            shown.insert("error".to_owned(), json!(error));
            shown.insert("offset".to_owned(), json!(offset));
            (false, shown)
        }
    };
    super::print(format_args!("{}\n", Value::Object(object)))?;
    Ok(good)
}

fn options(command: &Decode) -> Result<Options, Failure> {
    let key = match &command.key_file {
        Some(path) => Some(key(path)?),
        None => None,
    };
    let context = match &command.context {
        Some(path) => {
            let text = read(path)?;
            Some(
                serde_json::from_str(&text)
                    .map_err(|e| Failure::new(Exit::Data, format_args!("{}: {e}", path.display())))?,
            )
        }
        None => None,
    };
    Ok(Options {
        response: command.response,
        crc: command.crc.clone(),
        crc_little_endian: command.crc_order == "le",
        key,
        context,
        profile: command.profile.as_deref().map(profile).transpose()?,
        edition: command.edition,
    })
}

/// The name as it is, or the text of the file of this name (which then has more than one line).
pub(super) fn profile(named: &str) -> Result<String, Failure> {
    let path = Path::new(named);
    if path.is_file() { Ok(read(path)? + "\n") } else { Ok(named.to_owned()) }
}

fn key(path: &Path) -> Result<[u8; 16], Failure> {
    let text = read(path)?;
    let octets = hex::parse(text.trim()).and_then(|o| <[u8; 16]>::try_from(o).ok());
    octets.ok_or_else(|| {
        Failure::new(Exit::Data, format_args!("{}: not a key of 32 hex digits", path.display()))
    })
}

fn read(path: &Path) -> Result<String, Failure> {
    std::fs::read_to_string(path).map_err(|e| Failure::new(Exit::Io, format_args!("{}: {e}", path.display())))
}
