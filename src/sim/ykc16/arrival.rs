//! Login, life, billing model (0x01 to 0x0A; ykc16.md 2, 4).

use super::{Action, Platform, body_of};
use crate::model::ident::DeviceCode;
use crate::model::tariff::Tariff;
use crate::model::time::Now;
use crate::wire::ykc16::body::Opened;
use crate::wire::ykc16::field::Bcd;
use crate::wire::ykc16::layout::Group;
use crate::wire::ykc16::message::login::{Heartbeat, HeartbeatReply, Login, LoginReply, TimeSet};
use crate::wire::ykc16::message::tariff::{ModelCheck, ModelCheckReply, ModelReply, ModelRequest, ModelSet};
use crate::wire::ykc16::time::Cp56;
use std::time::Duration;

const V1_6: u8 = 16;
const HEARTBEAT: Duration = Duration::from_secs(10);

impl Platform {
    /// 0x01. A refused pile loses its connection.
    pub(super) fn login(&mut self, now: Now, id: u64, opened: &Opened<'_>, out: &mut Vec<Action>) {
        let Some(m) = body_of::<Login>(opened) else { return };
        let pile = DeviceCode(m.pile.0);
        let guns = self.config.piles.get(&pile).map(Vec::len);
        let mut wrong = Vec::new();
        if guns.is_some_and(|guns| guns != usize::from(m.guns)) {
            wrong.push(format!("0x01: {pile} has {} connectors", m.guns));
        }
        if m.proto_ver != V1_6 || m.pile_type > 1 || m.net > 3 {
            wrong.push(format!(
                "0x01 of {pile}: version {}, type {}, network {}",
                m.proto_ver, m.pile_type, m.net
            ));
        }
        wrong.into_iter().for_each(|wrong| self.complain(wrong));
        let result = u8::from(guns.is_none());
        self.reply(now, id, opened, &LoginReply { pile: m.pile, result }, out);
        if result != 0 {
            out.push(Action::Say(format!("{pile}  login refused: unknown")));
            self.end(id, out);
            return;
        }
        self.piles.insert(pile, id);
        self.online_since.insert(pile, now.wall);
        self.logins += 1;
        out.push(Action::Say(format!("{pile}  logged in")));
        let time = TimeSet { pile: m.pile, time: Cp56::new(now.wall.local()) };
        self.command(pile, &time, None);
        if !std::mem::replace(&mut self.synced, true) {
            self.sync();
        }
    }

    /// 0x03.
    pub(super) fn heartbeat(&mut self, now: Now, id: u64, opened: &Opened<'_>, out: &mut Vec<Action>) {
        let Some(m) = body_of::<Heartbeat>(opened) else { return };
        let Some(connector) = self.connector(opened.header.kind, m.pile.0, m.gun.0[0]) else { return };
        let disturbed = self.is_disturbed(id);
        let before = self.connections.get_mut(&id).and_then(|c| c.heartbeats.insert(connector, now.mono));
        let gap = before.map_or(HEARTBEAT, |before| now.mono.since(before));
        if !disturbed && (gap > HEARTBEAT * 2 || gap < HEARTBEAT / 2) {
            self.complain(format!("0x03 of {connector}: {} ms after the one before", gap.as_millis()));
        }
        self.reply(now, id, opened, &HeartbeatReply { pile: m.pile, gun: m.gun, ack: 0 }, out);
    }

    /// 0x05.
    pub(super) fn model_check(&mut self, now: Now, id: u64, opened: &Opened<'_>, out: &mut Vec<Action>) {
        let Some(m) = body_of::<ModelCheck>(opened) else { return };
        let ours = self.tariff.as_ref().map_or(Bcd([0, 0]), model_number);
        let differs = m.model_no != ours;
        let pile = DeviceCode(m.pile.0);
        if let Some(connection) = self.connections.get_mut(&id) {
            connection.wanting.retain(|wanting| *wanting != pile);
            connection.wanting.extend(differs.then_some(pile));
        }
        let reply = ModelCheckReply { pile: m.pile, model_no: ours, result: differs.into() };
        self.reply(now, id, opened, &reply, out);
    }

    /// 0x09.
    pub(super) fn model_request(&mut self, now: Now, id: u64, opened: &Opened<'_>, out: &mut Vec<Action>) {
        let Some(m) = body_of::<ModelRequest>(opened) else { return };
        let pile = DeviceCode(m.pile.0);
        let wanted = self.connections.get(&id).is_some_and(|c| c.wanting.contains(&pile) || c.disturbed);
        if !wanted {
            self.complain(format!("0x09 of {pile} although its model does not differ"));
        }
        if let Some(set) = self.tariff.as_ref().map(|tariff| model(m.pile, tariff)) {
            self.reply(now, id, opened, &as_reply(&set), out);
        }
    }
}

/// Four digits, as decimal digits of the tariff's number.
pub(super) fn model_number(tariff: &Tariff) -> Bcd<2> {
    let digit = |place: u32| (tariff.number / 10_u32.pow(place) % 10) as u8;
    Bcd([(digit(3) << 4) | digit(2), (digit(1) << 4) | digit(0)])
}

/// The billing model of a tariff with the tiers tip, peak, flat, valley.
pub(super) fn model(pile: Bcd<7>, tariff: &Tariff) -> ModelSet {
    let price = |tier: usize| tariff.tiers.get(tier).map_or((0, 0), |t| (t.electricity.0, t.service.0));
    let ((tip_elec, tip_serv), (peak_elec, peak_serv)) = (price(0), price(1));
    let ((flat_elec, flat_serv), (valley_elec, valley_serv)) = (price(2), price(3));
    let mut slots = [0; 48];
    slots.iter_mut().zip(&tariff.slots).for_each(|(slot, tier)| *slot = *tier);
    ModelSet {
        pile,
        model_no: model_number(tariff),
        tip_elec,
        tip_serv,
        peak_elec,
        peak_serv,
        flat_elec,
        flat_serv,
        valley_elec,
        valley_serv,
        loss_ratio: 0,
        slots,
    }
}

/// 0x0A has the table of 0x58.
pub(super) fn as_reply(set: &ModelSet) -> ModelReply {
    let mut octets = Vec::new();
    set.put_rows(&mut octets);
    ModelReply::take_rows(&mut &octets[..]).expect("0x0A and 0x58 have the same rows")
}
