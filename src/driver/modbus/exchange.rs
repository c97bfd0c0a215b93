//! The outstanding question to one slave and the judgement of what comes back.

use super::plan::Window;
use crate::driver::Foreign;
use crate::wire::Cut;
use crate::wire::modbus::frame::cut_answer;
use crate::wire::modbus::{Direction, Exception, Request, Response, Table, cut};

/// One slave as seen by its master.
#[derive(Clone, Debug)]
pub(super) struct Exchange {
    slave: u8,
    outstanding: Option<(Request, Vec<u8>)>,
    recent: [u16; 2],
}

/// What a frame is to the outstanding question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Judged {
    /// Its answer.
    Registers(Vec<u16>),
    /// Its answer: a write was carried out, or an answer without registers.
    Written,
    /// Its answer: a refusal.
    Refused(Exception),
    /// Not its answer.
    Foreign(Foreign),
}

impl Exchange {
    pub(super) fn new(slave: u8) -> Exchange {
        Exchange { slave, outstanding: None, recent: [0; 2] }
    }

    /// Counts of the last two reads, the newest first.
    pub(super) fn recent(&self) -> [u16; 2] {
        self.recent
    }

    /// A read goes out.
    pub(super) fn read(&mut self, table: Table, window: Window) -> Vec<u8> {
        self.recent = [window.count, self.recent[0]];
        self.ask(Request::Read { table, start: window.start, count: window.count })
    }

    /// A question goes out.
    pub(super) fn ask(&mut self, request: Request) -> Vec<u8> {
        let octets = request.encode(self.slave);
        self.outstanding = Some((request, octets.clone()));
        octets
    }

    /// The question stays unanswered.
    pub(super) fn close(&mut self) {
        self.outstanding = None;
    }

    pub(super) fn cut(&self, received: &[u8]) -> Cut {
        match &self.outstanding {
            Some((_, question)) => cut_answer(received, question),
            None => cut(received, Direction::Response),
        }
    }

    /// Judges a whole frame. Everything but a foreign one closes the question.
    pub(super) fn judge(&mut self, frame: &[u8]) -> Judged {
        let Some((request, question)) = &self.outstanding else { return Judged::Foreign(Foreign::Question) };
        let decoded = Response::decode(frame);
        let answer = match decoded {
            Ok((slave, _)) if slave != self.slave => return Judged::Foreign(Foreign::Address),
            Ok((_, response)) if request.is_answered_by(&response) => response,
            Ok(_) | Err(_) if frame == question => return Judged::Foreign(Foreign::Echo),
            Ok(_) | Err(_) => return Judged::Foreign(Foreign::Question),
        };
        self.outstanding = None;
        match answer {
            Response::Registers { registers, .. } => Judged::Registers(registers),
            Response::Exception { exception, .. } => Judged::Refused(exception),
            Response::Bits { .. }
            | Response::WriteCoil { .. }
            | Response::WriteRegister { .. }
            | Response::WriteCoils { .. }
            | Response::WriteRegisters { .. }
            | Response::DeviceId(_) => Judged::Written,
        }
    }
}
