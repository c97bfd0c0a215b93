//! What is let in as an answer, and what it means.

use super::question::security;
use super::{Abilities, Asked, COMPLAINTS, HEAD_TAMPER, OFFLINE, OWN_KEY, Reader, Stage, card};
use crate::driver::Foreign;
use crate::model::report::{OrderFault, Report};
use crate::model::time::Instant;
use crate::wire::osdp::reply::{ClientProof, InitialMac, Nak, Raw};
use crate::wire::osdp::{Block, Check, Frame, Reply, Security};
use std::mem;

/// How a reply came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Arrival {
    Plain,
    Handshake(Security),
    Sealed { hidden: bool },
}

impl Reader {
    /// Lets in what may be the answer: the reply (`None` when its content cannot be read), and how it came.
    pub(super) fn admit(
        &mut self,
        frame: &Frame<'_>,
        sequence: u8,
    ) -> Result<(Option<Reply>, Arrival), Foreign> {
        let plain = frame.security.is_none();
        let restless = matches!(Reply::decode(frame.code, frame.body), Ok(Reply::Busy | Reply::Nak(_)));
        let late = frame.header.sequence != sequence && !(plain && restless && frame.header.sequence == 0);
        if late || frame.header.check != Check::Crc {
            return Err(Foreign::Question);
        }
        let (data, arrival) = match (&mut self.channel, frame.security) {
            (Some(_), None) if restless => (frame.body.to_vec(), Arrival::Plain),
            (Some(channel), Some(_)) => match channel.open(frame) {
                Ok(opened) => (opened.data, Arrival::Sealed { hidden: opened.hidden }),
                Err(_) => {
                    self.counters.mac_refused += 1;
                    return Err(Foreign::Question);
                }
            },
            (Some(_), None) => {
                self.counters.plain_refused += 1;
                return Err(Foreign::Question);
            }
            (None, None) => (frame.body.to_vec(), Arrival::Plain),
            (None, Some(security)) if !security.block.has_mac() => {
                (frame.body.to_vec(), Arrival::Handshake(security))
            }
            (None, Some(_)) => return Err(Foreign::Question),
        };
        let reply = Reply::decode(frame.code, &data).ok();
        self.counters.unreadable += u64::from(reply.is_none());
        Ok((reply, arrival))
    }

    /// The reader wants the same question again: later when busy, at once when it could not read it.
    pub(super) fn postponed(&mut self, now: Instant, reply: &Reply) -> bool {
        let poll = self.config.poll();
        let Some(pending) = &mut self.pending else { return false };
        if *reply == Reply::Busy {
            self.counters.busy += 1;
            let since = *pending.busy_since.get_or_insert(now);
            self.again = (now.since(since) < OFFLINE).then(|| now + poll);
        } else if matches!(reply, Reply::Nak(nak) if nak.error == Nak::BAD_CHECKSUM) {
            self.counters.naks += 1;
            pending.complaints += 1;
            self.again = (pending.complaints < COMPLAINTS).then_some(now);
        }
        self.again.is_some()
    }

    pub(super) fn answered(&mut self, now: Instant, reply: Option<Reply>, arrival: Arrival) -> Vec<Report> {
        let Some(pending) = self.pending.take() else { return Vec::new() };
        self.sequence = if pending.sequence == 3 { 1 } else { pending.sequence + 1 };
        self.heard_at = now;
        self.silent = false;
        let was_secure = self.channel.is_some();
        let mut reports = match reply {
            Some(Reply::Nak(nak)) => {
                self.counters.naks += 1;
                let mut reports = self.refused(now, pending.asked, nak.error, was_secure, arrival);
                if was_secure && arrival == Arrival::Plain && self.channel.is_some() {
                    reports.extend(self.lose(now)); // the reader has forgotten the session
                }
                reports
            }
            Some(Reply::Busy) => self.lose(now),
            reply => self.accepted(now, pending.asked, reply, arrival),
        };
        reports.extend(self.condition(false));
        reports
    }

    pub(super) fn accepted(
        &mut self,
        now: Instant,
        asked: Asked,
        reply: Option<Reply>,
        arrival: Arrival,
    ) -> Vec<Report> {
        match (asked, reply) {
            (Asked::Identity, Some(Reply::Identity(_))) => {
                self.advance(now, Stage::Capabilities);
                Vec::new()
            }
            (Asked::Capabilities, Some(Reply::Capabilities(told))) => {
                self.abilities = Abilities::told(&told);
                self.known(now)
            }
            (Asked::Challenge, Some(Reply::ClientProof(proof))) => self.client_proof(now, &proof, arrival),
            (Asked::Proof, Some(Reply::InitialMac(first))) => self.initial_mac(now, &first, arrival),
            (Asked::Identity | Asked::Capabilities, _) => self.lose(now),
            (Asked::KeySet, Some(Reply::Ack)) => self.key_taken(now),
            (Asked::Challenge | Asked::Proof | Asked::KeySet, _) => self.wrong_key(now),
            (Asked::Poll | Asked::Status, reply) => {
                self.failures = 0;
                reply.and_then(|reply| self.event(now, &reply, arrival)).into_iter().collect()
            }
            (Asked::Show(_, order), reply) => {
                let mut reports: Vec<Report> =
                    reply.and_then(|reply| self.event(now, &reply, arrival)).into_iter().collect();
                reports.extend(self.step_done(order, Ok(())));
                reports
            }
        }
    }

    /// The reader shows that it has our key.
    fn client_proof(&mut self, now: Instant, proof: &ClientProof, arrival: Arrival) -> Vec<Report> {
        let own = arrival == Arrival::Handshake(security(Block::ClientProof, self.install.key_kind()));
        let proven = match mem::replace(&mut self.stage, Stage::Identify) {
            Stage::Challenged(challenge) if own => {
                challenge.verify(proof.rnd_b.0, &proof.client_cryptogram.0).ok()
            }
            Stage::Identify
            | Stage::Capabilities
            | Stage::Challenge
            | Stage::Challenged(_)
            | Stage::Prove(_)
            | Stage::KeySet
            | Stage::Online => None,
        };
        let Some(proof) = proven else { return self.wrong_key(now) };
        self.advance(now, Stage::Prove(proof));
        Vec::new()
    }

    /// The reader agrees, and both ends have the first value of the chain.
    fn initial_mac(&mut self, now: Instant, first: &InitialMac, arrival: Arrival) -> Vec<Report> {
        // the data octet of RMAC_I is the verdict, whatever the key
        let agreed = arrival == Arrival::Handshake(security(Block::InitialMac, OWN_KEY));
        let channel = match mem::replace(&mut self.stage, Stage::Identify) {
            Stage::Prove(proof) if agreed => proof.confirm(&first.r_mac_i.0).ok(),
            Stage::Identify
            | Stage::Capabilities
            | Stage::Challenge
            | Stage::Challenged(_)
            | Stage::Prove(_)
            | Stage::KeySet
            | Stage::Online => None,
        };
        if channel.is_none() {
            return self.wrong_key(now);
        }
        self.channel = channel;
        self.agreed(now)
    }

    pub(super) fn refused(
        &mut self,
        now: Instant,
        asked: Asked,
        error: u8,
        was_secure: bool,
        arrival: Arrival,
    ) -> Vec<Report> {
        let begins_anew =
            matches!(error, Nak::BAD_SEQUENCE | Nak::BLOCK_UNSUPPORTED | Nak::ENCRYPTION_REQUIRED);
        match asked {
            Asked::Challenge | Asked::Proof | Asked::KeySet if error != Nak::BAD_SEQUENCE => {
                self.wrong_key(now)
            }
            Asked::Challenge | Asked::Proof | Asked::KeySet | Asked::Identity => self.lose(now),
            Asked::Capabilities if error == Nak::UNKNOWN_COMMAND => {
                self.abilities = Abilities::ASSUMED;
                self.known(now)
            }
            Asked::Capabilities => self.lose(now),
            Asked::Poll | Asked::Status | Asked::Show(..) if begins_anew => self.lose(now),
            Asked::Poll => Vec::new(),
            Asked::Status => {
                if error == Nak::UNKNOWN_COMMAND {
                    self.status_due = None;
                }
                Vec::new()
            }
            Asked::Show(step, order) => {
                let genuine = !was_secure || arrival != Arrival::Plain;
                if error == Nak::UNKNOWN_COMMAND && genuine {
                    self.abilities.lose(step.means);
                }
                self.step_done(order, Err(OrderFault::Refused(u16::from(error)))).into_iter().collect()
            }
        }
    }

    /// A reply to a question that any event may answer.
    pub(super) fn event(&mut self, now: Instant, reply: &Reply, arrival: Arrival) -> Option<Report> {
        if let Reply::Raw(raw) = reply {
            return self.card(now, raw, arrival);
        }
        if let Reply::LocalStatus(local) = reply {
            self.status.tamper = local.tamper != 0;
            self.status.power_failing = local.power != 0;
        }
        if let Reply::ReaderStatus(heads) = reply {
            self.head_tamper = heads.states.contains(&HEAD_TAMPER);
        }
        None
    }

    pub(super) fn card(&mut self, now: Instant, raw: &Raw, arrival: Arrival) -> Option<Report> {
        if self.config.key.is_some() && arrival != (Arrival::Sealed { hidden: true }) {
            self.counters.plain_refused += 1;
            return None;
        }
        match card::uid(raw, self.config.notation) {
            Ok(uid) => self.debounce.is_new(now, uid).then_some(Report::Card(uid)),
            Err(_) => {
                self.counters.no_card += 1;
                None
            }
        }
    }
}
