//! What the reference model hears on the connection: permits, acknowledgements, commands and their answers.

use super::{Commanded, Permit, Reference};
use crate::tap::Heard;
use depotd::model::ident::TransactionNumber;
use depotd::model::time::Utc;
use depotd::port::clock::BUILD;
use depotd::wire::platform222::{Direction, Header, Said, judge, layout, octets};

impl Reference {
    /// A frame arrived at the program.
    pub(crate) fn arrived(&mut self, heard: &Heard) {
        let Heard { connection, header, body: raw } = heard;
        let Ok(said) = judge(Direction::Down, header, raw) else { return };
        match said {
            Said::Request(body) => {
                let key = (*connection, header.number, header.sequence);
                let new = Commanded { body: raw.clone(), deliveries: 0, replies: 0 };
                self.commands.entry(key).or_insert(new).deliveries += 1;
                if header.number == 0x0203 {
                    let txn = TransactionNumber(body.array("txn"));
                    let Some(gun) = self.gun_at(header.device, body.int("connector")) else { return };
                    let permit = Permit { gun, asked: self.at, arrived: self.at, remote: true };
                    self.permits.insert(txn, permit); // it may be asked again, and is judged afresh
                }
            }
            Said::Reply(body) if header.number == 0x0202 && body.num("decision") == 0 => {
                let txn = TransactionNumber(body.array("txn"));
                if let Some((gun, asked)) = self.asked.get(&(*connection, header.sequence)).copied() {
                    let permit = Permit { gun, asked, arrived: self.at, remote: false };
                    self.permits.entry(txn).or_insert(permit);
                }
            }
            Said::Reply(body) if header.number == 0x020A => {
                let txn = TransactionNumber(body.array("txn"));
                match body.num("verdict") {
                    0 | 1 => drop(self.arrived.insert((txn, true))),
                    2 => drop(self.arrived.insert((txn, false))),
                    _ => {}
                }
            }
            Said::Reply(_) | Said::Refused(_) => {}
        }
    }

    /// A frame leaves the program.
    pub(crate) fn sent(&mut self, heard: &Heard, clock_trusted: bool) {
        let Heard { connection, header, body: raw } = heard;
        let said = match judge(Direction::Up, header, raw) {
            Ok(said) => said,
            Err(verdict) => {
                return self.blame("I13", format!("{:04X} is sent wrong: {verdict}", header.number));
            }
        };
        match said {
            Said::Request(body) => {
                let times: &[&str] = match header.number {
                    0x0101 => &["time"],
                    0x0204 => &["start_time"],
                    0x020A => &["start_time", "end_time"],
                    0x0401 => &["time"],
                    _ => &[],
                };
                for name in times {
                    if body.when(name).is_some_and(|time| Utc::from_local(time) < BUILD) {
                        self.blame(
                            "I11",
                            format!("{:04X} carries a {name} before the program was built", header.number),
                        );
                    }
                }
                if header.number == 0x0101 && !clock_trusted && body.when("time").is_some() {
                    self.blame("I11", "a login carries the time of a clock that nobody trusts".to_owned());
                }
                if header.number == 0x0401 {
                    self.alarm_sent(body.int("id"), body.num("raised") == 1);
                }
                if header.number == 0x0202
                    && let Some(gun) = self.gun_at(header.device, body.int("connector"))
                {
                    self.asked.entry((*connection, header.sequence)).or_insert((gun, self.at));
                }
            }
            Said::Reply(_) => {
                let result = raw.first().copied().unwrap_or(u8::MAX);
                self.replied(*connection, header, Some(result));
            }
            Said::Refused(_) => self.replied(*connection, header, None),
        }
    }

    /// I14: one answer for each command that came, after its effect is on disk.
    fn replied(&mut self, connection: u64, header: &Header, result: Option<u8>) {
        let (number, sequence) = (header.number, header.sequence);
        let Some(command) = self.commands.get_mut(&(connection, number, sequence)) else {
            return; // to a frame that was refused for its octets
        };
        command.replies += 1;
        let often = command.replies > command.deliveries;
        let command = command.clone();
        if often {
            self.blame(
                "I14",
                format!("{number:04X} sequence {sequence} is answered more often than it came"),
            );
        }
        let Some(result) = result else { return };
        if let Some(fault) = self.effect_missing(header, result, &command.body) {
            self.blame("I14", format!("{number:04X} is answered with {result}: {fault}"));
        }
    }

    fn effect_missing(&mut self, header: &Header, result: u8, command: &[u8]) -> Option<String> {
        let body = octets::read(layout::message(header.number)?.request, command, true).ok()?;
        match (header.number, result) {
            (0x0203, 0 | 5) => {
                let txn = TransactionNumber(body.array("txn"));
                let decided = self.decided.get(&txn).copied();
                let exists = result == 5 || self.sessions.contains_key(&txn);
                (decided.is_none() || !exists).then(|| {
                    format!("on disk are {decided:?} and the session: {}", self.sessions.contains_key(&txn))
                })
            }
            (0x0205, 0) => {
                if let Some(gun) = self.gun_at(header.device, body.int("connector")) {
                    self.expect_stop(gun, "the platform wants it");
                }
                None
            }
            (0x0107, 0) => {
                let number: u32 = body.int("number");
                (!self.tariffs.contains_key(&number)).then(|| format!("tariff {number} is not on disk"))
            }
            (0x020E, 0) if body.num("op") == 4 => {
                let version: u32 = body.int("to_version");
                (self.cards.version != version).then(|| format!("list {version} is not on disk"))
            }
            _ => None,
        }
    }
}
