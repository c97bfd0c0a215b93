//! What a survey asks, and what an answer means.

use super::Finding;
use crate::driver::Foreign;
use crate::driver::modbus::plan::{self, Read, Refused};
use crate::driver::modbus::profile::Profile;
use crate::wire::dlt645::frame::PREAMBLE;
use crate::wire::dlt645::value::Fixed;
use crate::wire::dlt645::{self, Address, Control, Di, question};
use crate::wire::modbus::frame::cut_answer;
use crate::wire::modbus::{Request, Response, Table};
use crate::wire::osdp::command::Plea;
use crate::wire::osdp::reply::Identity;
use crate::wire::osdp::{self, Check, Command, Frame, Header, Reply, Reserved};
use crate::wire::{Cut, hex};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::Duration;

/// Forward total of DL/T 645-2007 and of 645-1997 (rs485.md 1.5, 1.7).
const TOTAL: Di = Di(0x0001_0000);
const TOTAL_1997: u16 = 0x9010;
const ENERGY: Fixed = Fixed::plain(4, 2);
/// Longest text that is taken over from a device.
const LONGEST_TEXT: usize = 64;

/// One question.
#[derive(Clone, Debug)]
pub enum Trial {
    /// DL/T 645-2007, function 13 to the address AA…: the only meter on the line says its own.
    MeterAddress,
    /// DL/T 645-1997 to the address AA…: the only meter on the line answers with its own.
    AnyMeter1997,
    /// DL/T 645-2007: the total of one meter.
    Meter(Address),
    /// DL/T 645-1997: the total of one meter.
    Meter1997(Address),
    /// Modbus: holding register 0. Whoever answers, if only by an exception, is asked for its identification.
    Register(u8),
    /// Modbus 2B/0E, basic.
    Identification(u8),
    /// OSDP: identification, in plain with sequence number 0. A reader takes that for a restart of its panel.
    Reader(u8),
    /// Modbus: points of a profile.
    Points {
        /// Who.
        slave: u8,
        /// Which registers.
        read: Read,
        /// What they mean.
        profile: Arc<Profile>,
    },
}

/// A value of a point.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Value {
    /// Name of the point.
    pub name: String,
    /// `holding` or `input`.
    pub table: String,
    /// Its first register.
    pub register: u16,
    /// Its word or exact decimal; `None` when the registers hold no usable number, or the device does not give them.
    pub value: Option<String>,
    /// Its unit; empty for a bare number.
    pub unit: String,
}

/// What an answer came to.
#[derive(Clone, Debug, Default)]
pub struct Answered {
    /// What it says; `None` when it only leads to other questions.
    pub text: Option<String>,
    /// Points that it holds.
    pub values: Vec<Value>,
    /// What is asked next because of it.
    pub then: Vec<Trial>,
}

impl Trial {
    /// Every point of a profile, those that no driver asks for too.
    pub fn points(slave: u8, profile: &Arc<Profile>) -> Vec<Trial> {
        let reads = plan::reads(profile, profile.points.iter());
        reads.into_iter().map(|read| Trial::Points { slave, read, profile: Arc::clone(profile) }).collect()
    }

    /// Whether it is one of several to the same device.
    pub(super) fn is_of_one_device(&self) -> bool {
        matches!(self, Trial::Points { .. })
    }

    /// As written to the line.
    pub(super) fn octets(&self) -> Vec<u8> {
        match self {
            Trial::MeterAddress => question::read_address().encode(PREAMBLE),
            Trial::AnyMeter1997 => question::read_1997(Address::ANY, TOTAL_1997).encode(PREAMBLE),
            Trial::Meter(address) => question::read(*address, TOTAL).encode(PREAMBLE),
            Trial::Meter1997(address) => question::read_1997(*address, TOTAL_1997).encode(PREAMBLE),
            Trial::Register(_) | Trial::Identification(_) | Trial::Points { .. } => {
                self.request().map(|(slave, request)| request.encode(slave)).unwrap_or_default()
            }
            Trial::Reader(address) => {
                let command = Command::Id(Plea { kind: Reserved(0) });
                let header =
                    Header { mark: true, address: *address, reply: false, sequence: 0, check: Check::Crc };
                header.frame(None, command.code(), &command.data())
            }
        }
    }

    /// Questions of one kind have like reply delays.
    pub(super) fn kind(&self) -> u16 {
        match self {
            Trial::MeterAddress | Trial::AnyMeter1997 => 1,
            Trial::Meter(_) | Trial::Meter1997(_) => 2,
            Trial::Register(_) | Trial::Identification(_) | Trial::Points { .. } => 3,
            Trial::Reader(_) => 4,
        }
    }

    /// How long the first octet is waited for (rs485.md 9).
    pub(super) fn patience(&self) -> Duration {
        Duration::from_millis(match self {
            Trial::MeterAddress | Trial::AnyMeter1997 | Trial::Meter(_) | Trial::Meter1997(_) => 800,
            Trial::Register(_) | Trial::Identification(_) => 400,
            Trial::Points { .. } => 1_000,
            Trial::Reader(_) => 200,
        })
    }

    pub(super) fn cut(&self, received: &[u8], question: &[u8]) -> Cut {
        match self {
            Trial::MeterAddress | Trial::AnyMeter1997 | Trial::Meter(_) | Trial::Meter1997(_) => {
                dlt645::cut(received)
            }
            Trial::Register(_) | Trial::Identification(_) | Trial::Points { .. } => {
                cut_answer(received, question)
            }
            Trial::Reader(_) => osdp::cut(received),
        }
    }

    /// What a whole frame says, if it is the answer.
    pub(super) fn hear(&self, frame: &[u8], question: &[u8]) -> Result<Answered, Foreign> {
        if frame == question {
            return Err(Foreign::Echo);
        }
        match self {
            Trial::MeterAddress => meter(frame, Address::ANY, Control::READ_ADDRESS, &[]),
            Trial::AnyMeter1997 => meter(frame, Address::ANY, Control::READ_1997, &TOTAL_1997.to_le_bytes()),
            Trial::Meter(address) => meter(frame, *address, Control::READ, &TOTAL.to_wire()),
            Trial::Meter1997(address) => {
                meter(frame, *address, Control::READ_1997, &TOTAL_1997.to_le_bytes())
            }
            Trial::Register(_) | Trial::Identification(_) | Trial::Points { .. } => self.slave(frame),
            Trial::Reader(address) => reader(frame, *address),
        }
    }

    pub(super) fn finding(&self, answer: Option<String>, values: Vec<Value>, after_ms: u64) -> Finding {
        let (protocol, address, asked) = match self {
            Trial::MeterAddress => ("dlt645-2007", "any".to_owned(), "address".to_owned()),
            Trial::AnyMeter1997 => ("dlt645-1997", "any".to_owned(), "total 9010".to_owned()),
            Trial::Meter(address) => ("dlt645-2007", address.to_string(), format!("total {:08X}", TOTAL.0)),
            Trial::Meter1997(address) => ("dlt645-1997", address.to_string(), "total 9010".to_owned()),
            Trial::Register(slave) => ("modbus", slave.to_string(), "holding register 0".to_owned()),
            Trial::Identification(slave) => ("modbus", slave.to_string(), "identification".to_owned()),
            Trial::Reader(address) => ("osdp", address.to_string(), "identification".to_owned()),
            Trial::Points { slave, read, .. } => {
                let (table, window) = (word(read.table), read.windows.first());
                let (first, last) = window.map_or((0, 0), |w| (w.start, w.start + (w.count - 1)));
                ("modbus", slave.to_string(), format!("{table} registers {first} to {last}"))
            }
        };
        Finding { protocol: protocol.to_owned(), address, asked, answer, values, after_ms }
    }

    fn request(&self) -> Option<(u8, Request)> {
        match self {
            Trial::Register(slave) => {
                Some((*slave, Request::Read { table: Table::Holding, start: 0, count: 1 }))
            }
            Trial::Identification(slave) => Some((*slave, Request::DeviceId { read_code: 1, object: 0 })),
            Trial::Points { slave, read, .. } => {
                let window = read.windows.first()?;
                let (table, start, count) = (read.table, window.start, window.count);
                Some((*slave, Request::Read { table, start, count }))
            }
            Trial::MeterAddress
            | Trial::AnyMeter1997
            | Trial::Meter(_)
            | Trial::Meter1997(_)
            | Trial::Reader(_) => None,
        }
    }

    fn slave(&self, frame: &[u8]) -> Result<Answered, Foreign> {
        let Some((slave, request)) = self.request() else { return Err(Foreign::Question) };
        let Ok((from, response)) = Response::decode(frame) else { return Err(Foreign::Question) };
        if from != slave {
            return Err(Foreign::Address);
        }
        if !request.is_answered_by(&response) {
            return Err(Foreign::Question);
        }
        let then = match self {
            Trial::Register(slave) => vec![Trial::Identification(*slave)],
            Trial::MeterAddress
            | Trial::AnyMeter1997
            | Trial::Meter(_)
            | Trial::Meter1997(_)
            | Trial::Identification(_)
            | Trial::Reader(_)
            | Trial::Points { .. } => Vec::new(),
        };
        Ok(match response {
            Response::Registers { registers, .. } => {
                let told: Vec<String> = registers.iter().take(1).map(|r| format!("{r:04X}H")).collect();
                let values = self.values(&registers);
                let text = if values.is_empty() { told.concat() } else { format!("{} points", values.len()) };
                Answered { text: Some(text), values, then }
            }
            Response::DeviceId(id) => {
                let told: Vec<String> = id.objects.iter().map(|(_, octets)| legible(octets)).collect();
                Answered { text: Some(told.join(" ")), values: Vec::new(), then }
            }
            Response::Exception { exception, .. } => {
                let text = format!("exception {:02X}, {}", exception.0, exception.name());
                self.excepted(text, then)
            }
            Response::Bits { .. }
            | Response::WriteCoil { .. }
            | Response::WriteRegister { .. }
            | Response::WriteCoils { .. }
            | Response::WriteRegisters { .. } => return Err(Foreign::Question),
        })
    }

    /// What is left of a refused read: parts of it, or a point that the device does not give.
    fn excepted(&self, text: String, then: Vec<Trial>) -> Answered {
        let Trial::Points { slave, read, profile } = self else {
            return Answered { text: Some(text), values: Vec::new(), then };
        };
        let again = |read| Trial::Points { slave: *slave, read, profile: Arc::clone(profile) };
        let mut read = read.clone();
        let Some(window) = read.windows.first().copied() else { return Answered::default() };
        let then = match read.refused(profile, window) {
            Refused::Narrowed => vec![again(read)],
            Refused::Split(parts) => parts.into_iter().map(again).collect(),
            Refused::Spent => {
                let values = profile.points.iter().filter(|p| read.answers_for(p));
                let values = values.map(|p| Value {
                    name: p.name.clone(),
                    table: word(p.table).to_owned(),
                    register: p.address,
                    value: None,
                    unit: p.unit.to_string(),
                });
                return Answered { text: Some(text), values: values.collect(), then: Vec::new() };
            }
        };
        Answered { text: None, values: Vec::new(), then }
    }

    fn values(&self, registers: &[u16]) -> Vec<Value> {
        let Trial::Points { read, profile, .. } = self else { return Vec::new() };
        let Some(window) = read.windows.first() else { return Vec::new() };
        let found = profile.values(read.table, window.start, registers);
        let asked_for = found.filter(|f| read.answers_for(f.point));
        let one = |f: crate::driver::modbus::profile::Found<'_>| Value {
            name: f.point.name.clone(),
            table: word(read.table).to_owned(),
            register: f.point.address,
            value: f.shown(),
            unit: if f.name().is_some() { String::new() } else { f.point.unit.to_string() },
        };
        asked_for.map(one).collect()
    }
}

/// An answer of a meter of either edition.
fn meter(frame: &[u8], asked: Address, control: Control, item: &[u8]) -> Result<Answered, Foreign> {
    let Ok(frame) = dlt645::Frame::parse(frame) else { return Err(Foreign::Question) };
    let is_any = asked == Address::ANY;
    if !frame.control().is_reply() || (!is_any && frame.address() != asked) {
        return Err(Foreign::Address);
    }
    if frame.control() == control.refusal() {
        let text = format!("{}: refused, {}", frame.address(), hex::upper(frame.data()));
        return Ok(Answered { text: Some(text), ..Answered::default() });
    }
    if frame.control() != control.reply() {
        return Err(Foreign::Question);
    }
    let Some(value) = frame.data().strip_prefix(item) else { return Err(Foreign::Question) };
    let text = match ENERGY.read(value).filter(|_| !item.is_empty()) {
        Some(total) => format!("{}: {}.{:02} kWh", frame.address(), total / 100, total % 100),
        None => frame.address().to_string(),
    };
    Ok(Answered { text: Some(text), ..Answered::default() })
}

fn reader(frame: &[u8], asked: u8) -> Result<Answered, Foreign> {
    let Ok(frame) = Frame::parse(frame) else { return Err(Foreign::Question) };
    if !frame.header.reply || frame.header.address != asked {
        return Err(Foreign::Address);
    }
    let text = match Reply::decode(frame.code, frame.body) {
        Ok(Reply::Identity(identity)) => told(&identity),
        Ok(Reply::Nak(nak)) => {
            format!("refused, NAK {:02X} {}", nak.error, nak.error_name().unwrap_or("unknown"))
        }
        Ok(Reply::Busy) => "busy".to_owned(),
        Ok(_) | Err(_) => return Err(Foreign::Question),
    };
    Ok(Answered { text: Some(text), ..Answered::default() })
}

fn told(identity: &Identity) -> String {
    let [major, minor, build] = identity.firmware.0;
    let mut serial = identity.serial.0;
    serial.reverse();
    format!(
        "vendor {} model {} version {} serial {} firmware {major}.{minor}.{build}",
        hex::upper(&identity.vendor.0),
        identity.model,
        identity.version,
        hex::upper(&serial),
    )
}

/// What a device says of itself, without anything that a terminal would obey.
fn legible(octets: &[u8]) -> String {
    let text = String::from_utf8_lossy(octets);
    text.chars().filter(|c| !c.is_control()).take(LONGEST_TEXT).collect()
}

fn word(table: Table) -> &'static str {
    match table {
        Table::Coils => "coil",
        Table::Discrete => "discrete",
        Table::Holding => "holding",
        Table::Input => "input",
    }
}
