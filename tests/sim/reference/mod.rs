//! The truth beside the machines: what bays did, what people and platform decided, what reached the disk. Plain code,
//! written from domain.md 4.6 and platform-222.md 13 to 17, not from the machines. What breaks a rule is a violation
//! with the number of its invariant, the moment, and the events before it.

mod alarms;
mod clock;
mod wire;

use crate::ledger;
use clock::Seen;
use depotd::model::access::{Card, CardStatus};
use depotd::model::batch::{Batch, KeptList, Recovered, Row, SessionRow};
use depotd::model::ident::{CardUid, ConnectorId, Credential, DeviceCode, DeviceId, TransactionNumber, Vin};
use depotd::model::message::{EntryId, Lane, Verdict};
use depotd::model::quantity::Energy;
use depotd::model::record::{StartMode, TransactionRecord};
use depotd::model::report::ChargerState;
use depotd::model::request::{Order, Request};
use depotd::model::tariff::Tariff;
use depotd::model::time::{Instant, Utc};
use depotd::session::Opening;
use depotd::sim::bay::Bay;
use depotd::station::{ConnectorConfig, Note, OperatorOrder};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt::Write as _;
use std::time::Duration;

/// Events kept for the report of a violation.
const KEPT: usize = 250;
/// Violations kept in words.
const WORDS: usize = 20;
/// The first stop order goes out this soon (I6).
const STOP_ORDER: Duration = Duration::from_secs(1);
/// Current is zero after this long when everything is sound: 5 s, the electronics' ramp, and two turns of the line.
const STOPPED: Duration = Duration::from_secs(8);
/// The platform has so long to decide.
const DECISION: Duration = Duration::from_secs(30);
/// From a remote start to its order at most (15.2: `expires`, 90 s by default), and the way.
const EXPIRES: Duration = Duration::from_secs(92);

/// One charge as it physically was.
#[derive(Clone, Debug)]
pub(crate) struct Charge {
    pub(crate) start: Instant,
    pub(crate) from: Energy,
    pub(crate) end: Option<Instant>,
    /// Register now, or at the end.
    pub(crate) to: Energy,
    /// The session that it belongs to.
    pub(crate) txn: Option<TransactionNumber>,
}

/// One gun as it physically is, and what is under way there.
#[derive(Debug)]
pub(crate) struct Gun {
    pub(crate) id: ConnectorId,
    devices: Option<ConnectorConfig>,
    state: ChargerState,
    starts: u32,
    pub(crate) charges: Vec<Charge>,
    /// Register at each change of the tariff slot.
    pub(crate) marks: Vec<(Instant, Utc, Energy)>,
    /// When its meter was replaced.
    pub(crate) replaced: Vec<Instant>,
    /// When its controller ended, and whether power was lost.
    pub(crate) interrupted: Vec<Instant>,
    open: Option<TransactionNumber>,
    stop_due: Option<(Instant, &'static str)>,
    /// A stop order is out since then, and the charger can obey it.
    stopping: Option<Instant>,
    /// Devices or line went wrong until then.
    sick_until: Instant,
}

/// A session as the disk has it.
#[derive(Clone, Debug)]
pub(crate) struct Known {
    pub(crate) gun: usize,
    pub(crate) opening: Opening,
    pub(crate) opened: Instant,
    pub(crate) record: Option<u64>,
    open: bool,
    started: bool,
    stop_told: Option<Instant>,
}

/// State of a remote start that waits for its plug: no session yet.
const WAITS: &str = "{}";

/// What the reference model looks at in the stored state of a session.
#[derive(serde::Deserialize)]
struct Stored {
    opening: Opening,
}

/// A yes of the platform.
#[derive(Clone, Copy, Debug)]
struct Permit {
    gun: usize,
    asked: Instant,
    arrived: Instant,
    remote: bool,
}

#[derive(Clone, Debug)]
struct Commanded {
    body: Vec<u8>,
    deliveries: u32,
    replies: u32,
}

pub(crate) struct Reference {
    pub(crate) at: Instant,
    pub(crate) guns: Vec<Gun>,
    pub(crate) sessions: BTreeMap<TransactionNumber, Known>,
    pub(crate) records: BTreeMap<u64, (TransactionRecord, Vec<u8>)>,
    pub(crate) violations: Vec<String>,
    pub(crate) violation_count: usize,
    /// Energy that flowed and that no record has: after forced ends, and lost with power.
    pub(crate) unbilled: Energy,
    /// The wall clock of the program was wrong by more than the platform overlooks.
    pub(crate) clock_was_far_off: bool,
    pub(crate) largest_clock_error_ms: i64,
    /// Vehicles that may charge.
    pub(crate) fleet: BTreeSet<Vin>,
    /// Guns whose meter counts in 0.001 kWh.
    pub(crate) fine: BTreeSet<usize>,
    numbered: BTreeMap<TransactionNumber, u64>,
    acknowledged: BTreeSet<u64>,
    arrived: BTreeSet<(TransactionNumber, bool)>,
    permits: BTreeMap<TransactionNumber, Permit>,
    asked: BTreeMap<(u64, u32), (usize, Instant)>,
    commands: BTreeMap<(u64, u16, u32), Commanded>,
    decided: BTreeMap<TransactionNumber, u8>,
    waiting: BTreeSet<TransactionNumber>,
    /// The clock was trusted when the program was started last.
    pub(crate) started_trusted: bool,
    operated: BTreeMap<usize, Instant>,
    tariffs: BTreeMap<u32, Tariff>,
    in_force: VecDeque<(Instant, u32)>,
    cards: KeptList<Card>,
    clocks: Vec<Seen>,
    alarms: alarms::Alarms,
    log: VecDeque<(Instant, String)>,
    pub(crate) digest: u64,
}

impl Reference {
    pub(crate) fn new(connectors: &[ConnectorId], tariff: Tariff) -> Reference {
        let gun = |id: &ConnectorId| Gun {
            id: *id,
            devices: None,
            state: ChargerState::Idle,
            starts: 0,
            charges: Vec::new(),
            marks: Vec::new(),
            replaced: Vec::new(),
            interrupted: Vec::new(),
            open: None,
            stop_due: None,
            stopping: None,
            sick_until: Instant::default(),
        };
        Reference {
            at: Instant::default(),
            guns: connectors.iter().map(gun).collect(),
            sessions: BTreeMap::new(),
            records: BTreeMap::new(),
            violations: Vec::new(),
            violation_count: 0,
            unbilled: Energy::ZERO,
            clock_was_far_off: false,
            largest_clock_error_ms: 0,
            fleet: BTreeSet::new(),
            fine: BTreeSet::new(),
            numbered: BTreeMap::new(),
            acknowledged: BTreeSet::new(),
            arrived: BTreeSet::new(),
            permits: BTreeMap::new(),
            asked: BTreeMap::new(),
            commands: BTreeMap::new(),
            decided: BTreeMap::new(),
            waiting: BTreeSet::new(),
            started_trusted: false,
            operated: BTreeMap::new(),
            tariffs: [(tariff.number, tariff)].into(),
            in_force: [(Instant::default(), 0)].into(),
            cards: KeptList::default(),
            clocks: Vec::new(),
            alarms: alarms::Alarms::default(),
            log: VecDeque::new(),
            digest: 0xCBF2_9CE4_8422_2325,
        }
    }

    /// Writes an event down.
    pub(crate) fn log(&mut self, what: String) {
        for octet in what.bytes().chain(self.at.0.to_le_bytes()) {
            self.digest = (self.digest ^ u64::from(octet)).wrapping_mul(0x100_0000_01B3);
        }
        if self.log.len() == KEPT {
            self.log.pop_front();
        }
        self.log.push_back((self.at, what));
    }

    /// A rule was broken.
    pub(crate) fn blame(&mut self, rule: &str, what: String) {
        self.violation_count += 1;
        if self.violations.len() >= WORDS {
            return;
        }
        let mut text = format!("{rule} at {}: {what}", shown(self.at));
        if self.violations.len() < 4 {
            for (at, event) in &self.log {
                let _infallible = write!(text, "\n      {} {event}", shown(*at));
            }
        }
        self.violations.push(text);
    }

    fn gun_of(&self, device: DeviceId, role: impl Fn(&ConnectorConfig) -> DeviceId) -> Option<usize> {
        self.guns.iter().position(|g| g.devices.as_ref().is_some_and(|d| role(d) == device))
    }

    fn gun_at(&self, pile: [u8; 7], number: u8) -> Option<usize> {
        let id = ConnectorId { pile: DeviceCode(pile), number };
        self.guns.iter().position(|g| g.id == id)
    }

    // the depot

    /// Looks at the bays.
    pub(crate) fn watch<'a>(&mut self, bays: impl Iterator<Item = &'a Bay>) {
        for (gun, bay) in bays.enumerate() {
            if bay.state() != self.guns[gun].state || bay.starts != self.guns[gun].starts {
                self.bay_changed(gun, bay);
            }
            let (at, this) = (self.at, &mut self.guns[gun]);
            if let Some((due, why)) = this.stop_due.filter(|(due, _)| *due < at) {
                this.stop_due = None;
                let id = this.id;
                self.blame(
                    "I6",
                    format!("{id}: no stop order since {} although {why}", shown(due - STOP_ORDER)),
                );
            }
            let this = &mut self.guns[gun];
            if let Some(since) = this.stopping
                && at.since(since) > STOPPED
            {
                this.stopping = None;
                if this.sick_until < since && this.state == ChargerState::Charging {
                    let id = this.id;
                    self.blame(
                        "I6",
                        format!("{id}: current flows {} s after the stop order", STOPPED.as_secs()),
                    );
                }
            }
        }
    }

    fn bay_changed(&mut self, gun: usize, bay: &Bay) {
        let at = self.at;
        let before = std::mem::replace(&mut self.guns[gun].state, bay.state());
        let started = bay.starts != self.guns[gun].starts;
        self.guns[gun].starts = bay.starts;
        let id = self.guns[gun].id;
        let register = bay.register();
        if before == ChargerState::Charging
            && let Some(charge) = self.guns[gun].charges.last_mut().filter(|c| c.end.is_none())
        {
            charge.to = if started { charge.to } else { register };
            charge.end = Some(at);
        }
        if started {
            let txn = self.guns[gun].open;
            let from = register - bay.session_energy();
            let end = (bay.state() != ChargerState::Charging).then_some(at);
            self.guns[gun].charges.push(Charge { start: at, from, end, to: register, txn });
            if txn.is_none() {
                self.blame("I1", format!("{id}: a charge begins without a session"));
            }
        }
        if !matches!(bay.state(), ChargerState::Charging | ChargerState::Preparing) {
            (self.guns[gun].stop_due, self.guns[gun].stopping) = (None, None);
        }
        self.log(format!("{id}  bay {before:?} -> {:?} at {register}", bay.state()));
    }

    /// Register at a change of the tariff slot.
    pub(crate) fn mark(&mut self, gun: usize, truth: Utc, register: Energy) {
        self.guns[gun].marks.push((self.at, truth, register));
    }

    /// Devices or line of a gun go wrong until then; `None` = every gun.
    pub(crate) fn sick(&mut self, gun: Option<usize>, until: Instant) {
        for (index, this) in self.guns.iter_mut().enumerate() {
            if gun.is_none_or(|g| g == index) {
                this.sick_until = this.sick_until.max(until);
            }
        }
    }

    pub(crate) fn replaced(&mut self, gun: usize) {
        let at = self.at;
        self.guns[gun].replaced.push(at);
    }

    // the program

    pub(crate) fn started(&mut self, recovered: &Recovered, power_lost: bool) {
        self.log(format!("start {} of the program, power lost: {power_lost}", recovered.boot_counter));
        let open: BTreeSet<_> = recovered.sessions.iter().map(|s| s.txn).collect();
        let known = self.sessions.iter().filter(|(_, k)| k.open).map(|(txn, _)| *txn);
        let known: BTreeSet<_> = known.chain(self.waiting.iter().copied()).collect();
        self.started_trusted = self.stamp().is_some();
        if open != known {
            self.blame("I1", format!("the disk was told of open sessions {known:?} and recovers {open:?}"));
        }
        if recovered.last_record != self.records.keys().last().copied().unwrap_or(0) {
            self.blame("I1", format!("the newest record is {} after the start", recovered.last_record));
        }
    }

    pub(crate) fn devices(&mut self, connectors: &[ConnectorConfig]) {
        for config in connectors {
            if let Some(gun) = self.guns.iter_mut().find(|g| g.id == config.id) {
                gun.devices = Some(config.clone());
            }
        }
    }

    pub(crate) fn ended(&mut self) {
        self.log("the program is gone".to_owned());
        let at = self.at;
        for gun in &mut self.guns {
            gun.interrupted.push(at);
            (gun.stop_due, gun.stopping) = (None, None);
        }
    }

    pub(crate) fn noted(&mut self, note: &Note) {
        let (Note::Info(text) | Note::Warn(text) | Note::Error(text)) = note;
        self.log(format!("note: {text}"));
    }

    /// Whether the charger of the session that this text names may not have answered lately.
    pub(crate) fn charger_was_away(&self, text: &str) -> bool {
        const KEPT: Duration = Duration::from_secs(300);
        let txn = text.split([' ', ':']).find_map(|word| word.parse::<TransactionNumber>().ok());
        let gun = txn.and_then(|txn| self.sessions.get(&txn)).map(|known| &self.guns[known.gun]);
        gun.is_some_and(|gun| gun.sick_until + KEPT > self.at)
    }

    // people

    pub(crate) fn card(&mut self, device: DeviceId, card: CardUid) {
        let Some(gun) = self.gun_of(device, |d| d.reader.unwrap_or(DeviceId(u16::MAX))) else { return };
        self.log(format!("{}  card {card} is read", self.guns[gun].id));
        let stops = self.running(gun).is_some_and(|k| {
            let shown = Credential::Card(card);
            k.opening.credential == shown || k.opening.grant.also_stops == shown
        });
        if stops {
            self.expect_stop(gun, "its card was shown");
        }
    }

    pub(crate) fn operated(&mut self, order: &OperatorOrder) {
        self.log(format!("{order:?}"));
        let connector = match order {
            OperatorOrder::Start { connector, .. } | OperatorOrder::Stop { connector, .. } => connector,
            OperatorOrder::ResetAlarm { .. } | OperatorOrder::Note { .. } => return, // no session begins or ends
        };
        let Some(gun) = self.guns.iter().position(|g| g.id == *connector) else { return };
        match order {
            OperatorOrder::Start { .. } => drop(self.operated.insert(gun, self.at)),
            OperatorOrder::Stop { .. } => self.expect_stop(gun, "an operator wants it"),
            OperatorOrder::ResetAlarm { .. } | OperatorOrder::Note { .. } => {}
        }
    }

    /// The session whose charge was ordered and is not being ended yet.
    fn running(&self, gun: usize) -> Option<&Known> {
        let known = self.sessions.get(&self.guns[gun].open?)?;
        (known.started && known.stop_told.is_none()).then_some(known)
    }

    fn expect_stop(&mut self, gun: usize, why: &'static str) {
        let runs = matches!(self.guns[gun].state, ChargerState::Charging | ChargerState::Preparing);
        if runs && self.running(gun).is_some() && self.guns[gun].stop_due.is_none() {
            self.guns[gun].stop_due = Some((self.at + STOP_ORDER, why));
        }
    }

    /// The station ordered a device.
    pub(crate) fn told(&mut self, device: DeviceId, request: &Request) {
        let Some(gun) = self.gun_of(device, |d| d.charger) else { return };
        let id = self.guns[gun].id;
        match request.what {
            Order::Start(_) => {
                self.log(format!("{id}  start order"));
                self.judge_start(gun);
            }
            Order::Stop => {
                self.log(format!("{id}  stop order"));
                let at = self.at;
                self.guns[gun].stop_due = None;
                let first = self.guns[gun].stopping.unwrap_or(at);
                self.guns[gun].stopping =
                    Some(first).filter(|_| self.guns[gun].state == ChargerState::Charging);
                if let Some(txn) = self.guns[gun].open
                    && let Some(known) = self.sessions.get_mut(&txn)
                {
                    known.stop_told.get_or_insert(at);
                }
            }
            Order::Identify(_)
            | Order::Admit(_)
            | Order::Limit(_)
            | Order::Service(_)
            | Order::Lock(_)
            | Order::Delivered { .. }
            | Order::ReadRegister
            | Order::SetClock
            | Order::Feedback(_) => {}
        }
    }

    /// I5: no start without a decision that came in time, or the complete offline rule.
    fn judge_start(&mut self, gun: usize) {
        let (at, id) = (self.at, self.guns[gun].id);
        let Some(txn) = self.guns[gun].open else {
            return self.blame("I5", format!("{id}: a start order, and no session is on disk"));
        };
        let Some(known) = self.sessions.get_mut(&txn) else { return };
        if std::mem::replace(&mut known.started, true) {
            return; // the order is repeated
        }
        let mode = known.opening.start_mode;
        let (stopped, opened) = (known.stop_told.is_some(), known.opened);
        if stopped {
            self.blame("I6", format!("{id}: a start order for {txn} after its stop"));
        }
        match mode {
            StartMode::CardOnline | StartMode::Remote | StartMode::VinOnline => {
                match self.permits.get(&txn).copied() {
                    None => self.blame("I5", format!("{id}: {txn} starts without a yes of the platform")),
                    Some(permit) if permit.gun != gun => {
                        self.blame("I5", format!("{id}: {txn} was permitted at another gun"));
                    }
                    Some(permit) => {
                        let late = !permit.remote && permit.arrived.since(permit.asked) > DECISION;
                        if late || opened.since(permit.arrived) > EXPIRES {
                            self.blame("I5", format!("{id}: {txn} starts on a late yes: {permit:?}"));
                        }
                    }
                }
            }
            StartMode::LocalOperator => {
                if self.operated.get(&gun).is_none_or(|when| at.since(*when) > EXPIRES) {
                    self.blame("I5", format!("{id}: {txn} starts and no operator wanted it"));
                }
            }
            StartMode::CardOffline | StartMode::VinOffline => {} // judged when it became durable
            StartMode::PlugAndCharge => {
                self.blame("I5", format!("{id}: nobody starts by {mode:?} here"));
            }
        }
    }

    // the disk

    pub(crate) fn committed(&mut self, batch: &Batch) {
        let mut closed = Vec::new();
        for row in &batch.rows {
            match row {
                Row::Session(row) => self.session(row, &mut closed),
                Row::Record(row) => self.record(&row.record, &row.body),
                Row::Acknowledged { entry, verdict, .. } => self.settled(*entry, *verdict),
                Row::Withdrawn(entry) if entry.lane == Lane::Record => {
                    self.blame("I2", format!("record {} is withdrawn", entry.id));
                }
                Row::Requeue { first, last } => {
                    self.log(format!("records {first} to {last} go out again"));
                    self.acknowledged.retain(|number| number < first || number > last);
                }
                Row::Tariff(tariff) => drop(self.tariffs.insert(tariff.number, tariff.clone())),
                Row::TariffInForce { number, .. } => {
                    self.log(format!("tariff {number} is in force"));
                    self.in_force.push_back((self.at, *number));
                }
                Row::Cards(row) => self.cards.apply(row),
                Row::CommandSeen(txn, result) => drop(self.decided.insert(*txn, *result)),
                Row::Step { what, .. } => self.log(format!("step: {what}")),
                Row::Alarm { alarm, open, .. } => self.alarm(alarm, *open),
                Row::Queue(_)
                | Row::Withdrawn(_)
                | Row::Serial { .. }
                | Row::Audit { .. }
                | Row::Vehicles(_)
                | Row::Plates(_)
                | Row::Departures(_) => {}
            }
        }
        for txn in closed {
            if !self.numbered.contains_key(&txn) {
                self.blame("I1", format!("session {txn} is closed without a record"));
            }
        }
    }

    fn session(&mut self, row: &SessionRow, closed: &mut Vec<TransactionNumber>) {
        let Some(gun) = self.guns.iter().position(|g| g.id == row.connector) else { return };
        if row.state == WAITS {
            self.log(format!("{}  {} waits for its plug: {}", row.connector, row.txn, row.open));
            match row.open {
                true => drop(self.waiting.insert(row.txn)),
                false => drop(self.waiting.remove(&row.txn)),
            }
            return;
        }
        self.waiting.remove(&row.txn);
        let opening = match serde_json::from_str::<Stored>(&row.state) {
            Ok(stored) => stored.opening,
            Err(error) => {
                return self.blame("store", format!("the state of {}: {error}: {}", row.txn, row.state));
            }
        };
        if let Some(known) = self.sessions.get_mut(&row.txn) {
            let same = known.opening.tariff == opening.tariff;
            let again = row.open && !known.open;
            known.open = row.open;
            if !same {
                self.blame("I4", format!("the tariff of {} changed", row.txn));
            }
            if again {
                self.blame("I7", format!("the closed session {} opens again", row.txn));
            }
        } else {
            self.opened(gun, row, opening);
        }
        if row.open {
            return;
        }
        closed.push(row.txn);
        if self.guns[gun].open == Some(row.txn) {
            (self.guns[gun].open, self.guns[gun].stop_due, self.guns[gun].stopping) = (None, None, None);
        }
    }

    fn opened(&mut self, gun: usize, row: &SessionRow, opening: Opening) {
        let (at, id) = (self.at, self.guns[gun].id);
        self.log(format!("{id}  session {} is on disk, {:?}", row.txn, opening.start_mode));
        if let Some(other) = self.guns[gun].open {
            self.blame("I7", format!("{id}: {} opens while {other} is open", row.txn));
        }
        if self.numbered.contains_key(&row.txn) {
            self.blame("I7", format!("{id}: the number {} was used before", row.txn));
        }
        let number = opening.tariff.as_ref().map_or(0, |t| t.number);
        let lately = |(until, _): &&(Instant, u32)| at.since(*until) < Duration::from_secs(10);
        let newest = self.in_force.back().map(|(_, n)| *n);
        let before = self.in_force.iter().rev().take(2).filter(|_| self.in_force.back().iter().any(lately));
        if newest != Some(number) && !before.into_iter().any(|(_, n)| *n == number) {
            self.blame(
                "I4",
                format!("{id}: {} begins with tariff {number}, {newest:?} is in force", row.txn),
            );
        }
        if self.tariffs.get(&number) != opening.tariff.as_ref() {
            self.blame("I4", format!("{id}: {} begins with another tariff {number}", row.txn));
        }
        if opening.start_mode == StartMode::CardOffline {
            self.judge_offline(gun, &opening);
        }
        if opening.start_mode == StartMode::VinOffline {
            let known = matches!(&opening.credential, Credential::Vin(vin) if self.fleet.contains(vin));
            if !known || !opening.offline || opening.tariff.is_none() || self.stamp().is_none() {
                self.blame("I5", format!("{id}: an offline start by {:?}", opening.credential));
            }
        }
        self.guns[gun].open = Some(row.txn);
        let known =
            Known { gun, opening, opened: at, record: None, open: row.open, started: false, stop_told: None };
        self.sessions.insert(row.txn, known);
    }

    /// I5: the complete rule of charging without the platform (15.5).
    fn judge_offline(&mut self, gun: usize, opening: &Opening) {
        const LIST_AGE_MS: i64 = 168 * 3_600_000;
        const SESSIONS: usize = 20;
        let Credential::Card(uid) = opening.credential else {
            return self.blame("I5", format!("an offline start by {:?}", opening.credential));
        };
        let allowed = self.cards.entries.iter().any(|c| c.uid == uid && c.status == CardStatus::Allowed);
        let clock = self.stamp();
        let fresh = self.cards.confirmed.zip(clock).is_some_and(|(at, wall)| wall.0 - at.0 <= LIST_AGE_MS);
        let own = |k: &&Known| k.opening.offline && k.opening.credential == opening.credential;
        let unsent = |k: &&Known| k.record.is_none_or(|number| !self.acknowledged.contains(&number));
        let used = self.sessions.values().filter(own).filter(unsent).count();
        let rules = [
            (allowed, "the card is not allowed"),
            (clock.is_some(), "the clock is not trusted"),
            (fresh, "the card list is too old"),
            (opening.tariff.is_some(), "there is no tariff"),
            (used < SESSIONS, "the card has used up its sessions"),
            (opening.offline, "it is not marked as offline"),
        ];
        let id = self.guns[gun].id;
        for (_, why) in rules.into_iter().filter(|(holds, _)| !holds) {
            self.blame("I5", format!("{id}: offline start of {uid} although {why}"));
        }
    }

    fn record(&mut self, record: &TransactionRecord, body: &[u8]) {
        let number = record.number;
        self.log(format!(
            "{}  record {number} of {}: {}, reason {:04X}, flags {:02X}",
            record.connector, record.txn, record.energy_total, record.stop_reason.0, record.flags
        ));
        let last = self.records.keys().last().copied().unwrap_or(0);
        if number != last + 1 {
            self.blame("I1", format!("record {number} after {last}"));
        }
        if let Some(other) = self.numbered.insert(record.txn, number) {
            self.blame("I1", format!("{} has records {other} and {number}", record.txn));
        }
        let opened = match self.sessions.get_mut(&record.txn) {
            Some(known) => {
                known.record = Some(number);
                known.opened
            }
            None => {
                self.blame("I1", format!("record {number} of {}, which never was a session", record.txn));
                self.at
            }
        };
        let flagged = record.flags & depotd::model::record::flag::CLOCK != 0;
        if !flagged && !record.start_time.is_some_and(|time| self.is_shown(time, opened)) {
            self.blame(
                "I11",
                format!("record {number} begins at {:?}: no trusted clock shows that", record.start_time),
            );
        }
        for (rule, fault) in ledger::judge(self, record) {
            self.blame(rule, format!("record {number} of {}: {fault}", record.connector));
        }
        self.records.insert(number, (record.clone(), body.to_vec()));
    }

    fn settled(&mut self, entry: EntryId, verdict: Verdict) {
        if entry.lane != Lane::Record {
            return;
        }
        let txn = self.records.get(&entry.id).map(|(record, _)| record.txn);
        let taken = verdict == Verdict::Taken;
        if txn.is_none_or(|txn| !self.arrived.contains(&(txn, taken))) {
            self.blame("I2", format!("record {} is settled ({verdict:?}) and no such answer came", entry.id));
        }
        self.acknowledged.insert(entry.id);
    }

    /// Records that the disk has and that were never settled.
    pub(crate) fn unsettled(&self) -> Vec<u64> {
        self.records.keys().filter(|number| !self.acknowledged.contains(number)).copied().collect()
    }

    /// Sessions that are on disk and have no record.
    pub(crate) fn open_sessions(&self) -> Vec<TransactionNumber> {
        self.sessions.iter().filter(|(_, known)| known.record.is_none()).map(|(txn, _)| *txn).collect()
    }
}

/// Seconds of the run, and the clock that a person would read.
pub(crate) fn shown(at: Instant) -> String {
    let s = at.0 / 1_000_000;
    format!("{}:{:02}:{:02}.{:03}", s / 3600, s / 60 % 60, s % 60, at.0 / 1000 % 1000)
}
