//! Login, life, piles, tariffs, and the order after login (platform-222.md 5, 7).

use super::{Action, Platform};
use crate::model::ident::DeviceCode;
use crate::model::tariff::Tariff;
use crate::model::time::{Now, Utc};
use crate::wire::platform222::{Body, Header, cp56, dialect, octets, reply};
use hmac::{Hmac, Mac};
use sha2::Sha256;
use std::time::Duration;

/// A login time may differ from ours by this much.
const LOGIN_TIME_MS: i64 = 600_000;
/// Four sends of a question and ten seconds each.
const PATIENCE: Duration = Duration::from_secs(40);
/// Nonces remembered.
const NONCES: usize = 100_000;
/// Online periods remembered.
const PERIODS: usize = 256;

impl Platform {
    /// 0101: the body of its reply.
    pub(super) fn login(
        &mut self,
        now: Now,
        id: u64,
        header: &Header,
        body: &Body,
        out: &mut Vec<Action>,
    ) -> Vec<u8> {
        if self.connections.get(&id).is_some_and(|c| c.login.is_some()) {
            self.complain("5.1: a second login on one connection");
        }
        if header.sequence != 1 {
            self.complain(format!("4.1: the first frame has sequence {}", header.sequence));
        }
        let result = self.judge_login(now, header, body);
        if result == 0 {
            self.accept(now, id, body, out);
        } else {
            self.complain(format!("5.2: login refused with {result}"));
        }
        let retry: u16 = 0;
        octets::write(
            &reply(0x0101)
                .number("result", result)
                .number("retry_after", retry)
                .time("time", Some(now.wall.local()))
                .number("heartbeat", self.config.heartbeat)
                .number("telemetry_charging", self.config.telemetry_charging)
                .number("telemetry_idle", self.config.telemetry_idle)
                .number("record_window", self.config.record_window),
        )
    }

    /// The version of a login is not ours: its reply names the one that we speak.
    pub(super) fn login_version(&self, now: Now) -> Vec<u8> {
        let body = reply(0x0101).number("result", dialect::VERSION_NOT_SUPPORTED);
        octets::write(&body.time("time", Some(now.wall.local())))
    }

    fn judge_login(&mut self, now: Now, header: &Header, body: &Body) -> u8 {
        const UNKNOWN_STATION: u8 = 1;
        const DIGEST_WRONG: u8 = 2;
        if header.device != self.config.station.0 {
            return UNKNOWN_STATION;
        }
        let nonce: [u8; 16] = body.array("nonce");
        if !self.nonces.insert(nonce) {
            self.complain("5.2: a nonce was used before");
            return DIGEST_WRONG;
        }
        if self.nonces.len() > NONCES {
            self.nonces.pop_first();
        }
        let time = body.when("time");
        let off = time.map(|t| Utc::from_local(t).0.saturating_sub(now.wall.0).saturating_abs());
        if off.is_some_and(|ms| ms > LOGIN_TIME_MS) {
            return DIGEST_WRONG;
        }
        let wanted = self.config.secret.as_ref().map(|secret| proof(secret, header.device, &nonce, time));
        if wanted.is_some_and(|wanted| wanted != body.array::<32>("digest")) {
            return DIGEST_WRONG;
        }
        0
    }

    fn accept(&mut self, now: Now, id: u64, body: &Body, out: &mut Vec<Action>) {
        if let Some(old) = self.current.filter(|old| *old != id) {
            self.end(now, old, out);
        }
        let boots: u32 = body.int("boot_counter");
        if boots < self.boot_counter {
            self.complain(format!("0101: boot counter {boots} after {}", self.boot_counter));
        }
        if boots > self.boot_counter {
            // What a program told that ended without warning need not have been on its disk.
            self.sessions.values_mut().for_each(|session| session.progress = [0; 4]);
        }
        self.boot_counter = boots;
        self.logins += 1;
        self.current = Some(id);
        self.murky.iter_mut().for_each(|(_, end)| *end = end.or(Some(now.wall)));
        self.online.push((now.wall, None));
        if self.online.len() > PERIODS {
            self.online.remove(0);
        }
        if let Some(connection) = self.connections.get_mut(&id) {
            connection.login = Some((now.mono, now.wall));
            connection.heartbeat = now.mono;
        }
        out.push(Action::Say(format!(
            "login {}, {} records unsent",
            self.logins,
            body.num("unsent_records")
        )));
        self.lists_at_login(body.int("card_list_version"), body.int("vin_list_version"));
    }

    /// 0102.
    pub(super) fn heartbeat(&mut self, now: Now, id: u64) -> Body {
        let period = Duration::from_secs(u64::from(self.config.heartbeat.clamp(5, 600)));
        let late = period / 2 + Duration::from_secs(2);
        let disturbed = self.is_disturbed(id);
        if let Some(connection) = self.connections.get_mut(&id) {
            let gap = now.mono.since(connection.heartbeat);
            connection.heartbeat = now.mono;
            if !disturbed && (gap > period + late || gap + late < period) {
                self.complain(format!("5.4: {} ms between heartbeats", gap.as_millis()));
            }
        }
        reply(0x0102).time("time", Some(now.wall.local()))
    }

    /// 0103.
    pub(super) fn pile_register(&mut self, id: u64, header: &Header, body: &Body) -> Body {
        const UNKNOWN: u8 = 1;
        const CONNECTORS_DIFFER: u8 = 2;
        let pile = DeviceCode(header.device);
        let connectors: u8 = body.int("connectors");
        let mut wrong = None;
        if let Some(connection) = self.connections.get_mut(&id) {
            let order = &mut connection.order;
            if !order.tariff_checked && order.last_pile.is_some_and(|last| last >= pile) {
                wrong = Some(format!("5.5: 0103 of {pile} after {:?}", order.last_pile));
            }
            order.last_pile = Some(pile);
            order.piles.insert(pile);
        }
        wrong.into_iter().for_each(|wrong| self.complain(wrong));
        let result = match self.piles.get(&pile) {
            Some(known) if *known == connectors => 0,
            Some(_) => CONNECTORS_DIFFER,
            None if self.config.piles.is_empty() => {
                self.piles.insert(pile, connectors);
                0
            }
            None => UNKNOWN,
        };
        if result != 0 {
            self.complain(format!("0103: pile {pile} with {connectors} connectors: result {result}"));
        }
        reply(0x0103).number("result", result)
    }

    /// 0105.
    pub(super) fn tariff_check(&mut self, id: u64, body: &Body) -> Body {
        let number: u32 = body.int("tariff_number");
        let ours = self.tariff.unwrap_or(0);
        let missing: Vec<DeviceCode> = self.connections.get(&id).map_or(Vec::new(), |c| {
            self.config.piles.keys().filter(|pile| !c.order.piles.contains(pile)).copied().collect()
        });
        if !missing.is_empty() {
            self.complain(format!("5.5: 0105 before 0103 of {missing:?}"));
        }
        if let Some(connection) = self.connections.get_mut(&id) {
            connection.order.tariff_checked = true;
            connection.order.tariff_wanted = number != ours;
            connection.order.tariff_sent = false;
        }
        reply(0x0105).number("result", u8::from(number != ours)).number("tariff_number", ours)
    }

    /// 0106.
    pub(super) fn tariff_request(&mut self, id: u64) -> Body {
        let wanted = self.connections.get_mut(&id).is_some_and(|connection| {
            connection.order.tariff_sent = true;
            connection.order.tariff_wanted
        });
        if !wanted {
            self.complain("5.5: 0106 although the tariff does not differ");
        }
        match self.tariff.and_then(|number| self.tariffs.get(&number)) {
            Some(tariff) => tariff_block(reply(0x0106), tariff),
            None => reply(0x0106),
        }
    }

    /// Nothing of charging goes before steps 2 and 3, unless their questions stayed unanswered.
    pub(super) fn judge_order(&mut self, now: Now, id: u64, what: &str) {
        let Some(connection) = self.connections.get(&id) else { return };
        let since = connection.login.map_or(Duration::ZERO, |(login, _)| now.mono.since(login));
        let excused = connection.disturbed && since > PATIENCE;
        if !connection.order.is_settled() && !excused {
            self.complain(format!("5.5: {what} before the tariff was settled"));
        }
    }
}

/// The block of 0106r and 0107.
pub(super) fn tariff_block(body: Body, tariff: &Tariff) -> Body {
    body.number("number", tariff.number)
        .time("valid_from", tariff.valid_from.map(Utc::local))
        .list("tiers", &tariff.tiers, |entry, tier| {
            entry
                .number("code", tier.code)
                .number("electricity_price", tier.electricity.0)
                .number("service_price", tier.service.0)
        })
        .octets("slots", &tariff.slots)
}

/// The login proof by 5.2.
fn proof(secret: &[u8], station: [u8; 7], nonce: &[u8; 16], time: cp56::LocalTime) -> [u8; 32] {
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret) else { return [0; 32] };
    mac.update(DeviceCode(station).to_string().as_bytes());
    mac.update(nonce);
    mac.update(&cp56::write(time));
    mac.finalize().into_bytes().into()
}
