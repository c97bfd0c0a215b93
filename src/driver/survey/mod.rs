//! Questions of a person to a line: who is there, and what a device says. Every question only reads.
//!
//! A survey is a driver that comes to a line as a guest (see [`crate::bus`]): it asks each of its trials once, in the
//! slow class, tells what came of it, and leaves. Somebody who does not listen any more ends it.
//!
//! What is absent: a write of any kind, a question that a configured device could take for one of its own exchanges (who
//! makes the trials leaves their addresses out), and another rate or parity than that of the line.

mod trial;

pub use trial::{Answered, Trial, Value};

use super::{Class, Driver, Foreign, Heard, PlannedQuestion, Question, Timing, Want};
use crate::model::report::{OrderFault, Report};
use crate::model::request::Request;
use crate::model::time::{Instant, Now};
use crate::wire::Cut;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use std::time::Duration;

/// Most trials of one survey: every address of every protocol.
pub const MOST_TRIALS: usize = 1_024;

/// What came of one trial.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// What was spoken, in the words of the configuration.
    pub protocol: String,
    /// Who was asked.
    pub address: String,
    /// What was asked, for people.
    pub asked: String,
    /// What came back; `None`: nothing in time.
    pub answer: Option<String>,
    /// Points of a profile, each with its value and unit.
    pub values: Vec<Value>,
    /// From the question to the answer, ms.
    pub after_ms: u64,
}

/// Where findings go; false when nobody listens any more.
pub type Tell = Box<dyn FnMut(Finding) -> bool + Send>;

/// The trials that are left, and the one that is out.
pub struct Survey {
    left: VecDeque<Trial>,
    out: Option<(Trial, Vec<u8>, Instant)>,
    tell: Tell,
    /// All of them go to one device, whose late answer could be taken for that to the next.
    to_one: bool,
}

impl Survey {
    /// Asks these in order, at most [`MOST_TRIALS`].
    #[must_use]
    pub fn new(trials: impl IntoIterator<Item = Trial>, tell: Tell) -> Survey {
        let left: VecDeque<Trial> = trials.into_iter().take(MOST_TRIALS).collect();
        let to_one = left.iter().any(Trial::is_of_one_device);
        Survey { left, out: None, tell, to_one }
    }

    fn told(&mut self, finding: Finding) {
        if !(self.tell)(finding) {
            self.left.clear();
        }
    }
}

impl Driver for Survey {
    fn wants(&self) -> Option<Want> {
        (!self.left.is_empty()).then_some(Want { class: Class::Slow, due: Instant::default() })
    }

    fn ask(&mut self, now: Now) -> Option<Question> {
        let trial = self.left.pop_front()?;
        let (octets, kind) = (trial.octets(), trial.kind());
        self.out = Some((trial, octets.clone(), now.mono));
        Some(Question { octets, class: Class::Slow, kind, expects_reply: true, tries: 1 })
    }

    /// A guest is never silent, so it is never probed; if it were, an empty question would ask nobody.
    fn probe(&mut self, now: Now) -> Question {
        let nothing =
            Question { octets: Vec::new(), class: Class::Slow, kind: 0, expects_reply: false, tries: 1 };
        self.ask(now).unwrap_or(nothing)
    }

    fn cut(&self, received: &[u8]) -> Cut {
        match &self.out {
            Some((trial, question, _)) => trial.cut(received, question),
            None => Cut::Noise(received.len().max(1)),
        }
    }

    fn hear(&mut self, now: Now, frame: &[u8]) -> Heard {
        let Some((trial, question, asked)) = self.out.take() else {
            return Heard::Foreign(Foreign::Question);
        };
        let answered = match trial.hear(frame, &question) {
            Ok(answered) => answered,
            Err(foreign) => {
                self.out = Some((trial, question, asked));
                return Heard::Foreign(foreign);
            }
        };
        for next in answered.then.into_iter().rev() {
            self.left.push_front(next);
        }
        if let Some(text) = answered.text {
            let after_ms = u64::try_from(now.mono.since(asked).as_millis()).unwrap_or(u64::MAX);
            let finding = trial.finding(Some(text), answered.values, after_ms);
            self.told(finding);
        }
        Heard::Answer(Vec::new())
    }

    fn unanswered(&mut self, _: Now) -> Vec<Report> {
        if let Some((trial, ..)) = self.out.take() {
            let finding = trial.finding(None, Vec::new(), 0);
            self.told(finding);
        }
        Vec::new()
    }

    fn tell(&mut self, _: Now, request: Request) -> Vec<Report> {
        vec![Report::Done(request.order, Err(OrderFault::Unsupported))]
    }

    fn timing(&self) -> Timing {
        let trial = self.out.as_ref().map(|(trial, ..)| trial).or(self.left.front());
        let reply = trial.map_or(Duration::from_millis(400), Trial::patience);
        Timing {
            reply,
            floor: reply,
            ceiling: reply,
            inter_octet: Duration::from_millis(200),
            turnaround: Duration::from_millis(30),
            after_switch: Duration::from_millis(30),
            probe_max: Duration::from_secs(10),
            silent_after: u8::MAX,
        }
    }

    fn answers_name_questions(&self) -> bool {
        !self.to_one
    }

    fn load(&self) -> Vec<PlannedQuestion> {
        Vec::new()
    }
}

#[cfg(test)]
mod tests;
