//! A DC meter like the Acrel DJSF1352-RN, one circuit (rs485.md 3.2).
//!
//! Function 03 reads registers 0-19, 30-35 and 50-55 (a read across a hole is refused); function 10 sets the clock at
//! 30-32. Everything else that is written is refused and remembered: a master has no business there.

use super::bay::Bay;
use super::registers::{Served, Station, read, word, words};
use super::slave::{Reaction, Slave};
use crate::model::time::{Instant, Utc};
use crate::wire::modbus::{Exception, Request, Response, Table};
use std::time::Duration;

/// A master that asks this often wrong is told so no further.
const MOST_COMPLAINTS: usize = 1000;
/// The clock: YY MM, DD hh, mm ss, plain binary.
const CLOCK: u16 = 30;
/// 2026-01-01 00:00:00 local time, until somebody sets it.
const EPOCH: Utc = Utc(1_767_196_800_000);

/// A meter.
#[derive(Clone, Debug)]
pub struct ModbusMeter {
    /// Its place on the line.
    pub station: Station,
    /// What the clock says at moment zero.
    clock: Utc,
    complaints: Vec<String>,
}

impl ModbusMeter {
    /// A meter that answers after 20 ms.
    #[must_use]
    pub fn new(address: u8) -> ModbusMeter {
        let station = Station { address, delay: Duration::from_millis(20), fault: None };
        ModbusMeter { station, clock: EPOCH, complaints: Vec::new() }
    }

    /// What its clock says.
    #[must_use]
    pub fn clock(&self, now: Instant) -> Utc {
        self.clock.plus_ms((now.0 / 1000) as i64)
    }

    fn serve(&mut self, now: Instant, request: &Request, bay: &mut Bay) -> Served {
        bay.advance(now);
        match request {
            Request::Read { table: Table::Holding, start, count } => {
                read(Table::Holding, *start, *count, |at| self.register(now, at, bay))
            }
            Request::WriteRegisters { start: CLOCK, registers } if registers.len() == 3 => {
                self.set_clock(now, registers).ok_or(Exception::VALUE)?;
                Ok(Response::WriteRegisters { start: CLOCK, count: 3 })
            }
            Request::WriteRegisters { start, .. } => {
                self.complain(format!("wrote to register {start}"));
                Err(Exception::ADDRESS)
            }
            Request::WriteRegister { .. } | Request::WriteCoil { .. } | Request::WriteCoils { .. } => {
                self.complain(format!("wrote with function {:02X}", request.function()));
                Err(Exception::FUNCTION)
            }
            Request::Read { .. } | Request::DeviceId { .. } => Err(Exception::FUNCTION),
        }
    }

    fn register(&self, now: Instant, at: u16, bay: &Bay) -> Option<u16> {
        let float = |value: f32, low: u16| Some(words(value.to_bits())[usize::from(low)]);
        // U, I: raw x 10^(exponent - 3), in steps of 0.1 V and 0.1 A
        match at {
            0 => Some(word(bay.voltage().0 / 100)),
            1 | 3 => Some(2),
            2 => Some(word(bay.current().0 / 100)),
            8 => Some(word(bay.power().0 / 100)),
            9 => Some(3),
            12 | 13 => Some(words((bay.register().0 / 10).rem_euclid(1 << 32) as u32)[usize::from(at - 12)]),
            16 => Some(1),
            17 => Some(250),
            4..=7 | 10 | 11 | 14 | 15 | 18 | 19 => Some(0),
            CLOCK..=32 => Some(self.clock_word(now, at - CLOCK)),
            33 => Some(0x0102),
            34 => Some(0),
            35 => Some(100),
            50 | 51 => float(bay.voltage().0 as f32 / 1e3, at - 50),
            52 | 53 => float(bay.current().0 as f32 / 1e3, at - 52),
            54 | 55 => float(bay.power().0 as f32 / 1e3, at - 54),
            _ => None,
        }
    }

    fn clock_word(&self, now: Instant, at: u16) -> u16 {
        let local = self.clock(now).local();
        let pair = |high: i8, low: i8| u16::from_be_bytes([high as u8, low as u8]);
        match at {
            0 => pair((local.year() % 100) as i8, local.month()),
            1 => pair(local.day(), local.hour()),
            _ => pair(local.minute(), local.second()),
        }
    }

    fn set_clock(&mut self, now: Instant, registers: &[u16]) -> Option<()> {
        let octets: Vec<i8> = registers
            .iter()
            .flat_map(|r| r.to_be_bytes())
            .map(i8::try_from)
            .collect::<Result<_, _>>()
            .ok()?;
        let [year, month, day, hour, minute, second] = octets[..] else { return None };
        let local =
            jiff::civil::DateTime::new(2000 + i16::from(year), month, day, hour, minute, second, 0).ok()?;
        self.clock = Utc::from_local(local).plus_ms(-((now.0 / 1000) as i64));
        Some(())
    }

    fn complain(&mut self, what: String) {
        if self.complaints.len() < MOST_COMPLAINTS {
            self.complaints.push(what);
        }
    }
}

impl Slave for ModbusMeter {
    fn hear(&mut self, now: Instant, octets: &[u8], bay: &mut Bay) -> Option<Reaction> {
        let station = self.station.clone();
        station.react(octets, |request| self.serve(now, request, bay))
    }

    fn complaints(&self) -> &[String] {
        &self.complaints
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::quantity::Energy;
    use crate::sim::bay::Electronics;
    use crate::wire::hex;

    fn ask(meter: &mut ModbusMeter, now: Instant, question: &str) -> Option<String> {
        let mut bay = Bay::new(Electronics::default(), Energy(12_345_670));
        let reaction = meter.hear(now, &hex::parse(question).expect("hex"), &mut bay)?;
        reaction.answer.map(|a| hex::upper(&a.octets))
    }

    #[test]
    fn a_clock_is_read_as_it_was_set_and_runs_on() {
        let mut meter = ModbusMeter::new(1);
        // the published exchange of the clock, vector acrel.djsf1352-rn-10-req-001e
        let set = ask(&mut meter, Instant(5_000_000), "0110001E0003061703130E1800AE80");
        assert_eq!(set.as_deref(), Some("0110001E0003E00E"));
        let read = Request::Read { table: Table::Holding, start: 30, count: 3 }.encode(1);
        let told = ask(&mut meter, Instant(12_000_000), &hex::upper(&read)).expect("answered");
        assert_eq!(&told[6..18], "1703130E1807");
        assert!(meter.complaints().is_empty());
    }

    #[test]
    fn holes_and_foreign_functions_are_refused_and_writes_remembered() {
        let mut meter = ModbusMeter::new(1);
        let mut refused = |request: Request| {
            let told = ask(&mut meter, Instant(0), &hex::upper(&request.encode(1))).expect("answered");
            hex::parse(&told[4..6]).expect("hex")[0]
        };
        assert_eq!(refused(Request::Read { table: Table::Holding, start: 18, count: 3 }), 2);
        assert_eq!(refused(Request::Read { table: Table::Holding, start: 0, count: 126 }), 3);
        assert_eq!(refused(Request::Read { table: Table::Input, start: 0, count: 1 }), 1);
        assert_eq!(refused(Request::WriteRegisters { start: 12, registers: vec![0, 0] }), 2);
        assert_eq!(meter.complaints(), ["wrote to register 12"]);
        let unknown = ask(&mut meter, Instant(0), "0165000011C7").expect("answered");
        assert!(unknown.starts_with("01E501"), "{unknown}");
    }

    #[test]
    fn questions_of_others_and_broadcasts_are_not_answered() {
        let mut meter = ModbusMeter::new(1);
        assert_eq!(ask(&mut meter, Instant(0), "0203000000018439"), None);
        assert_eq!(ask(&mut meter, Instant(0), "0010001E0003061703130E1800FFFF"), None);
        assert_eq!(ask(&mut meter, Instant(0), "0103000C"), None);
    }
}
