//! Does the ledger hold? Chain, totals, gaps, and the file itself (platform-222.md 16.3, 16.4).

use super::column::{Json, Whole};
use super::ledger::{chain_start, contradiction, digest, link};
use super::retention::{self, Gap};
use super::{Error, Store};
use crate::model::ident::{DeviceCode, TransactionNumber};
use crate::model::money::Money;
use crate::model::quantity::Energy;
use crate::model::record::{TransactionRecord, flag};
use rusqlite::{Connection, Row};
use serde::Serialize;

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Verification {
    /// Everything holds.
    pub holds: bool,
    /// Records looked at, up to the first bad one.
    pub records: u64,
    /// The chain begins as that of the station must; not looked at when nobody said which station it is.
    pub start_checked: bool,
    /// Number of the first record that is kept, 0 none.
    pub first: u64,
    /// Number of the last record looked at, 0 none.
    pub last: u64,
    /// Records that went after their time; the chain is followed over them.
    pub pruned: u64,
    /// Records that the platform has not acknowledged.
    pub unacknowledged: u64,
    /// The first record that does not hold.
    pub first_bad: Option<Bad>,
    /// `ok`, or what SQLite found wrong with the file.
    pub integrity: String,
}

/// A record that does not hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Bad {
    /// Its number, or the first one that is missing.
    pub number: u64,
    /// Its transaction; `None` when the record is missing or unreadable.
    pub txn: Option<TransactionNumber>,
    /// What is wrong with it.
    pub why: String,
}

impl Store {
    /// Recomputes the chain of this station over every record kept, its totals, and looks for gaps; then lets SQLite
    /// check the file. Everything is seen as of one moment. Without a station what the chain begins with is believed.
    ///
    /// # Errors
    /// The file cannot be read at all. What can be read and is wrong is in the answer.
    pub fn verify(&self, station: impl Into<Option<DeviceCode>>) -> Result<Verification, Error> {
        let station = station.into();
        self.ask(|db| {
            let tx = db.unchecked_transaction()?;
            verify(&tx, station)
        })
    }
}

fn verify(db: &Connection, station: Option<DeviceCode>) -> rusqlite::Result<Verification> {
    let gaps = retention::gaps(db)?;
    let mut found = Verification {
        holds: false,
        records: 0,
        start_checked: station.is_some(),
        first: 0,
        last: 0,
        pruned: gaps.iter().map(|gap| gap.last - gap.first + 1).sum(),
        unacknowledged: super::ledger::unsent(db)?,
        first_bad: None,
        integrity: integrity(db),
    };
    let mut chain =
        Chain { number: 0, previous: station.map(chain_start), gaps: gaps.into_iter().peekable() };
    let mut statement = db.prepare("SELECT * FROM record ORDER BY number")?;
    let mut rows = statement.query([])?;
    while found.first_bad.is_none() {
        match rows.next() {
            Ok(Some(row)) => look_at(row, &mut chain, &mut found),
            Ok(None) => break,
            Err(error) => found.first_bad = Some(unreadable(chain.number + 1, &error)),
        }
    }
    if found.first_bad.is_none() {
        found.first_bad = without_delivery(db)?;
    }
    found.holds = found.first_bad.is_none() && found.integrity == "ok";
    Ok(found)
}

/// Where the chain stands.
struct Chain<G: Iterator<Item = Gap>> {
    /// Number of the record before.
    number: u64,
    /// What the next record must say of it; `None` = anything.
    previous: Option<[u8; 8]>,
    gaps: std::iter::Peekable<G>,
}

impl<G: Iterator<Item = Gap>> Chain<G> {
    /// Follows the chain over records that went after their time, up to this one.
    fn skip_to(&mut self, number: u64) -> Result<(), String> {
        while let Some(gap) = self.gaps.next_if(|gap| gap.first == self.number + 1 && gap.last < number) {
            if self.previous.is_some_and(|previous| gap.previous != previous) {
                return Err(format!("record {} (pruned) did not continue the chain", gap.first));
            }
            self.number = gap.last;
            self.previous = Some(link(&gap.digest));
        }
        if number == self.number + 1 { Ok(()) } else { Err(format!("missing; the next one is {number}")) }
    }
}

fn look_at<G: Iterator<Item = Gap>>(row: &Row<'_>, chain: &mut Chain<G>, found: &mut Verification) {
    let kept = match Kept::read(row) {
        Ok(kept) => kept,
        Err(error) => {
            found.first_bad = Some(unreadable(chain.number + 1, &error));
            return;
        }
    };
    if let Err(why) = chain.skip_to(kept.number) {
        found.first_bad = Some(Bad { number: chain.number + 1, txn: None, why });
        return;
    }
    found.records += 1;
    found.last = kept.number;
    if found.first == 0 {
        found.first = kept.number;
    }
    if let Some(why) = kept.fault(chain.previous) {
        found.first_bad = Some(Bad { number: kept.number, txn: Some(kept.txn), why });
    }
    chain.number = kept.number;
    chain.previous = Some(link(&kept.digest));
}

/// A record with its columns, which must all say the same.
struct Kept {
    number: u64,
    txn: TransactionNumber,
    pile: DeviceCode,
    connector: u8,
    energy: Energy,
    amount: Money,
    record: TransactionRecord,
    body: Vec<u8>,
    digest: [u8; 32],
}

impl Kept {
    fn read(row: &Row<'_>) -> rusqlite::Result<Kept> {
        Ok(Kept {
            number: row.get::<_, Whole>("number")?.0,
            txn: row.get("txn")?,
            pile: row.get("pile")?,
            connector: row.get("connector")?,
            energy: row.get("energy")?,
            amount: row.get("amount")?,
            record: row.get::<_, Json<TransactionRecord>>("record")?.0,
            body: row.get("body")?,
            digest: row.get("digest")?,
        })
    }

    /// What is wrong with it, if anything is.
    fn fault(&self, previous: Option<[u8; 8]>) -> Option<String> {
        let record = &self.record;
        if digest(self.pile, &self.body) != self.digest {
            return Some("the digest is not that of the device code and the body".into());
        }
        if previous.is_some_and(|previous| record.previous_digest != previous) {
            return Some("previous_digest does not continue the chain".into());
        }
        if let Some(part) = contradiction(record, &self.body) {
            return Some(format!("the body has another {part} than the record"));
        }
        if record.number != self.number
            || record.txn != self.txn
            || record.connector.pile != self.pile
            || record.connector.number != self.connector
            || record.energy_total != self.energy
            || record.electricity_total + record.service_total != self.amount
        {
            return Some("its columns and the record differ".into());
        }
        sums(record)
    }
}

/// Totals are the sums of the segments; the registers tell the same energy, unless a flag says that they do not, or
/// that the record is known to be inconsistent (16.3).
fn sums(record: &TransactionRecord) -> Option<String> {
    if record.flags & flag::INCONSISTENT != 0 {
        return None;
    }
    let (mut energy, mut electricity, mut service) = (Energy::ZERO, Money(0), Money(0));
    for segment in &record.segments {
        energy += segment.energy;
        electricity += segment.electricity_amount;
        service += segment.service_amount;
    }
    if (energy, electricity, service) != (record.energy_total, record.electricity_total, record.service_total)
    {
        return Some("the totals are not the sums of the segments".into());
    }
    let is_measured = record.flags & (flag::METER_CHANGED | flag::NOT_SETTLED) == 0;
    if let (Some(start), Some(end), true) = (record.start_register, record.end_register, is_measured)
        && end - start != record.energy_total
    {
        return Some(format!("the registers say {}, the total {}", end - start, record.energy_total));
    }
    None
}

/// Every record must be queued, acknowledged or set aside.
fn without_delivery(db: &Connection) -> rusqlite::Result<Option<Bad>> {
    let lost = "SELECT number, txn FROM record WHERE number NOT IN (SELECT number FROM delivery) LIMIT 1";
    let mut statement = db.prepare(lost)?;
    let mut rows = statement.query_map([], |r| Ok((r.get::<_, Whole>(0)?.0, r.get(1)?)))?;
    rows.next().transpose().map(|row| {
        row.map(|(number, txn)| Bad {
            number,
            txn: Some(txn),
            why: "neither queued nor acknowledged nor set aside".into(),
        })
    })
}

fn integrity(db: &Connection) -> String {
    db.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0)).unwrap_or_else(|error| error.to_string())
}

fn unreadable(number: u64, error: &rusqlite::Error) -> Bad {
    Bad { number, txn: None, why: format!("cannot be read: {error}") }
}
