//! `depotctl probe`: who is there on a line, and what a charger holds.

use super::Failure;
use super::table::{Table, terminal_width};
use crate::control::Ask;
use crate::control::probe::{PROTOCOLS, Serial};
use crate::driver::survey::Finding;
use clap::Subcommand;
use clap::builder::PossibleValuesParser;
use serde_json::{Value, json};
use std::io::{self, Write};
use std::time::Duration;

/// Every question of the longest probe, each with its time-out.
pub(super) const LONGEST: Duration = Duration::from_secs(3_600);

/// `probe`
#[derive(Subcommand, Debug)]
pub(super) enum Probe {
    /// Who is there on an RS-485 line, at its rate and parity; devices of the configuration are left alone
    Serial {
        /// A line of the configuration, with or without devices
        line: String,
        /// Of Modbus and OSDP, and the last digits of a meter's address whose others are 0
        #[arg(long, value_name = "FROM-TO", default_value = "1-32", value_parser = addresses)]
        addresses: (u8, u8),
        /// Only these
        #[arg(long, value_name = "PROTOCOL", value_delimiter = ',', value_parser = PossibleValuesParser::new(PROTOCOLS))]
        protocols: Vec<String>,
    },
    /// Every point of a charger's profile, with its unit
    Charger {
        /// For example 44030000010001/1; the code alone where it has one connector
        connector: String,
    },
}

impl Probe {
    pub(super) fn ask(&self, by: String) -> Ask {
        match self {
            Probe::Serial { line, addresses, protocols } => Ask::ProbeSerial(Serial {
                line: line.clone(),
                first: addresses.0,
                last: addresses.1,
                protocols: protocols.clone(),
                by,
            }),
            Probe::Charger { connector } => Ask::ProbeCharger { connector: connector.clone(), by },
        }
    }
}

fn addresses(text: &str) -> Result<(u8, u8), String> {
    let (from, to) = text.split_once('-').unwrap_or((text, text));
    let number = |n: &str| n.parse::<u8>().ok().filter(|n| *n <= 247);
    let both = number(from).zip(number(to)).filter(|(from, to)| from <= to);
    both.ok_or_else(|| "two numbers of 0 to 247, the lower one first: 1-32".to_owned())
}

/// What was found, as it is shown.
pub(super) struct Sheet {
    json: bool,
    of_charger: bool,
    findings: Vec<Finding>,
}

impl Sheet {
    pub(super) fn new(command: &Probe, json: bool) -> Sheet {
        Sheet { json, of_charger: matches!(command, Probe::Charger { .. }), findings: Vec::new() }
    }

    /// One more finding. Who answers is shown at once: a probe of many silent addresses takes minutes.
    pub(super) fn add(&mut self, text: &str) -> io::Result<()> {
        let finding: Finding = serde_json::from_str(text)?;
        if let Some(answer) = finding.answer.as_ref().filter(|_| !self.json && !self.of_charger) {
            let Finding { protocol, address, after_ms, .. } = &finding;
            let after = if *after_ms > 0 { format!("{after_ms} ms") } else { "-".to_owned() };
            let mut out = io::stdout().lock();
            writeln!(out, "{protocol:12}  {address:12}  {after:>7}  {answer}")?;
            out.flush()?;
        }
        self.findings.push(finding);
        Ok(())
    }

    /// All of it was asked.
    pub(super) fn end(self, data: &Value) -> Result<(), Failure> {
        if self.json {
            let document =
                json!({ "asked": data["asked"], "answered": data["answered"], "findings": self.findings });
            return super::print(super::show::document(&document));
        }
        if self.of_charger {
            return super::print(points(&self.findings));
        }
        super::print(format_args!("{} questions asked, {} answered\n", data["asked"], data["answered"]))
    }
}

/// Every point, in the order of the registers; below it the reads that came to nothing.
fn points(findings: &[Finding]) -> String {
    let mut table = Table::new(&["point", "table", "register", "value", "unit"]);
    for value in findings.iter().flat_map(|f| &f.values) {
        table.row(vec![
            value.name.clone(),
            value.table.clone(),
            value.register.to_string(),
            value.value.clone().unwrap_or_else(|| "-".to_owned()),
            value.unit.clone(),
        ]);
    }
    let mut text = if table.is_empty() { String::new() } else { table.fit(terminal_width()) };
    for finding in findings {
        match &finding.answer {
            None => text.push_str(&format!("{}: no answer\n", finding.asked)),
            Some(answer) if finding.values.iter().any(|v| v.value.is_none()) => {
                text.push_str(&format!("{}: {answer}\n", finding.asked));
            }
            Some(_) => {}
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::driver::survey;

    #[test]
    fn addresses_are_a_range_or_one() {
        assert_eq!(addresses("1-32"), Ok((1, 32)));
        assert_eq!(addresses("7"), Ok((7, 7)));
        for bad in ["", "-", "5-1", "1-248", "a-b", "1-2-3", "-1"] {
            assert!(addresses(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_point_that_a_charger_does_not_give_is_shown_as_that() {
        let value = |name: &str, value: Option<&str>| survey::Value {
            name: name.to_owned(),
            table: "holding".to_owned(),
            register: 5,
            value: value.map(str::to_owned),
            unit: "V".to_owned(),
        };
        let finding = |answer: &str, values| Finding {
            protocol: "modbus".to_owned(),
            address: "1".to_owned(),
            asked: "holding registers 5 to 5".to_owned(),
            answer: Some(answer.to_owned()),
            values,
            after_ms: 3,
        };
        let text = points(&[
            finding("1 points", vec![value("voltage", Some("612.4"))]),
            finding("exception 02, illegal data address", vec![value("soc", None)]),
        ]);
        assert!(text.contains("voltage  holding         5  612.4  V\n"), "{text}");
        assert!(text.ends_with("holding registers 5 to 5: exception 02, illegal data address\n"), "{text}");
    }
}
