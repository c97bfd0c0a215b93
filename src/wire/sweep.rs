//! How the codecs of small frames go over a whole stream: good frames, refused ones, noise.

use super::codec::Decoded;
use serde_json::{Map, Value};

/// What begins at an octet of a stream of which no more comes.
pub(super) enum Look {
    /// A good frame of so many octets.
    Frame(usize),
    /// Something that claims to be a frame of so many octets and is none.
    Refused {
        /// Where it would end.
        claims: usize,
        /// Begins with the error code of the vector format.
        error: String,
    },
    /// Nothing.
    Nothing,
}

/// A frame that was refused, and where it would have ended.
struct Broken {
    offset: usize,
    end: usize,
    error: String,
}

impl Broken {
    fn shown(self) -> Decoded {
        Decoded::Bad { offset: self.offset, error: self.error }
    }
}

/// Everything that a stream holds. A refused frame is shown unless a good one begins inside the octets that it claims:
/// then it was noise that looked like a beginning.
pub(super) fn sweep(
    octets: &[u8],
    look: impl Fn(&[u8]) -> Look,
    show: impl Fn(&[u8]) -> Map<String, Value>,
) -> Vec<Decoded> {
    let mut out = Vec::new();
    let mut broken: Option<Broken> = None;
    let mut at = 0;
    while at < octets.len() {
        match look(&octets[at..]) {
            Look::Frame(length) => {
                out.extend(broken.take().filter(|b| b.end <= at).map(Broken::shown));
                let object = show(&octets[at..at + length]);
                out.push(Decoded::Good { offset: at, length, object });
                at += length;
            }
            Look::Refused { claims, error } => {
                if broken.as_ref().is_none_or(|b| b.end <= at) {
                    let next = Broken { offset: at, end: at + claims, error };
                    out.extend(broken.replace(next).map(Broken::shown));
                }
                at += 1;
            }
            Look::Nothing => at += 1,
        }
    }
    out.extend(broken.map(Broken::shown));
    if out.is_empty() {
        out.push(Decoded::Bad { offset: 0, error: "start: no frame begins here".to_owned() });
    }
    out
}

/// Whether what was written says what was wanted: every wanted key that a frame shows must be shown alike.
pub(super) fn agrees(wanted: &Map<String, Value>, shown: &Map<String, Value>) -> Result<(), String> {
    let alike = |a: &Value, b: &Value| match (a.as_str(), b.as_str()) {
        (Some(a), Some(b)) => a.eq_ignore_ascii_case(b),
        _ => a == b,
    };
    let differs = wanted.iter().find(|(key, value)| shown.get(*key).is_some_and(|own| !alike(value, own)));
    match differs {
        Some((key, value)) => Err(format!("{key} {value} contradicts the rest")),
        None => Ok(()),
    }
}
