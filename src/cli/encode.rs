//! `depotctl encode`: JSON lines as `decode` prints them in, hex lines out. Needs no daemon.

use super::{Exit, Failure, decode};
use crate::wire::codec::Options;
use crate::wire::hex;
use clap::Args;
use serde_json::Value;
use std::io::BufRead;

/// `encode PROTOCOL`
#[derive(Args, Debug)]
pub(super) struct Encode {
    /// dlt645, modbus-rtu, osdp, mt62x, uid-frame, platform222, ykc16, gbt27930, tcu or slcan
    protocol: String,
    /// platform222: checksum variant [default: ibm3740]
    #[arg(long, value_name = "VARIANT")]
    crc: Option<String>,
    /// platform222: byte order of the checksum
    #[arg(long, value_name = "ORDER", value_parser = ["be", "le"], default_value = "be")]
    crc_order: String,
    /// uid-frame: a built-in profile, or a file with one
    #[arg(long, value_name = "NAME")]
    profile: Option<String>,
}

/// Runs the command. Exit 65 when any line determines no frame; the others are still printed.
pub(super) fn run(command: &Encode) -> Result<(), Failure> {
    let codec = decode::find(&command.protocol)?;
    let options = Options {
        crc: command.crc.clone(),
        crc_little_endian: command.crc_order == "le",
        profile: command.profile.as_deref().map(decode::profile).transpose()?,
        ..Options::default()
    };
    let mut good = true;
    for (number, line) in std::io::stdin().lock().lines().enumerate() {
        let line = line.map_err(|e| Failure::new(Exit::Io, format_args!("standard input: {e}")))?;
        if line.trim().is_empty() {
            continue;
        }
        let encoded = match serde_json::from_str(&line) {
            Ok(Value::Object(object)) => (codec.encode)(&object, &options),
            Ok(_) => Err("not a JSON object".to_owned()),
            Err(error) => Err(error.to_string()),
        };
        match encoded {
            Ok(octets) => println!("{}", hex::upper(&octets)),
            Err(error) => {
                eprintln!("depotctl: line {}: {error}", number + 1);
                good = false;
            }
        }
    }
    if good { Ok(()) } else { Err(Failure::silent(Exit::Data)) }
}
