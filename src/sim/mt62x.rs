//! A MINGTE MT625 card reader from the device's side (rs485.md 5.1).
//!
//! It finds a card, tells its number, beeps and ejects. Whoever logs in to a sector, reads or writes a block touches
//! secrets that are not his: that is refused and noted.

use super::bay::Bay;
use super::line::{Answer, Fault};
use super::slave::{Reaction, Slave};
use crate::model::ident::CardUid;
use crate::model::time::Instant;
use crate::wire::Cut;
use crate::wire::mt62x::{Command, Frame, cut};
use std::time::Duration;

/// What some firmware prints in front of a frame (measured on an MT626).
const CHATTER: &[u8] = b"-> pcbcommOK\r\n";
/// Complaints kept; what is beyond adds nothing.
const COMPLAINTS: usize = 64;

/// A simulated MT62x.
#[derive(Clone, Debug)]
pub struct Mt62x {
    /// The card that lies on it.
    pub card: Option<CardUid>,
    /// What goes wrong with its answers.
    pub fault: Option<Fault>,
    /// Prints a line of text before each frame.
    pub chatty: bool,
    /// Says yes with 50 instead of 59 (SL-RF800 family).
    pub says_passed: bool,
    /// Second octet of the command to its sounder; others behind 30 are refused.
    pub sounder: Option<u8>,
    beeps: Vec<(Instant, Vec<u8>)>,
    complaints: Vec<String>,
}

impl Mt62x {
    /// A reader without a card, whose sounder is at 30 `sounder`.
    #[must_use]
    pub fn new(sounder: Option<u8>) -> Mt62x {
        Mt62x {
            card: None,
            fault: None,
            chatty: false,
            says_passed: false,
            sounder,
            beeps: Vec::new(),
            complaints: Vec::new(),
        }
    }

    /// When it beeped, and the data of each order.
    #[must_use]
    pub fn beeps(&self) -> &[(Instant, Vec<u8>)] {
        &self.beeps
    }

    fn serve(&mut self, now: Instant, frame: &Frame<'_>) -> Vec<u8> {
        let (yes, no) = (if self.says_passed { b'P' } else { b'Y' }, b'N');
        let bare = frame.data.is_empty();
        match (frame.command, &self.card) {
            (Command::FIND | Command::SERIAL | Command::EJECT, _) if !bare => {
                self.complain(format!("{:02X?} with data", frame.command.0));
                vec![no]
            }
            (Command::FIND, card) => vec![if card.is_some() { yes } else { no }],
            (Command::SERIAL, Some(card)) => [&[yes], card.as_bytes()].concat(),
            (Command::SERIAL, None) => vec![no],
            (Command::EJECT, _) => {
                self.card = None;
                vec![yes]
            }
            (Command::LOGIN | Command::READ | Command::WRITE, _) => {
                self.complain(format!("{:02X?} touches what is on a card", frame.command.0));
                frame.data.iter().take(1).copied().chain([no]).collect()
            }
            (Command([Command::CPU, _]), _) => vec![0x57],
            (Command([Command::DEVICE, which]), _) if self.sounder == Some(which) => {
                self.beeps.push((now, frame.data.to_vec()));
                vec![yes]
            }
            (_, _) => vec![no],
        }
    }

    fn complain(&mut self, what: String) {
        if self.complaints.len() < COMPLAINTS {
            self.complaints.push(what);
        }
    }
}

impl Slave for Mt62x {
    fn hear(&mut self, now: Instant, octets: &[u8], _: &mut Bay) -> Option<Reaction> {
        let mut at = 0;
        while at < octets.len() {
            match cut(&octets[at..]) {
                Cut::More => return None,
                Cut::Noise(count) => at += count,
                Cut::Frame(size) => {
                    let frame = Frame::parse(&octets[at..at + size]).ok()?;
                    let data = self.serve(now, &frame);
                    let answer = Frame { command: frame.command, data: &data }.encode();
                    let octets = if self.chatty { [CHATTER, &answer].concat() } else { answer };
                    let delay = Duration::from_millis(if frame.command == Command::FIND { 14 } else { 10 });
                    let answer = Answer { octets, delay, fault: self.fault };
                    return Some(Reaction { taken: at + size, answer: Some(answer) });
                }
            }
        }
        None
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

    fn ask(reader: &mut Mt62x, question: &str) -> String {
        let mut bay = Bay::new(Electronics::default(), Energy(0));
        let octets = hex::parse(question).unwrap();
        let reaction = reader.hear(Instant(0), &octets, &mut bay).expect("a whole question");
        hex::upper(&reaction.answer.expect("an answer").octets)
    }

    #[test]
    fn it_answers_like_the_reader_that_was_measured() {
        let mut reader = Mt62x::new(None);
        assert_eq!(ask(&mut reader, "02000234300307"), "02000334304E0348");
        reader.card = Some("10A8DBFA".parse().unwrap());
        assert_eq!(ask(&mut reader, "02000234300307"), "020003343059035F");
        assert_eq!(ask(&mut reader, "02000234310306"), "02000734315910A8DBFA03C3");
        assert!(reader.complaints().is_empty());
    }

    #[test]
    fn who_touches_what_is_on_a_card_is_noted() {
        let mut reader = Mt62x::new(None);
        ask(&mut reader, "020009343201A0A1A2A3A4A5030E");
        ask(&mut reader, "020004343300000302");
        assert_eq!(reader.complaints().len(), 2);
        assert_eq!(ask(&mut reader, "02000232400371"), "0200033240590329");
    }
}
