//! The one list of protocols that can be shown as JSON and made from it: `depotctl decode`, `depotctl encode`, the
//! vector tests and the fuzz targets all go through it.

use serde_json::{Map, Value};

/// A protocol as people see it.
#[derive(Clone, Copy)]
pub struct Codec {
    /// The word that `depotctl decode` knows, for example `dlt645`.
    pub name: &'static str,
    /// Everything that a stream of octets holds, in order: good frames and refused ones.
    /// Noise before a good frame is nothing; octets that hold no good frame at all give one refusal.
    pub decode: fn(&[u8], &Options) -> Vec<Decoded>,
    /// The frame that an object as printed by `decode` (its `fields`, and where the protocol has them the header
    /// keys beside `fields`) determines.
    pub encode: Encode,
    /// CAN only: begins to read the log of one bus, line by line (`decode` then takes the text of such a log).
    pub bus: Option<OpenBus>,
}

/// From options to the beginning of a log.
pub type OpenBus = fn(&Options) -> Box<dyn Bus>;

/// The log of one bus, read line by line: what is said in one line may be understood only with the lines before.
pub trait Bus {
    /// Everything that line number `at`, from 0, completes.
    fn line(&mut self, at: usize, line: &str) -> Vec<Decoded>;
    /// What is left unfinished at the end of the log and must be said.
    fn end(&mut self) -> Vec<Decoded>;
}

/// A whole log.
#[must_use]
pub fn decode_text(octets: &[u8], mut bus: Box<dyn Bus>) -> Vec<Decoded> {
    let text = String::from_utf8_lossy(octets);
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    let mut all: Vec<Decoded> = lines.flat_map(|(at, line)| bus.line(at, line)).collect();
    all.extend(bus.end());
    all
}

/// From an object to a frame, or why the object determines none.
pub type Encode = fn(&Map<String, Value>, &Options) -> Result<Vec<u8>, String>;

/// What the caller knows and the octets do not tell.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Modbus RTU: the octets are a response, not a request.
    pub response: bool,
    /// Profile 222: checksum variant by name (`ibm3740` …); `None` is the default of the profile.
    pub crc: Option<String>,
    /// Profile 222: checksum low byte first.
    pub crc_little_endian: bool,
    /// OSDP: the base key, to open a secure channel whose handshake is among the frames.
    pub key: Option<[u8; 16]>,
    /// OSDP: session keys and last MACs, as the vectors give them.
    pub context: Option<Value>,
    /// uid-frame: name of a built-in profile, or the text of one.
    pub profile: Option<String>,
    /// GB/T 27930: the edition to read by; `None` is what BRM says, else 2015.
    pub edition: Option<super::gbt27930::Edition>,
}

/// One frame, or one refusal.
#[derive(Clone, Debug, PartialEq)]
pub enum Decoded {
    /// A well-formed frame: the keys of the object beside `ok` and `protocol`, always with `type` and `fields`.
    Good {
        /// Where the frame begins in the stream; in the log of a bus, the number of the line that completes it.
        offset: usize,
        /// How many octets it has; in the log of a bus, 1.
        length: usize,
        /// `type`, header keys where the protocol has them, and `fields`.
        object: Map<String, Value>,
    },
    /// Octets that were refused.
    Bad {
        /// Where they begin.
        offset: usize,
        /// Begins with the error code of the vector format (`checksum`, `truncated`, …), then says more in words.
        error: String,
    },
}

impl Decoded {
    /// What one line of the log of a bus completed.
    #[must_use]
    pub fn of_line(at: usize, found: Result<Map<String, Value>, String>) -> Decoded {
        match found {
            Ok(object) => Decoded::Good { offset: at, length: 1, object },
            Err(error) => Decoded::Bad { offset: at, error },
        }
    }
}

/// All protocols, in the order `--help` shows them.
pub const CODECS: &[Codec] = &[
    super::dlt645::CODEC,
    super::modbus::CODEC,
    super::osdp::CODEC,
    super::mt62x::CODEC,
    super::uid_frame::CODEC,
    super::gbt27930::CODEC,
    super::tcu::CODEC,
    super::slcan::CODEC,
    super::platform222::CODEC,
    super::ykc16::CODEC,
];

/// Finds a protocol by its word.
#[must_use]
pub fn by_name(name: &str) -> Option<&'static Codec> {
    CODECS.iter().find(|c| c.name == name)
}
