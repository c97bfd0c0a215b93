//! The seam of a simulated device on a line.

use super::bay::Bay;
use super::line::Answer;
use crate::model::time::Instant;

/// A simulated device on a shared line, belonging to one charging place.
pub trait Slave {
    /// All octets that the master has sent since the last question ended. `None`: not (yet) a whole question for this
    /// device. The device acts on its place at once; what goes wrong with its answer is the line's matter.
    fn hear(&mut self, now: Instant, octets: &[u8], bay: &mut Bay) -> Option<Reaction>;

    /// What broke a rule of the protocol so far (the master's gaps, sequences, forbidden writes …), for the verdict.
    fn complaints(&self) -> &[String];
}

/// What a device does with a question.
#[derive(Clone, Debug)]
pub struct Reaction {
    /// How many octets the question took.
    pub taken: usize,
    /// `None` for broadcasts, and for questions that the device leaves unanswered.
    pub answer: Option<Answer>,
}
