//! The end of a run: everybody leaves, everything is mended, the queues run dry; then the ledgers are compared.

use crate::ledger;
use crate::trouble::Kind;
use crate::world::World;
use depotd::model::time::Instant;
use std::fmt;
use std::time::Duration;

/// After this everybody has left and every record has arrived.
const PATIENCE: Duration = Duration::from_secs(4 * 3600);
/// A lane that rested goes on after five minutes.
const STEP: Duration = Duration::from_secs(60);

/// What came of a run.
pub(crate) struct Outcome {
    pub(crate) seed: u64,
    pub(crate) records: usize,
    /// Of them, started by a vehicle that named itself.
    pub(crate) by_vin: usize,
    pub(crate) digest: u64,
    pub(crate) handed: u64,
    violations: Vec<String>,
    count: usize,
    text: String,
}

impl Outcome {
    pub(crate) fn is_good(&self) -> bool {
        self.count == 0
    }

    pub(crate) fn faults(&self) -> String {
        let more = self.count.saturating_sub(self.violations.len());
        format!(
            "seed {}: {} violations\n  {}\n  and {more} more",
            self.seed,
            self.count,
            self.violations.join("\n  ")
        )
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl World {
    pub(crate) fn finish(mut self, seed: u64) -> Outcome {
        self.heal();
        self.depot.close();
        self.watch_depot();
        let until = self.at + PATIENCE;
        while self.at < until && !self.is_quiet() {
            self.run(STEP);
        }
        self.run(STEP * 6);
        self.compare();
        let (charged, given_up) = self.depot.visits();
        let by_vin = self.platform.records().values().filter(|r| matches!(r.start_mode, 3 | 5 | 7)).count();
        let trouble: Vec<String> = self.trouble.count.iter().map(|(k, n)| format!("{k:?} {n}")).collect();
        let text = format!(
            "seed {seed}: {} of simulated time, {} events, {} records, {by_vin} by VIN, {charged} visits charged and {given_up} gave up, \
             {} logins, unbilled {}, orphans {}; {}; digest {:016x}",
            crate::reference::shown(self.at),
            self.handed,
            self.reference.records.len(),
            self.platform.logins(),
            self.reference.unbilled,
            ledger::orphans(&self.reference).len(),
            trouble.join(", "),
            self.reference.digest,
        );
        Outcome {
            seed,
            by_vin,
            records: self.reference.records.len(),
            digest: self.reference.digest,
            handed: self.handed,
            count: self.reference.violation_count,
            violations: std::mem::take(&mut self.reference.violations),
            text,
        }
    }

    fn is_quiet(&self) -> bool {
        let open = self.reference.sessions.values().any(|known| known.record.is_none());
        self.depot.is_deserted() && !open && self.reference.unsettled().is_empty() && self.daemon.is_some()
    }

    /// Both ledgers, the chain, and everything that must be over.
    fn compare(&mut self) {
        let truth = &mut self.reference;
        for txn in truth.open_sessions() {
            truth.blame("I1", format!("session {txn} never got a record"));
        }
        for number in truth.unsettled() {
            truth.blame("I2", format!("record {number} was never settled"));
        }
        let summary = self.platform.summary();
        let there: Vec<u64> = summary.records.iter().map(|r| r.number).collect();
        let here: Vec<u64> = truth.records.keys().copied().collect();
        if there != here {
            truth.blame("I1", format!("the platform has the records {there:?}, the disk has {here:?}"));
        }
        for (number, filed) in self.platform.records() {
            if truth.records.get(number).is_some_and(|(_, body)| *body != filed.body) {
                truth.blame("I2", format!("record {number} arrived with another body"));
            }
        }
        summary.missing.iter().for_each(|n| truth.blame("I1", format!("record {n} never arrived")));
        summary
            .open
            .iter()
            .for_each(|txn| truth.blame("I1", format!("the platform waits for the record of {txn}")));
        self.depot.complaints().into_iter().for_each(|complaint| truth.blame("devices", complaint));
        let verified = self.verify();
        let truth = &mut self.reference;
        if !verified.holds || verified.records != truth.records.len() as u64 {
            truth.blame("I1", format!("the ledger does not hold: {verified:?}"));
        }
        for kind in [Kind::Line, Kind::Charger, Kind::Link, Kind::Disk, Kind::Clock, Kind::Power] {
            if !self.trouble.count.contains_key(&kind) && self.at > Instant(3_000_000_000) {
                truth.blame("sim", format!("no trouble of {kind:?} came"));
            }
        }
        let Some(daemon) = &self.daemon else {
            return truth.blame("sim", "the program does not run at the end".to_owned());
        };
        let status = daemon.status(daemon.now(&self.clock, self.at));
        if status.open_sessions != 0
            || status.unsent_records != 0
            || !status.storage_ok
            || !daemon.is_online()
        {
            truth.blame("I1", format!("the station is not at rest: {status:?}"));
        }
    }
}
