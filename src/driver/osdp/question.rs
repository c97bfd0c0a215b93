//! What is asked next, and how it is written.

use super::{Asked, Pending, Reader, STATUS, Stage, TRIES};
use crate::driver::{Class, Question};
use crate::model::time::Instant;
use crate::wire::osdp::command::{Challenge, Plea, ServerProof};
use crate::wire::osdp::{Block, Check, Command, Header, Octets, Reserved, Security, secure};

impl Reader {
    pub(super) fn next(&mut self, now: Instant) -> (Asked, Command, Class) {
        match &self.stage {
            Stage::Identify => self.identify(),
            Stage::Capabilities => {
                (Asked::Capabilities, Command::Capabilities(Plea { kind: Reserved(0) }), Class::Live)
            }
            Stage::Challenge | Stage::Challenged(_) => self.challenge(),
            Stage::Prove(proof) => {
                let server_cryptogram = Octets(proof.server_cryptogram());
                (Asked::Proof, Command::ServerProof(ServerProof { server_cryptogram }), Class::Live)
            }
            Stage::KeySet => match self.key_set() {
                Some(command) => (Asked::KeySet, command, Class::Live),
                None => self.identify(),
            },
            Stage::Online => self.online_question(now),
        }
    }

    pub(super) fn identify(&self) -> (Asked, Command, Class) {
        (Asked::Identity, Command::Id(Plea { kind: Reserved(0) }), Class::Live)
    }

    pub(super) fn challenge(&mut self) -> (Asked, Command, Class) {
        let Some(key) = &self.config.key else { return self.identify() };
        let challenge = secure::Challenge::new(&self.install.base(key), (self.nonce)());
        let rnd_a = Octets(challenge.rnd_a());
        self.stage = Stage::Challenged(challenge);
        (Asked::Challenge, Command::Challenge(Challenge { rnd_a }), Class::Live)
    }

    pub(super) fn online_question(&mut self, now: Instant) -> (Asked, Command, Class) {
        if let Some(show) = &mut self.show
            && let Some(step) = show.steps.pop_front()
        {
            let command = step.command.clone();
            return (Asked::Show(step, show.order), command, Class::Command);
        }
        if self.status_due.is_some_and(|due| due <= now) {
            self.status_due = Some(now + STATUS);
            return (Asked::Status, Command::LocalStatus, Class::Live);
        }
        self.due = now + self.config.poll();
        (Asked::Poll, Command::Poll, Class::Live)
    }

    pub(super) fn question(&mut self, asked: Asked, command: &Command, class: Class) -> Question {
        let header = Header {
            mark: self.config.mark,
            address: self.config.address,
            reply: false,
            sequence: self.sequence,
            check: Check::Crc,
        };
        let octets = match (&mut self.channel, block(&asked, self.install.key_kind())) {
            (Some(channel), _) => channel.seal(&header, command.code(), &command.data()),
            (None, security) => header.frame(security, command.code(), &command.data()),
        };
        let question =
            Question { octets, class, kind: u16::from(command.code()), expects_reply: true, tries: TRIES };
        let sequence = self.sequence;
        self.pending =
            Some(Pending { asked, sequence, question: question.clone(), busy_since: None, complaints: 0 });
        question
    }
}

fn block(asked: &Asked, key_kind: u8) -> Option<Security> {
    match asked {
        Asked::Challenge => Some(security(Block::Challenge, key_kind)),
        Asked::Proof => Some(security(Block::ServerProof, key_kind)),
        Asked::Identity
        | Asked::Capabilities
        | Asked::KeySet
        | Asked::Poll
        | Asked::Status
        | Asked::Show(..) => None,
    }
}

/// The security block of a handshake with a key of this kind.
pub(super) fn security(block: Block, key_kind: u8) -> Security {
    Security { block, data: Some(key_kind) }
}
