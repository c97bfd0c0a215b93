//! What the local page and `depotctl status` show.

use super::connector::Gun;
use super::lists::List;
use super::{Station, alarms};
use crate::model::access::Listed;
use crate::model::alarm::Alarm;
use crate::model::ident::{ConnectorId, Credential, DeviceCode, TransactionNumber};
use crate::model::quantity::{Energy, Power};
use crate::model::report::LinkState;
use crate::model::session::ConnectorState;
use crate::model::time::{ClockTrust, Now, Utc};
use serde::Serialize;

/// The station as people see it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Status {
    /// Station code.
    pub code: DeviceCode,
    /// The platform.
    pub link: LinkStatus,
    /// Records not yet acknowledged.
    pub unsent_records: u64,
    /// Local date and time; `None` while the clock is not trusted.
    pub time: Option<String>,
    /// How far the clock may be believed.
    pub clock: ClockTrust,
    /// Number of the tariff in force, 0 none.
    pub tariff: u32,
    /// The card list.
    pub card_list: ListStatus,
    /// The VIN list.
    pub vin_list: ListStatus,
    /// The plate list.
    pub plate_list: ListStatus,
    /// Departure plans held.
    pub departures: usize,
    /// Sessions not yet closed.
    pub open_sessions: usize,
    /// The store takes what is to be kept.
    pub storage_ok: bool,
    /// Every gun.
    pub connectors: Vec<ConnectorStatus>,
    /// Every open alarm.
    pub alarms: Vec<AlarmStatus>,
}

/// The platform link.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LinkStatus {
    /// A login is in force.
    pub online: bool,
}

/// A list of the platform.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ListStatus {
    /// In force, 0 none.
    pub version: u32,
    /// Entries.
    pub count: usize,
    /// Seconds since it was committed or confirmed; `None` without a list or a trusted clock.
    pub age: Option<u64>,
}

/// One gun.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ConnectorStatus {
    /// Its name.
    pub connector: ConnectorId,
    /// As the platform sees it.
    pub state: ConnectorState,
    /// Since when, local; `None` while the clock was not trusted.
    pub since: Option<String>,
    /// `None` = not known.
    pub plugged: Option<bool>,
    /// The transaction shown.
    pub txn: Option<TransactionNumber>,
    /// Output, W.
    pub power_w: Option<Power>,
    /// Of the session so far, 1e-4 kWh.
    pub energy: Energy,
    /// %.
    pub soc: Option<u8>,
    /// The card that charges, shortened.
    pub card: Option<String>,
    /// The vehicle that is plugged in: its fleet number where the list has it, else its VIN, shortened.
    pub vehicle: Option<String>,
    /// Register of the meter, 1e-4 kWh.
    pub register: Option<Energy>,
    /// Bits of platform-222.md 13.3.
    pub faults: u32,
    /// Link to the charger.
    pub charger: LinkState,
    /// Link to the meter.
    pub meter: LinkState,
    /// Link to the reader; `None` without a reader.
    pub reader: Option<LinkState>,
}

/// One open alarm.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AlarmStatus {
    /// Of the occurrence.
    pub id: u64,
    /// Four hexadecimal digits (platform-222.md 13.6).
    pub code: String,
    /// 1 stop or forbid now, 2 finish then service, 3 information.
    pub level: u8,
    /// Stays until it is reset.
    pub latched: bool,
    /// The platform has its raise.
    pub acknowledged: bool,
    /// The connector concerned.
    pub connector: Option<ConnectorId>,
    /// The device or list concerned.
    pub subject: String,
    /// Local time it was raised; `None` while the clock was not trusted.
    pub since: Option<String>,
    /// The session concerned.
    pub txn: Option<TransactionNumber>,
    /// In English.
    pub en: &'static str,
    /// In Chinese.
    pub zh: &'static str,
}

impl Station {
    /// The station as it is now.
    #[must_use]
    pub fn status(&self, now: Now) -> Status {
        let now = super::clock::believed(now, self.config.built);
        let connectors = (0..self.guns.len()).filter(|gun| !self.guns[*gun].ghost);
        Status {
            code: self.config.code,
            link: LinkStatus { online: self.link.online },
            unsent_records: self.records.unsent(),
            time: now.stamp().map(local),
            clock: now.trust,
            tariff: self.tariffs.number(),
            card_list: list_status(now, &self.cards),
            vin_list: list_status(now, &self.vins),
            plate_list: list_status(now, &self.plates),
            departures: self.departures.count(),
            open_sessions: self.open_sessions(),
            storage_ok: !self.journal.is_failing(),
            connectors: connectors.map(|gun| self.connector_status(now, gun)).collect(),
            alarms: self.alarms.open().map(|a| alarm_status(a, self.alarms.is_acknowledged(a.id))).collect(),
        }
    }

    fn connector_status(&self, now: Now, index: usize) -> ConnectorStatus {
        let realtime = self.realtime(now, index);
        let gun = &self.guns[index];
        let card = gun.running().and_then(|r| match &r.session.opening().credential {
            Credential::Card(uid) => Some(uid.masked()),
            Credential::None
            | Credential::Vin(_)
            | Credential::FleetNumber(_)
            | Credential::Account(_)
            | Credential::Plate(_) => None,
        });
        ConnectorStatus {
            connector: realtime.connector,
            state: realtime.state,
            since: gun.seen.since.map(local),
            plugged: realtime.plugged,
            txn: Some(realtime.txn).filter(|txn| !txn.is_none()),
            power_w: realtime.power,
            energy: realtime.energy,
            soc: realtime.soc,
            card,
            vehicle: self.vehicle_name(gun),
            register: realtime.register,
            faults: realtime.faults,
            charger: gun.charger_link,
            meter: gun.meter_link,
            reader: gun.config.reader.map(|_| gun.reader_link),
        }
    }
}

impl Station {
    fn vehicle_name(&self, gun: &Gun) -> Option<String> {
        let vin = gun.vehicle.vin().or(gun.running().and_then(|r| r.session.vin()))?;
        let listed = self.vins.get(&vin).map(|entry| entry.fleet_number.to_string());
        listed.filter(|number| !number.is_empty()).or(Some(vin.masked()))
    }
}

fn list_status<T: Listed>(now: Now, list: &List<T>) -> ListStatus {
    let age = now.stamp().and_then(|at| list.age(at)).map(|age| age.as_secs());
    ListStatus { version: list.version(), count: list.count(), age }
}

fn alarm_status(alarm: &Alarm, acknowledged: bool) -> AlarmStatus {
    let (en, zh) = alarms::text(alarm.code);
    AlarmStatus {
        id: alarm.id,
        code: format!("{:04X}", alarm.code),
        level: alarm.level,
        latched: alarm.latched,
        acknowledged,
        connector: alarm.connector,
        subject: alarm.subject.clone(),
        since: alarm.raised.map(local),
        txn: alarm.txn,
        en,
        zh,
    }
}

fn local(at: Utc) -> String {
    at.local().strftime("%Y-%m-%d %H:%M:%S").to_string()
}
