//! The reconciliation: record by record, what the platform has.

use super::Platform;
use crate::model::ident::{DeviceCode, TransactionNumber};
use serde::Serialize;
use std::fmt;

/// One record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RecordLine {
    /// Its number.
    pub number: u64,
    /// Its transaction.
    pub txn: TransactionNumber,
    /// Its pile.
    pub pile: DeviceCode,
    /// 1e-4 kWh.
    pub energy: u32,
    /// 1e-4 yuan.
    pub amount: u64,
    /// Created while offline.
    pub stored: bool,
    /// How the session was started (platform-222.md 13.1).
    pub start_mode: u8,
    /// How often it arrived; it is in the ledger once.
    pub arrivals: u32,
    /// Reason of the refusal, 0 when it was taken.
    pub refused: u8,
}

/// All of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// Accepted logins.
    pub logins: u32,
    /// In the order of their numbers.
    pub records: Vec<RecordLine>,
    /// Numbers between the first and the last that are not here.
    pub missing: Vec<u64>,
    /// Sessions that began and have no record.
    pub open: Vec<TransactionNumber>,
    /// Sum of the records, 1e-4 kWh.
    pub energy: u64,
    /// Sum of the records, 1e-4 yuan.
    pub amount: u64,
    /// Skipped sequences (counted, never punished).
    pub sequence_gaps: u64,
    /// Broken rules, at most 1000 of them in words.
    pub complaints: Vec<String>,
    /// Broken rules.
    pub complaint_count: u64,
}

impl Summary {
    /// Every record arrived, none was refused, no session is without its record, no rule was broken.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.missing.is_empty()
            && self.open.is_empty()
            && self.complaint_count == 0
            && self.records.iter().all(|record| record.refused == 0)
    }
}

impl Platform {
    /// What arrived so far.
    #[must_use]
    pub fn summary(&self) -> Summary {
        let line = |(number, filed): (&u64, &super::Filed)| RecordLine {
            number: *number,
            txn: filed.txn,
            pile: filed.pile,
            energy: filed.energy,
            amount: filed.amount,
            stored: filed.stored,
            start_mode: filed.start_mode,
            arrivals: filed.arrivals,
            refused: filed.refused,
        };
        let records: Vec<RecordLine> = self.ledger.records.iter().map(line).collect();
        let first = if self.config.from_first_record { 1 } else { records.first().map_or(1, |r| r.number) };
        let last = records.last().map_or(0, |r| r.number);
        let missing = (first..=last).filter(|number| !self.ledger.records.contains_key(number)).take(1000);
        Summary {
            logins: self.logins,
            missing: missing.collect(),
            open: self.sessions.iter().filter(|(_, s)| s.is_open()).map(|(txn, _)| *txn).collect(),
            energy: records.iter().map(|r| u64::from(r.energy)).sum(),
            amount: records.iter().map(|r| r.amount).sum(),
            sequence_gaps: self.gaps,
            complaints: self.complaints.clone(),
            complaint_count: self.complaint_count,
            records,
        }
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for record in &self.records {
            let stored = if record.stored { ", offline" } else { "" };
            let refused =
                if record.refused == 0 { String::new() } else { format!(", refused {}", record.refused) };
            writeln!(
                f,
                "record {:>4}  {}  {:>10}.{:04} kWh  {:>8}.{:04} yuan{stored}{refused}",
                record.number,
                record.txn,
                record.energy / 10_000,
                record.energy % 10_000,
                record.amount / 10_000,
                record.amount % 10_000
            )?;
        }
        self.missing.iter().try_for_each(|number| writeln!(f, "record {number:>4}  is missing"))?;
        self.open.iter().try_for_each(|txn| writeln!(f, "session {txn} has no record"))?;
        self.complaints.iter().try_for_each(|complaint| writeln!(f, "complaint: {complaint}"))?;
        let verdict = if self.is_clean() { "clean" } else { "NOT CLEAN" };
        write!(
            f,
            "{verdict}: {} records once each, {} missing, {} open, {} complaints, {} logins",
            self.records.len(),
            self.missing.len(),
            self.open.len(),
            self.complaint_count,
            self.logins
        )
    }
}
