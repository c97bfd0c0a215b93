//! Login, life, states of connectors, questions for a start (0x01 to 0x04, 0x13, 0x31 to 0x33; ykc16.md 4).

use super::values::{self, card_phys, deciamperes, decivolts, degrees, energy, fit, gun, pile, serial};
use super::wire::field::{Ascii, Bcd, Raw};
use super::wire::message::charging;
use super::wire::message::login::{Heartbeat, Login};
use super::wire::message::start::{RemoteStartReply, StartDecision, StartRequest};
use super::{Pile, SOFTWARE};
use crate::model::ident::{ConnectorId, Credential, TransactionNumber};
use crate::model::message::{AuthoriseRequest, Decision, Realtime, StartOutcome, StartResult};
use crate::model::record::StartMode;
use crate::model::session::{ConnectorState, Grant};
use crate::uplink::Reply;
use std::time::Duration;

/// Reason of 0202r: mode not supported.
const NOT_SUPPORTED: u8 = 12;
/// Reason of 0202r: other.
const OTHER: u8 = 13;

/// 0x01.
pub(super) fn login(of: &Pile, software: &str) -> Login {
    const V1_6: u8 = 16;
    const LAN: u8 = 1;
    const OTHER_OPERATOR: u8 = 4;
    Login {
        pile: pile(of.code),
        pile_type: if of.dc { 0 } else { 1 },
        guns: fit(i64::try_from(of.connectors.len()).unwrap_or(i64::MAX)),
        proto_ver: V1_6,
        sw_ver: software
            .get(..software.len().min(SOFTWARE))
            .and_then(Ascii::new)
            .unwrap_or(Ascii([0; SOFTWARE])),
        net: LAN,
        sim: Bcd([0; 10]),
        operator: OTHER_OPERATOR,
    }
}

/// 0x03.
pub(super) fn heartbeat(connector: ConnectorId, faulted: bool) -> Heartbeat {
    Heartbeat { pile: pile(connector.pile), gun: gun(connector.number), state: faulted.into() }
}

/// State of 0x13. `None`: a session is about to begin. There is no word for that, and two reports of an idle connector
/// make its order abnormal.
fn state(now: &Realtime) -> Option<u8> {
    const OFFLINE: u8 = 0;
    const FAULT: u8 = 1;
    const IDLE: u8 = 2;
    const CHARGING: u8 = 3;
    match now.state {
        ConnectorState::Unknown => Some(OFFLINE),
        ConnectorState::Faulted | ConnectorState::OutOfService => Some(FAULT),
        ConnectorState::Idle | ConnectorState::Plugged | ConnectorState::Finished => Some(IDLE),
        ConnectorState::Authorising => now.txn.is_none().then_some(IDLE),
        ConnectorState::Starting => None,
        ConnectorState::Charging | ConnectorState::Paused | ConnectorState::Stopping => Some(CHARGING),
    }
}

/// Whether a connector in this state counts as faulted in 0x03.
pub(super) fn is_faulted(state: ConnectorState) -> bool {
    match state {
        ConnectorState::Unknown | ConnectorState::Faulted | ConnectorState::OutOfService => true,
        ConnectorState::Idle
        | ConnectorState::Plugged
        | ConnectorState::Authorising
        | ConnectorState::Starting
        | ConnectorState::Charging
        | ConnectorState::Paused
        | ConnectorState::Stopping
        | ConnectorState::Finished => false,
    }
}

/// 0x13; `None` when there is nothing to say. A connector without a running session shows no transaction and no energy.
pub(super) fn realtime(now: &Realtime) -> Option<charging::Realtime> {
    const HOMED_UNKNOWN: u8 = 2;
    let state = state(now)?;
    let runs =
        !matches!(now.state, ConnectorState::Finished | ConnectorState::Plugged | ConnectorState::Idle);
    let minutes = |span: Duration| fit(i64::try_from(span.as_secs() / 60).unwrap_or(i64::MAX));
    let kwh = if runs { energy(now.energy) } else { 0 };
    let amount = (now.electricity_amount + now.service_amount).0;
    Some(charging::Realtime {
        serial: serial(if runs { now.txn } else { TransactionNumber::default() }),
        pile: pile(now.connector.pile),
        gun: gun(now.connector.number),
        state,
        homed: HOMED_UNKNOWN,
        plugged: now.plugged.unwrap_or_default().into(),
        volt: decivolts(now.voltage),
        curr: deciamperes(now.current),
        cable_temp: degrees(now.connector_temperature_c),
        cable_code: Raw([0; 8]),
        soc: now.soc.unwrap_or_default(),
        batt_max_temp: degrees(now.battery_temperature_c),
        charge_min: if runs { minutes(now.elapsed) } else { 0 },
        remain_min: now.remaining.filter(|_| runs).map_or(0, minutes),
        kwh,
        kwh_loss: kwh,
        amount: if runs { fit(amount) } else { 0 },
        hw_fault: hardware(now.faults),
    })
}

/// Fault bits of ours (platform-222.md 13.3) that have a bit of their own here (ykc16.md 5).
fn hardware(faults: u32) -> u16 {
    const SAME: [(u32, u16); 9] = [
        (0, 1),   // emergency stop
        (7, 2),   // no power module
        (6, 3),   // too hot inside
        (13, 4),  // surge arrester
        (1, 5),   // charger does not answer
        (2, 7),   // meter does not answer
        (3, 8),   // card reader does not answer
        (11, 12), // contactor
        (15, 13), // door open
    ];
    SAME.iter().filter(|(ours, _)| faults & (1 << ours) != 0).fold(0, |bits, (_, theirs)| bits | 1 << theirs)
}

/// 0x31; `None` for a credential or start mode that it has no words for.
pub(super) fn authorise(asks: &AuthoriseRequest) -> Option<StartRequest> {
    const CARD: u8 = 1;
    const VIN: u8 = 3;
    const NONE: Ascii<17> = Ascii([0; 17]);
    let (mode, card_phys, vin) = match &asks.credential {
        Credential::Card(uid) => (CARD, card_phys(uid)?, NONE),
        Credential::Vin(vin) => (VIN, Raw([0; 8]), values::vin(Some(vin)).reversed()),
        Credential::None | Credential::FleetNumber(_) | Credential::Account(_) | Credential::Plate(_) => {
            return None;
        }
    };
    Some(StartRequest {
        pile: pile(asks.connector.pile),
        gun: gun(asks.connector.number),
        mode,
        need_pwd: 0,
        card_phys,
        pwd: Raw([0; 16]),
        vin,
    })
}

/// 0x32. Only 1 accepts, and only with a number.
pub(super) fn decision(told: &StartDecision) -> Reply {
    const REFUSED: u8 = 0;
    const ACCEPTED: u8 = 1;
    let txn = values::txn(told.serial);
    Reply::Decision(match told.ok {
        ACCEPTED if !txn.is_none() => Decision::Accepted {
            grant: Grant {
                txn,
                account: values::account(told.card_logic),
                balance: values::balance(told.balance),
                ..Grant::default()
            },
            wait_for_start: false,
        },
        REFUSED => Decision::Refused(refusal(told.reason)),
        _ => Decision::Refused(OTHER),
    })
}

/// Reason of 0x32 as one of 0202r.
fn refusal(reason: u8) -> u8 {
    const PILE_HAS_RECORD: u8 = 11;
    match reason {
        1..=9 => reason,
        0x0A => PILE_HAS_RECORD,
        0x0B => NOT_SUPPORTED,
        _ => OTHER,
    }
}

/// The second 0x33, which follows when the plug came in time.
pub(super) fn plugged_in_time(result: &StartResult) -> Option<RemoteStartReply> {
    let started = result.start_mode == StartMode::Remote && result.result == StartOutcome::Charging;
    started.then(|| RemoteStartReply {
        serial: serial(result.txn),
        pile: pile(result.connector.pile),
        gun: gun(result.connector.number),
        ok: 1,
        reason: 0,
    })
}
