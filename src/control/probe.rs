//! Questions of a person to a line: which trials they come to, and their findings as they are made.

use super::Answer;
use super::desk::Device;
use crate::driver::Driver;
use crate::driver::modbus::profile::Profile;
use crate::driver::survey::{Finding, MOST_TRIALS, Survey, Trial};
use crate::model::ident::{ConnectorId, DeviceCode, DeviceId};
use crate::wire::dlt645::Address;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, mpsc};

/// A guest that says nothing for so long has been turned away by a line that is not open, or is stuck behind it.
const SILENCE: Duration = Duration::from_secs(120);
/// Findings that may wait: more than one survey makes.
const MOST_FINDINGS: usize = 2 * MOST_TRIALS;
/// Protocols that a line can be asked for, in the order in which it is.
pub const PROTOCOLS: [&str; 4] = ["dlt645-2007", "dlt645-1997", "modbus", "osdp"];

/// Who is there on a line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Serial {
    /// Name of the line.
    pub line: String,
    /// First address.
    pub first: u8,
    /// Last one.
    pub last: u8,
    /// Which of [`PROTOCOLS`]; empty = all.
    pub protocols: Vec<String>,
    /// Who asks.
    pub by: String,
}

impl Serial {
    pub(super) fn describe(&self) -> String {
        format!("probe of line {}, addresses {} to {}", self.line, self.first, self.last)
    }
}

/// A connector of a charger that is read by a profile.
#[derive(Clone, Debug)]
pub struct Pile {
    /// Which.
    pub connector: ConnectorId,
    /// Its driver on the line.
    pub device: DeviceId,
    /// Name of its line.
    pub line: String,
    /// Its Modbus address.
    pub slave: u8,
    /// What its registers mean.
    pub profile: Arc<Profile>,
}

/// The trials of a probe, and what is known without asking: devices of the configuration are left alone.
pub(super) fn serial(ask: &Serial, here: &[&Device]) -> Result<(Vec<Trial>, Vec<Finding>), String> {
    let allowed = PROTOCOLS.join(", ");
    if let Some(bad) = ask.protocols.iter().find(|p| !PROTOCOLS.contains(&p.as_str())) {
        return Err(format!("{bad:?} is no protocol that a line can be asked for; {allowed}"));
    }
    if ask.first > ask.last {
        return Err(format!("{} to {} are no addresses; the lower one first", ask.first, ask.last));
    }
    let wanted = |p: &str| ask.protocols.is_empty() || ask.protocols.iter().any(|w| w == p);
    let (mut trials, mut known) = (Vec::new(), Vec::new());
    for protocol in PROTOCOLS.into_iter().filter(|p| wanted(p)) {
        let mut own = here.iter().filter(|d| speaks(d.protocol, protocol)).peekable();
        if own.peek().is_none() {
            trials.extend(wildcard(protocol));
        }
        for address in ask.first..=ask.last {
            let Some((name, trial)) = by_address(protocol, address) else { continue };
            match here.iter().find(|d| speaks(d.protocol, protocol) && d.address == name) {
                Some(device) => known.push(configured(protocol, device)),
                None => trials.push(trial),
            }
        }
    }
    match trials.len() {
        ..=MOST_TRIALS => Ok((trials, known)),
        more => Err(format!("{more} questions are more than {MOST_TRIALS}; fewer addresses or protocols")),
    }
}

/// Whether a device hears, and may answer, what is asked in a protocol. Both editions of DL/T 645 have one frame.
fn speaks(device: &str, protocol: &str) -> bool {
    match device {
        "uid-modbus" => protocol == "modbus",
        _ => device == protocol || (device.starts_with("dlt645") && protocol.starts_with("dlt645")),
    }
}

fn wildcard(protocol: &str) -> Option<Trial> {
    match protocol {
        "dlt645-2007" => Some(Trial::MeterAddress),
        "dlt645-1997" => Some(Trial::AnyMeter1997),
        _ => None,
    }
}

/// The question to an address and how the address is written; `None` where there is no such address.
fn by_address(protocol: &str, address: u8) -> Option<(String, Trial)> {
    let meter = || format!("{address:012}");
    let number = || address.to_string();
    match protocol {
        "dlt645-2007" => Some((meter(), Trial::Meter(meter().parse::<Address>().ok()?))),
        "dlt645-1997" => Some((meter(), Trial::Meter1997(meter().parse::<Address>().ok()?))),
        "modbus" => (1..=247).contains(&address).then(|| (number(), Trial::Register(address))),
        "osdp" => (address <= 126).then(|| (number(), Trial::Reader(address))),
        _ => None,
    }
}

fn configured(protocol: &str, device: &Device) -> Finding {
    Finding {
        protocol: protocol.to_owned(),
        address: device.address.clone(),
        asked: "nothing".to_owned(),
        answer: Some(format!("configured as {}; depotctl {}s shows it", device.name, device.kind)),
        values: Vec::new(),
        after_ms: 0,
    }
}

/// The connector that is meant.
pub(super) fn pile<'a>(piles: &'a [Pile], text: &str) -> Result<&'a Pile, String> {
    let code = text.parse::<DeviceCode>().ok();
    let of = |pile: &&Pile| pile.connector.to_string() == text || Some(pile.connector.pile) == code;
    let mut found = piles.iter().filter(of);
    match (found.next(), found.next()) {
        (Some(pile), None) => Ok(pile),
        (Some(pile), Some(_)) => {
            Err(format!("{text} has several connectors; name one, for example {}", pile.connector))
        }
        (None, _) => Err(format!(
            "{text:?} is no charger with driver = \"modbus\"; depotctl chargers lists them, and those on CAN show \
             everything they say there"
        )),
    }
}

/// A probe that runs.
pub(super) struct Probe {
    findings: mpsc::Receiver<Finding>,
    known: std::vec::IntoIter<Finding>,
    wanted: usize,
    asked: usize,
    answered: usize,
    refused: bool,
    _place: OwnedSemaphorePermit,
}

impl Probe {
    /// The probe and its guest.
    pub(super) fn new(
        place: OwnedSemaphorePermit,
        trials: Vec<Trial>,
        known: Vec<Finding>,
    ) -> (Probe, Box<dyn Driver>) {
        let (told, findings) = mpsc::channel(MOST_FINDINGS);
        let wanted = trials.len();
        let guest = Survey::new(trials, Box::new(move |finding| told.try_send(finding).is_ok()));
        let probe = Probe {
            findings,
            known: known.into_iter(),
            wanted,
            asked: 0,
            answered: 0,
            refused: false,
            _place: place,
        };
        (probe, Box::new(guest))
    }

    /// The next finding; `None` at the end.
    pub(super) async fn next(&mut self) -> Option<Finding> {
        if let Some(known) = self.known.next() {
            return Some(known);
        }
        let finding = tokio::time::timeout(SILENCE, self.findings.recv()).await;
        self.refused = !matches!(finding, Ok(Some(_)) | Ok(None));
        let finding = finding.ok()??;
        self.asked += 1;
        self.answered += usize::from(finding.answer.is_some());
        Some(finding)
    }

    /// What is said at the end.
    pub(super) fn ended(&self) -> Answer {
        if self.wanted > 0 && self.asked == 0 {
            return Answer::refused("the line is not open, or carries no guest now; depotctl lines says why");
        }
        if self.refused || self.asked < self.wanted {
            return Answer::refused(format_args!(
                "broken off after {} of {} questions: the line was lost, or is too busy",
                self.asked, self.wanted
            ));
        }
        Answer::Good { data: json!({ "asked": self.asked, "answered": self.answered }) }
    }
}
