//! One gun: what its devices told, what runs there, and what others may see of it (platform-222.md 13.2, 13.3).

use super::ConnectorConfig;
use super::battery::Told;
use super::identify::Identification;
use super::vehicles::Known;
use crate::model::batch::Row;
use crate::model::ident::{CardUid, Credential, TransactionNumber};
use crate::model::message::Realtime;
use crate::model::quantity::{Current, Energy, Power, Voltage};
use crate::model::record::StartMode;
use crate::model::report::{ChargerState, ChargerStatus, LinkState, MeterReading, ReaderStatus};
use crate::model::request::Feedback;
use crate::model::session::ConnectorState;
use crate::model::time::{Instant, Utc};
use crate::session::{Opening, Session};

/// Fault bits of platform-222.md 13.3 that the station itself knows.
pub(super) mod fault {
    pub(crate) const EMERGENCY_STOP: u32 = 1 << 0;
    pub(crate) const CHARGER_LINK: u32 = 1 << 1;
    pub(crate) const METER_LINK: u32 = 1 << 2;
    pub(crate) const READER_LINK: u32 = 1 << 3;
    pub(crate) const TARIFF_MISSING: u32 = 1 << 21;
    pub(crate) const CLOCK_NOT_TRUSTED: u32 = 1 << 22;
    pub(crate) const STORAGE: u32 = 1 << 24;
    pub(crate) const BMS_LISTENER: u32 = 1 << 25;
    /// With one of these nobody may charge: emergency stop, insulation, short, contactor, smoke.
    pub(crate) const FORBID: u32 = EMERGENCY_STOP | 1 << 4 | 1 << 10 | 1 << 11 | 1 << 16;
}

/// What a device is to a gun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Charger,
    Meter,
    Reader,
    Tap,
}

/// The newest values of the meter, kept over readings that do not hold all of them.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct MeterValues {
    pub(super) register: Option<Energy>,
    pub(super) voltage: Option<Voltage>,
    pub(super) current: Option<Current>,
    pub(super) power: Option<Power>,
}

impl MeterValues {
    pub(super) fn take(&mut self, reading: &MeterReading) {
        self.register = reading.register.or(self.register);
        self.voltage = reading.voltage.or(self.voltage);
        self.current = reading.current.or(self.current);
        self.power = reading.power.or(self.power);
    }
}

/// Who waits for a session to be durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// The platform said yes to a card or a vehicle: 0204 tells.
    Platform,
    /// A plug came in after 0203 result 5: as above, and its wait is in the table of sessions.
    Waited,
    /// 0203 with this ticket.
    Remote(u64),
    /// An entry of a list.
    Offline,
    /// An operator's order with this ticket.
    Operator(u64),
    /// It was found open at the start.
    Recovered,
}

/// A session and its place here.
#[derive(Debug)]
pub(super) struct Running {
    pub(super) session: Session,
    /// Names its orders; an outcome of an earlier session means nothing to it.
    pub(super) epoch: u32,
    pub(super) origin: Origin,
    /// Its opening is durable.
    pub(super) durable: bool,
    /// Its record is made and on its way to disk.
    pub(super) closing: bool,
    /// Rows that go with its first state.
    pub(super) with: Vec<Row>,
    /// What the disk has of it. 0201 tells no more than this: after a kill the session goes on from here, and energy,
    /// money and time never fall inside a session (platform-222.md 0201).
    pub(super) kept: Realtime,
}

/// Why a start waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Await {
    /// 0203 answered 5: for the plug.
    Plug,
    /// 0202r with `wait_for_start`: for 0203.
    Start,
    /// One plug of two was granted: for the other.
    Partner,
}

/// Who wants to charge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Asker {
    pub(super) credential: Credential,
    pub(super) start_mode: StartMode,
    /// With both plugs of one vehicle.
    pub(super) dual: bool,
}

impl Asker {
    pub(super) fn card(card: CardUid) -> Asker {
        Asker { credential: Credential::Card(card), start_mode: StartMode::CardOnline, dual: false }
    }

    pub(super) fn is_vehicle(&self) -> bool {
        matches!(self.credential, Credential::Vin(_))
    }
}

/// What goes on at a gun.
#[derive(Debug)]
pub(super) enum Phase {
    /// Nothing.
    Free,
    /// The vehicle names itself, the output contactor open; a card may still come before it.
    Identifying { until: Instant },
    /// Somebody wants to charge and the platform is asked.
    Asking { ticket: u64, asker: Asker, until: Instant },
    /// A start was granted and waits; what was answered must be durable before it begins.
    Held {
        what: Await,
        opening: Box<Opening>,
        until: Instant,
        durable: bool,
        /// Who waits for the session, and rows that go with its first state.
        origin: Origin,
        with: Vec<Row>,
    },
    /// A session exists.
    Busy(Box<Running>),
}

/// A record that was made here and may not have been sent yet.
#[derive(Clone, Copy, Debug)]
pub(super) struct Unsent {
    pub(super) record: u64,
    pub(super) txn: TransactionNumber,
    pub(super) until: Instant,
}

/// One gun.
#[derive(Debug)]
pub(super) struct Gun {
    pub(super) config: ConnectorConfig,
    /// Of a session whose connector is not configured any more: no devices, nothing is told of it.
    pub(super) ghost: bool,
    /// An alarm of level 1 forbids a start here.
    pub(super) barred: bool,
    pub(super) charger: ChargerStatus,
    pub(super) charger_link: LinkState,
    pub(super) meter: MeterValues,
    pub(super) meter_link: LinkState,
    pub(super) reader: ReaderStatus,
    pub(super) reader_link: LinkState,
    pub(super) tap_link: LinkState,
    pub(super) phase: Phase,
    pub(super) vehicle: Known,
    pub(super) battery: Told,
    pub(super) identification: Identification,
    /// Plug state when it was last told.
    pub(super) was_plugged: Option<bool>,
    /// Number still shown after the record was made, until the plug is pulled.
    pub(super) finished: Option<TransactionNumber>,
    pub(super) unsent: Option<Unsent>,
    /// How the session that was closed last ended: shown as long as its number is.
    pub(super) last: Option<Realtime>,
    /// When a charger that charges without a session is told to stop again.
    pub(super) orphan: Option<Instant>,
    /// When the reader shows the state of the gun again.
    pub(super) show_again: Option<Instant>,
    pub(super) shown: Feedback,
    pub(super) seen: Seen,
}

/// What was last told of a gun.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Seen {
    pub(super) state: ConnectorState,
    pub(super) txn: TransactionNumber,
    pub(super) plugged: Option<bool>,
    pub(super) faults: u32,
    /// When this state began; `None` while the clock was not trusted.
    pub(super) since: Option<Utc>,
    /// When the next one is due by period; `None` = nothing was sent in this connection.
    pub(super) due: Option<Instant>,
}

impl Gun {
    pub(super) fn new(config: ConnectorConfig, ghost: bool) -> Gun {
        Gun {
            config,
            ghost,
            barred: false,
            charger: ChargerStatus::default(),
            charger_link: LinkState::default(),
            meter: MeterValues::default(),
            meter_link: LinkState::default(),
            reader: ReaderStatus::default(),
            reader_link: LinkState::default(),
            tap_link: LinkState::default(),
            phase: Phase::Free,
            vehicle: Known::default(),
            battery: Told::default(),
            identification: Identification::default(),
            was_plugged: None,
            finished: None,
            unsent: None,
            last: None,
            orphan: None,
            show_again: None,
            shown: Feedback::Idle,
            seen: Seen::default(),
        }
    }

    pub(super) fn running(&self) -> Option<&Running> {
        match &self.phase {
            Phase::Busy(running) => Some(running),
            Phase::Free | Phase::Identifying { .. } | Phase::Asking { .. } | Phase::Held { .. } => None,
        }
    }

    pub(super) fn running_mut(&mut self) -> Option<&mut Running> {
        match &mut self.phase {
            Phase::Busy(running) => Some(running),
            Phase::Free | Phase::Identifying { .. } | Phase::Asking { .. } | Phase::Held { .. } => None,
        }
    }

    /// The start that is granted or carried out here.
    pub(super) fn opening(&self) -> Option<&Opening> {
        match &self.phase {
            Phase::Busy(running) => Some(running.session.opening()),
            Phase::Held { opening, .. } => Some(opening),
            Phase::Free | Phase::Identifying { .. } | Phase::Asking { .. } => None,
        }
    }

    /// The vehicle at this plug can be heard at all.
    pub(super) fn hears_vehicles(&self) -> bool {
        self.config.can_identify || self.config.tap.is_some()
    }

    /// The transaction that is open or granted here.
    pub(super) fn txn(&self) -> Option<TransactionNumber> {
        self.opening().map(|opening| opening.grant.txn)
    }

    pub(super) fn charger_answers(&self) -> bool {
        match self.charger_link {
            LinkState::Good | LinkState::Degraded => true,
            LinkState::Unknown | LinkState::Silent => false,
        }
    }

    pub(super) fn is_faulted(&self) -> bool {
        self.barred || self.charger.state == ChargerState::Faulted || self.charger.faults & fault::FORBID != 0
    }

    /// Pulled for certain; a charger that cannot tell is believed to be plugged.
    pub(super) fn is_unplugged(&self) -> bool {
        self.charger.plugged == Some(false)
    }

    /// Plug state as far as it is known now.
    pub(super) fn plugged(&self) -> Option<bool> {
        self.charger.plugged.filter(|_| self.charger_answers())
    }

    /// The state as others see it, and the number that goes with it.
    pub(super) fn state(&self) -> (ConnectorState, TransactionNumber) {
        match &self.phase {
            Phase::Busy(running) => {
                let state = match of_a_session(running.session.state()) {
                    ConnectorState::Charging if !running.session.start_is_told() => ConnectorState::Starting,
                    state => state,
                };
                (state, running.session.opening().grant.txn)
            }
            Phase::Asking { .. } | Phase::Held { what: Await::Start | Await::Partner, .. } => {
                (ConnectorState::Authorising, TransactionNumber::default())
            }
            Phase::Free | Phase::Identifying { .. } | Phase::Held { what: Await::Plug, .. } => {
                self.free_state()
            }
        }
    }

    fn free_state(&self) -> (ConnectorState, TransactionNumber) {
        let finished = self.finished.unwrap_or_default();
        let none = TransactionNumber::default();
        if !self.charger_answers() {
            (ConnectorState::Unknown, none)
        } else if self.is_faulted() {
            (ConnectorState::Faulted, none)
        } else if let Some(unsent) = self.unsent {
            (ConnectorState::Stopping, unsent.txn)
        } else if !finished.is_none() {
            (ConnectorState::Finished, finished)
        } else if self.charger.plugged == Some(true) {
            (ConnectorState::Plugged, none)
        } else {
            (ConnectorState::Idle, none)
        }
    }

    /// Bits that the devices of this gun tell.
    pub(super) fn faults(&self) -> u32 {
        let lost = |link: LinkState, bit| if link == LinkState::Silent { bit } else { 0 };
        self.charger.faults
            | lost(self.charger_link, fault::CHARGER_LINK)
            | lost(self.meter_link, fault::METER_LINK)
            | lost(self.reader_link, fault::READER_LINK)
            | lost(self.tap_link, fault::BMS_LISTENER)
    }
}

/// While a session exists the platform never sees idle, plugged, finished or out of service: two such reports make it
/// write the order off.
pub(super) fn of_a_session(state: ConnectorState) -> ConnectorState {
    match state {
        ConnectorState::Idle
        | ConnectorState::Plugged
        | ConnectorState::Finished
        | ConnectorState::OutOfService => ConnectorState::Stopping,
        ConnectorState::Unknown
        | ConnectorState::Authorising
        | ConnectorState::Starting
        | ConnectorState::Charging
        | ConnectorState::Paused
        | ConnectorState::Stopping
        | ConnectorState::Faulted => state,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ident::DeviceId;

    fn gun() -> Gun {
        let config = ConnectorConfig {
            id: "44030000010001/1".parse().unwrap(),
            charger: DeviceId(1),
            meter: DeviceId(2),
            rated: Power(120_000),
            ..ConnectorConfig::default()
        };
        Gun { charger_link: LinkState::Good, ..Gun::new(config, false) }
    }

    #[test]
    fn a_gun_is_unknown_until_its_charger_answers() {
        let mut gun = gun();
        for (link, state) in [
            (LinkState::Unknown, ConnectorState::Unknown),
            (LinkState::Silent, ConnectorState::Unknown),
            (LinkState::Degraded, ConnectorState::Idle),
        ] {
            gun.charger_link = link;
            assert_eq!(gun.state().0, state);
        }
    }

    #[test]
    fn a_session_is_never_seen_as_idle_plugged_finished_or_out_of_service() {
        for state in [
            ConnectorState::Idle,
            ConnectorState::Plugged,
            ConnectorState::Finished,
            ConnectorState::OutOfService,
        ] {
            assert_eq!(of_a_session(state), ConnectorState::Stopping);
        }
        assert_eq!(of_a_session(ConnectorState::Unknown), ConnectorState::Unknown);
    }

    #[test]
    fn the_number_is_shown_until_the_plug_is_pulled() {
        let mut gun = gun();
        let txn = TransactionNumber([7; 16]);
        gun.charger.plugged = Some(true);
        (gun.finished, gun.unsent) = (Some(txn), Some(Unsent { record: 1, txn, until: Instant(1) }));
        assert_eq!(gun.state(), (ConnectorState::Stopping, txn));
        gun.unsent = None;
        assert_eq!(gun.state(), (ConnectorState::Finished, txn));
        gun.finished = None;
        assert_eq!(gun.state().0, ConnectorState::Plugged);
    }

    #[test]
    fn an_emergency_stop_is_a_fault() {
        let mut gun = gun();
        gun.charger.faults = fault::EMERGENCY_STOP;
        gun.reader_link = LinkState::Silent;
        assert_eq!(gun.state().0, ConnectorState::Faulted);
        assert_eq!(gun.faults(), fault::EMERGENCY_STOP | fault::READER_LINK);
    }
}
