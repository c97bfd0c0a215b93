//! What the station may rely on, whatever happens to the machine.

use super::fixture::*;
use super::*;
use crate::model::access::Card;
use crate::model::batch::KeptList;
use crate::model::batch::KnownRecord;
use crate::model::batch::{RecordRow, Row};
use crate::model::ident::Credential;
use crate::model::message::{Content, EntryId, Owed, Verdict};
use crate::model::quantity::Energy;
use std::fs;
use std::time::Duration;

fn memory() -> Store {
    Store::in_memory().expect("store").0
}

fn commit(store: &mut Store, rows: impl IntoIterator<Item = Row>) {
    store.apply(&batch(rows)).expect("committed");
}

/// Why a batch was refused.
fn refused(store: &mut Store, rows: impl IntoIterator<Item = Row>) -> String {
    match store.apply(&batch(rows)).expect_err("refused") {
        Error::Refused { why, .. } => why,
        trouble => panic!("{trouble}"),
    }
}

fn waiting(store: &Store, lane: Lane) -> Vec<u64> {
    store.entries(lane, 0, 1000).expect("entries").iter().map(|entry| entry.id.id).collect()
}

fn cards(version: u32, cards: Vec<Card>) -> Row {
    Row::Cards(ListRow::Replace(version, cards.into()))
}

fn boxed(row: RecordRow) -> Row {
    Row::Record(Box::new(row))
}

#[test]
fn a_failing_row_leaves_nothing_of_its_batch() {
    let mut store = memory();
    let mut rows = records(1, 2, None);
    rows.insert(0, session(9, 2, true));
    rows.push(cards(4, vec![card(1)]));
    rows.push(Row::TariffInForce { number: 77, pending: 0 });
    assert_eq!(
        store.apply(&batch(rows)),
        Err(Error::Refused { row: 4, why: "tariff 77 is not held".into() })
    );
    let (_, recovered) = store.reopen().expect("reopened");
    assert_eq!(recovered, Recovered { boot_counter: 2, ..Recovered::default() });
}

#[test]
fn a_restart_finds_exactly_what_was_committed() {
    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path().join("depotd.db");
    let (mut store, first) = Store::open(&path).expect("new file");
    assert_eq!(first, Recovered { boot_counter: 1, ..Recovered::default() });
    let mut rows = records(1, 3, None);
    rows.extend([
        session(10, 1, true),
        Row::Queue(start_result(5, 10)),
        Row::Queue(battery_end(3, 10)),
        Row::Serial { pile: pile(1), counter: 9999, time: MORNING },
        Row::Tariff(tariff(20_261_101, 78_901)),
        Row::TariffInForce { number: 20_261_101, pending: 0 },
        Row::Vehicles(ListRow::Replace(8, vec![vehicle(2), vehicle(1)].into())),
        Row::Plates(ListRow::Replace(9, vec![plate(2), plate(1)].into())),
        Row::Departures(vec![departure(2, Some(MORNING)), departure(1, Some(MORNING)), departure(2, None)]),
        cards(7, vec![card(2), card(1)]),
        Row::Cards(ListRow::Confirmed(MORNING.plus_ms(5))),
        Row::CommandSeen(txn(10), 5),
        acknowledged(Lane::Record, 1, Verdict::Taken),
    ]);
    commit(&mut store, rows.clone());
    let (store, found) = store.reopen().expect("reopened");
    let Row::Session(open) = session(10, 1, true) else { unreachable!() };
    let Row::Record(last) = &rows[2] else { unreachable!() };
    let expected = Recovered {
        boot_counter: 2,
        sessions: vec![open],
        last_record: 3,
        last_digest: Some(last.digest),
        last_start_result: 5,
        start_results: vec![(5, txn(10))],
        alarms: Vec::new(),
        last_alarm: 0,
        last_alarm_event: 0,
        alarm_events: 0,
        offered_again: Vec::new(),
        last_battery_end: 3,
        unsent_records: 2,
        records: vec![known(1, Some(Verdict::Taken)), known(2, None), known(3, None)],
        serials: vec![(pile(1), 9999, MORNING)],
        transactions: vec![txn(1), txn(2), txn(3), txn(10)],
        commands: vec![(txn(10), 5)],
        tariffs: vec![tariff(20_261_101, 78_901)],
        tariff_in_force: 20_261_101,
        tariff_pending: 0,
        cards: KeptList { version: 7, confirmed: Some(MORNING.plus_ms(5)), entries: vec![card(1), card(2)] },
        vehicles: KeptList { version: 8, confirmed: None, entries: vec![vehicle(1), vehicle(2)] },
        plates: KeptList { version: 9, confirmed: None, entries: vec![plate(1), plate(2)] },
        departures: vec![departure(1, Some(MORNING))],
        offline_use: vec![
            (Credential::Card(uid(0)), 1, Energy(1003)),
            (Credential::Card(uid(2)), 1, Energy(1002)),
        ],
        last_stamp: Some(MORNING.plus_ms(5)),
    };
    assert_eq!(found, expected);
    let entries = store.entries(Lane::Record, 0, 10).expect("entries");
    assert_eq!(entries.iter().map(|e| e.id.id).collect::<Vec<_>>(), [2, 3]);
    assert_eq!(
        entries[1].content,
        Content::Record(Owed { body: last.body.clone(), record: Some(Box::new(last.record.clone())) })
    );
    assert_eq!((entries[1].device, entries[1].txn, entries[1].stored), (pile(1), txn(3), true));
    assert_eq!(store.entries(Lane::StartResult, 0, 10), Ok(vec![start_result(5, 10)]));
    assert_eq!(store.entries(Lane::BatteryEnd, 0, 10), Ok(vec![battery_end(3, 10)]));
}

/// What is remembered of a record of the fixture.
fn known(number: u64, verdict: Option<Verdict>) -> KnownRecord {
    let record = record(number, None).record;
    let offline = record.offline_credential();
    KnownRecord {
        number,
        txn: record.txn,
        connector: record.connector,
        end_time: record.end_time,
        stop_reason: record.stop_reason,
        offline,
        verdict,
    }
}

#[test]
fn the_ledger_takes_only_the_next_link_of_the_chain() {
    let mut store = memory();
    let first = record(1, None);
    let after = Some((1, first.digest));
    commit(&mut store, [boxed(first.clone())]);
    commit(&mut store, [boxed(first.clone())]);

    let mut gap = record(2, after);
    gap.record.number = 3;
    assert!(refused(&mut store, [boxed(gap)]).contains("leaves a gap after 1"));
    let elsewhere = record(2, Some((1, [7; 32])));
    assert!(refused(&mut store, [boxed(elsewhere)]).contains("does not continue the chain"));
    let mut forged = record(2, after);
    forged.digest[0] ^= 1;
    assert!(refused(&mut store, [boxed(forged)]).contains("the digest of record 2 is not that of its body"));
    let mut other = record(3, after);
    other.record.txn = txn(2);
    assert!(refused(&mut store, [boxed(other)]).contains("another transaction number"));
    assert!(refused(&mut store, [boxed(record(1, after))]).contains("has its record already"));
    assert!(refused(&mut store, [boxed(record(2, None))]).contains("made before with another content"));
    let mut short = record(2, after);
    short.body.truncate(31);
    short.digest = ledger::digest(pile(1), &short.body);
    assert!(refused(&mut store, [boxed(short)]).contains("another length"));

    commit(&mut store, [boxed(record(2, after))]);
    assert_eq!(waiting(&store, Lane::Record), [1, 2]);
}

#[test]
fn a_record_closes_its_session_and_no_number_ever_opens_again() {
    let mut store = memory();
    commit(&mut store, [session(1, 1, true)]);
    assert!(refused(&mut store, records(1, 1, None)).contains("stays open"));
    assert!(refused(&mut store, [session(2, 1, true)]).contains("is still open at 44030000010001/1"));
    assert!(refused(&mut store, [session(1, 2, true)]).contains("is at 44030000010001/1"));
    commit(&mut store, records(1, 1, None).into_iter().chain([session(1, 1, false)]));
    assert!(refused(&mut store, [session(1, 1, true)]).contains("never opens again"));
    assert!(refused(&mut store, [session(1, 1, false), session(1, 1, true)]).contains("never opens again"));
    commit(&mut store, [session(2, 1, true)]);
}

#[test]
fn a_record_leaves_the_queue_only_with_an_answer_of_the_platform() {
    let mut store = memory();
    commit(&mut store, records(1, 4, None));
    let bodies = store.entries(Lane::Record, 0, 10).expect("entries");
    let id = |id| EntryId { lane: Lane::Record, id };
    assert!(refused(&mut store, [Row::Withdrawn(id(1))]).contains("is owed and cannot be withdrawn"));
    assert!(refused(&mut store, [acknowledged(Lane::Record, 5, Verdict::Taken)]).contains("never made"));

    commit(
        &mut store,
        [acknowledged(Lane::Record, 1, Verdict::Taken), acknowledged(Lane::Record, 2, Verdict::Refused(4))],
    );
    assert_eq!(waiting(&store, Lane::Record), [3, 4], "taken ones and those set aside do not wait");
    commit(&mut store, [acknowledged(Lane::Record, 1, Verdict::Refused(1))]);
    assert_eq!(store.records(true, 10).expect("unsent").len(), 3, "a late refusal takes nothing back");

    commit(&mut store, [Row::Requeue { first: 1, last: u64::MAX }]);
    assert_eq!(store.entries(Lane::Record, 0, 10), Ok(bodies), "the same octets again");
    commit(&mut store, (1..=4).map(|n| acknowledged(Lane::Record, n, Verdict::Taken)));
    assert_eq!(waiting(&store, Lane::Record), [0; 0]);
    assert_eq!(store.entries(Lane::Record, 1, 1), Ok(vec![]));
    assert_eq!(store.reopen().expect("reopened").1.unsent_records, 0);
}

#[test]
fn a_start_result_waits_until_it_is_taken_or_no_longer_wanted() {
    let mut store = memory();
    commit(&mut store, (1..=4).map(|n| Row::Queue(start_result(n, n))));
    commit(&mut store, [Row::Queue(start_result(4, 4))]);
    assert!(refused(&mut store, [Row::Queue(start_result(4, 5))]).contains("was given before"));
    commit(
        &mut store,
        [
            acknowledged(Lane::StartResult, 1, Verdict::Taken),
            Row::Withdrawn(EntryId { lane: Lane::StartResult, id: 2 }),
            acknowledged(Lane::StartResult, 3, Verdict::Refused(254)),
        ],
    );
    assert_eq!(waiting(&store, Lane::StartResult), [4]);
    let aside = &store.queue(10).expect("queue")[0];
    assert_eq!((aside.id, aside.why.as_str()), (3, "set aside: the platform refused it with 254"));
    commit(&mut store, [acknowledged(Lane::StartResult, 1, Verdict::Taken)]);
    assert!(
        refused(&mut store, [acknowledged(Lane::StartResult, 5, Verdict::Taken)]).contains("never queued")
    );
    commit(&mut store, [acknowledged(Lane::StartResult, 4, Verdict::Taken)]);
    let (mut store, recovered) = store.reopen().expect("reopened");
    assert_eq!(
        recovered.last_start_result, 4,
        "an identity is not given twice, even when its message is gone"
    );
    assert!(refused(&mut store, [Row::Queue(start_result(4, 4))]).contains("was given before"));
}

#[test]
fn entries_are_read_in_pieces_without_loss() {
    let mut store = memory();
    commit(&mut store, records(1, 10, None));
    let (mut after, mut seen) = (0, Vec::new());
    loop {
        let piece = store.entries(Lane::Record, after, 3).expect("entries");
        let Some(last) = piece.last() else { break };
        after = last.id.id;
        seen.extend(piece.iter().map(|e| e.id.id));
    }
    assert_eq!(seen, (1..=10).collect::<Vec<_>>());
}

#[test]
fn a_list_is_replaced_as_a_whole_or_not_at_all() {
    let mut store = memory();
    commit(&mut store, [cards(1, (1..=1000).map(card).collect())]);
    let replaced = cards(2, vec![card(5000)]);
    refused(&mut store, [replaced.clone(), acknowledged(Lane::Record, 9, Verdict::Taken)]);
    let list = store.cards(3).expect("cards");
    assert_eq!((list.version, list.count, list.entries), (1, 1000, vec![card(1), card(2), card(3)]));
    commit(&mut store, [replaced]);
    commit(
        &mut store,
        [Row::Cards(ListRow::Change { version: 3, put: vec![card(6)], delete: vec![uid(5000), uid(1)] })],
    );
    let list = store.cards(10).expect("cards");
    assert_eq!((list.version, list.count, list.entries), (3, 1, vec![card(6)]));
}

#[test]
fn of_remote_starts_and_transactions_the_newest_ten_thousand_are_remembered() {
    let mut store = memory();
    commit(&mut store, [session(1, 1, true)]);
    commit(&mut store, (1..=10_001).map(|n| Row::CommandSeen(txn(n), 0)));
    commit(&mut store, (2..=10_003).flat_map(|n| [session(n, 2, true), session(n, 2, false)]));
    commit(&mut store, [Row::CommandSeen(txn(2), 3)]);
    let (_, recovered) = store.reopen().expect("reopened");
    assert_eq!(recovered.commands.len(), 10_000);
    assert_eq!(recovered.commands.first(), Some(&(txn(3), 0)), "1 is forgotten, 2 was decided afresh");
    assert_eq!(recovered.commands.last(), Some(&(txn(2), 3)));
    assert_eq!(recovered.transactions.len(), 10_001);
    assert_eq!(recovered.transactions[..2], [txn(1), txn(4)], "an open session is never forgotten");
}

#[test]
fn a_serial_never_goes_back() {
    let mut store = memory();
    let serial = |counter, time| Row::Serial { pile: pile(1), counter, time };
    commit(&mut store, [serial(9999, MORNING), serial(0, MORNING.plus_ms(1000))]);
    assert!(refused(&mut store, [serial(1, MORNING)]).contains("goes back in time"));
}

#[test]
fn a_tariff_number_is_never_reused_and_one_in_use_never_goes() {
    let mut store = memory();
    commit(
        &mut store,
        [Row::Tariff(tariff(1, 5)), Row::Tariff(tariff(1, 5)), Row::TariffInForce { number: 1, pending: 0 }],
    );
    assert!(refused(&mut store, [Row::Tariff(tariff(1, 6))]).contains("held with another content"));
    let mut owed = record(1, None);
    owed.record.tariff_number = 2;
    commit(&mut store, [Row::Tariff(tariff(2, 5)), boxed(owed)]);
    commit(&mut store, (3..=200).map(|n| Row::Tariff(tariff(n, 5))));
    let held: Vec<u32> = store.reopen().expect("reopened").1.tariffs.iter().map(|t| t.number).collect();
    assert_eq!(held, [1, 2].into_iter().chain(101..=200).collect::<Vec<_>>());
}

#[test]
fn two_daemons_never_share_a_file_and_a_reader_may_look() {
    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path().join("depotd.db");
    let (mut store, _) = Store::open(&path).expect("first");
    commit(&mut store, records(1, 2, None));
    let error = Store::open(&path).expect_err("second");
    let words = error.to_string();
    assert!(words.contains("another depotd uses this file"), "{words}");
    assert!(words.contains(&format!("process {}", std::process::id())), "{words}");

    let mut reader = Store::open_read_only(&path).expect("reader beside a running daemon");
    assert!(reader.verify(station()).expect("verified").holds);
    commit(&mut store, [Row::Audit { at: None, who: "station".into(), what: "goes on".into() }]);
    assert_eq!(reader.audit(10).expect("audit").len(), 1);
    let error = reader.apply(&batch([session(1, 1, true)])).expect_err("read only");
    assert!(matches!(error, Error::Trouble { trouble: Trouble::ReadOnly, .. }), "{error}");
    drop((store, reader));
    let stopped = Store::open_read_only(&path).expect("reader after the daemon");
    assert_eq!(stopped.verify(station()).expect("verified").records, 2);
    drop(stopped);
    assert_eq!(Store::open(&path).expect("the lock went with its owner").1.boot_counter, 2);
    assert!(Store::open_read_only(&folder.path().join("none.db")).is_err());
}

#[test]
fn a_damaged_file_is_told_in_words_and_never_passes_for_good() {
    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path().join("depotd.db");
    let (mut store, _) = Store::open(&path).expect("new");
    commit(&mut store, records(1, 300, None));
    drop(store);
    let good = fs::read(&path).expect("octets");
    for page in 1..good.len() / 4096 {
        let mut bad = good.clone();
        bad[page * 4096..(page + 1) * 4096].fill(0xA5);
        fs::write(&path, bad).expect("damaged");
        let passes = match Store::open(&path) {
            Ok((store, _)) => store.verify(station()).is_ok_and(|v| v.holds),
            Err(error) => {
                assert!(error.to_string().contains("the file is damaged"), "{error}");
                false
            }
        };
        assert!(!passes, "page {page} is noise and nobody noticed");
        for rest in ["-wal", "-shm"] {
            fs::remove_file(folder.path().join(format!("depotd.db{rest}"))).ok();
        }
    }
}

#[test]
fn every_flipped_octet_of_a_body_breaks_the_chain_at_its_record() {
    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path().join("depotd.db");
    let (mut store, _) = Store::open(&path).expect("new");
    commit(&mut store, records(1, 3, None));
    assert!(store.verify(station()).expect("verified").holds);
    assert!(!store.verify(pile(1)).expect("verified").holds, "the chain belongs to one station");
    store.db.execute_batch("DROP TRIGGER a_record_is_never_changed").expect("a burglar");
    let length = record(2, None).body.len();
    for at in 0..length {
        let flip = |store: &Store| {
            let mut body: Vec<u8> = store
                .db
                .query_row("SELECT body FROM record WHERE number = 2", [], |r| r.get(0))
                .expect("body");
            body[at] ^= 0x10;
            store.db.execute("UPDATE record SET body = ?1 WHERE number = 2", [body]).expect("flipped");
        };
        flip(&store);
        let found = store.verify(station()).expect("verified");
        assert!(!found.holds);
        assert_eq!(found.first_bad.map(|bad| bad.number), Some(2), "octet {at}");
        flip(&store);
    }
    assert!(store.verify(station()).expect("verified").holds);
}

#[test]
fn a_body_forged_with_a_fitting_digest_breaks_the_next_link() {
    let mut store = memory();
    commit(&mut store, records(1, 3, None));
    let mut forged = record(2, Some((1, record(1, None).digest)));
    forged.body[20] ^= 1;
    forged.digest = ledger::digest(pile(1), &forged.body);
    store.db.execute_batch("DROP TRIGGER a_record_is_never_changed").expect("a burglar");
    store
        .db
        .execute("UPDATE record SET body = ?1, digest = ?2 WHERE number = 2", (forged.body, forged.digest))
        .expect("forged");
    let bad = store.verify(station()).expect("verified").first_bad.expect("found");
    assert_eq!((bad.number, bad.why.as_str()), (3, "previous_digest does not continue the chain"));
}

#[test]
fn a_missing_record_and_wrong_sums_are_found() {
    let mut store = memory();
    let mut wrong = record(2, Some((1, record(1, None).digest)));
    wrong.record.end_register = Some(Energy(5_000_000));
    commit(&mut store, records(1, 1, None).into_iter().chain([boxed(wrong)]));
    let bad = store.verify(station()).expect("verified").first_bad.expect("found");
    assert_eq!((bad.number, bad.why.as_str()), (2, "the registers say 0.0000 kWh, the total 0.1002 kWh"));

    let mut store = memory();
    commit(&mut store, records(1, 3, None));
    assert!(store.db.execute("DELETE FROM record WHERE number = 2", []).is_err(), "the file itself refuses");
    store.db.execute_batch("DROP TRIGGER an_unacknowledged_record_never_goes").expect("a burglar");
    store.db.execute("DELETE FROM record WHERE number = 2", []).expect("stolen");
    let bad = store.verify(station()).expect("verified").first_bad.expect("found");
    assert_eq!((bad.number, bad.why.as_str()), (2, "missing; the next one is 3"));
}

#[test]
fn only_acknowledged_records_go_after_their_time_and_the_chain_holds_over_the_gaps() {
    let mut store = memory();
    let day = Duration::from_secs(86_400);
    commit(&mut store, records(1, 8, None));
    commit(&mut store, [1, 2, 4, 5, 6, 8].map(|n| acknowledged(Lane::Record, n, Verdict::Taken)));
    commit(&mut store, [acknowledged(Lane::Record, 3, Verdict::Refused(2))]);
    let later = |days: i64| MORNING.plus_ms(days * 86_400_000);
    assert_eq!(store.prune(later(90), 90 * day), Ok(Pruned::default()), "not a moment too early");
    assert_eq!(store.prune(later(91), 90 * day), Ok(Pruned { records: 5, more: false }));
    let kept: Vec<u64> = store.records(false, 10).expect("records").iter().map(|r| r.number).collect();
    assert_eq!(kept, [8, 7, 3], "refused, queued, and the newest");
    let found = store.verify(station()).expect("verified");
    assert_eq!((found.holds, found.records, found.pruned), (true, 3, 5), "{found:?}");

    commit(&mut store, [3, 7].map(|n| acknowledged(Lane::Record, n, Verdict::Taken)));
    assert_eq!(store.prune(later(91), 90 * day), Ok(Pruned { records: 2, more: false }));
    assert_eq!(retention::gaps(&store.db).expect("gaps").len(), 1, "neighbouring gaps become one");
    assert!(store.verify(station()).expect("verified").holds);
    let newest = ledger::newest(&store.db).expect("newest");
    commit(&mut store, records(9, 1, newest));
    assert!(store.verify(station()).expect("verified").holds);
    assert!(
        refused(&mut store, [session(1, 1, true)]).contains("was there before"),
        "remembered beyond its record"
    );
    store.db.execute("UPDATE pruned SET previous = zeroblob(8)", []).expect("a burglar");
    assert!(!store.verify(station()).expect("verified").holds);
}

#[test]
fn an_acknowledgement_without_a_time_ages_from_when_it_is_first_met() {
    let mut store = memory();
    commit(&mut store, records(1, 2, None));
    let entry = EntryId { lane: Lane::Record, id: 1 };
    commit(&mut store, [Row::Acknowledged { entry, at: None, verdict: Verdict::Taken }]);
    let keep = Duration::from_secs(60);
    assert_eq!(store.prune(MORNING, keep).map(|p| p.records), Ok(0));
    assert_eq!(store.prune(MORNING.plus_ms(60_000), keep).map(|p| p.records), Ok(0));
    assert_eq!(store.prune(MORNING.plus_ms(60_001), keep).map(|p| p.records), Ok(1));
}

#[test]
fn a_session_without_a_record_goes_after_its_time_and_an_open_one_never() {
    let mut store = memory();
    let step = |n| Row::Step { txn: txn(n), at: None, what: "a step".into() };
    commit(&mut store, [session(1, 1, true), session(2, 2, false), step(1), step(2)]);
    let left =
        |store: &Store| store.sessions(10).expect("sessions").iter().map(|s| s.txn).collect::<Vec<_>>();
    store.prune(MORNING.plus_ms(1000), Duration::from_secs(1)).expect("pruned");
    assert_eq!(left(&store), [txn(2), txn(1)]);
    store.prune(MORNING.plus_ms(1001), Duration::from_secs(1)).expect("pruned");
    assert_eq!(left(&store), [txn(1)]);
    assert_eq!(store.db.query_row("SELECT count(*) FROM step", [], |r| r.get::<_, i64>(0)), Ok(1));
}

#[test]
fn a_full_disk_refuses_the_batch_and_harms_nothing() {
    let folder = tempfile::tempdir().expect("folder");
    let (mut store, _) = Store::open(&folder.path().join("depotd.db")).expect("new");
    commit(&mut store, records(1, 5, None));
    let limit = |store: &Store, pages: i64| {
        store.db.query_row(&format!("PRAGMA max_page_count = {pages}"), [], |_| Ok(())).expect("limit");
    };
    limit(&store, 1);
    let newest = ledger::newest(&store.db).expect("newest");
    let error = store.apply(&batch(records(6, 200, newest))).expect_err("full");
    assert!(matches!(&error, Error::Trouble { trouble: Trouble::Full, .. }), "{error}");
    assert!(error.to_string().contains("the disk is full"), "{error}");
    assert_eq!(waiting(&store, Lane::Record), [1, 2, 3, 4, 5]);
    limit(&store, 1_000_000);
    commit(&mut store, records(6, 200, newest));
    assert!(store.verify(station()).expect("verified").holds);
}

#[test]
fn audit_entries_make_room_for_newer_ones() {
    let mut store = memory();
    let entry = |n: i64| Row::Audit { at: None, who: "station".into(), what: n.to_string() };
    commit(&mut store, (0..audit::ENTRIES + 5).map(entry));
    let kept = store.audit(usize::MAX).expect("audit");
    assert_eq!(kept.len() as i64, audit::ENTRIES);
    assert_eq!(kept.last().map(|line| line.what.as_str()), Some("5"), "the oldest went");
}

#[test]
fn people_get_plain_rows() {
    let mut store = memory();
    let step = |what: &str| Row::Step { txn: txn(1), at: Some(MORNING), what: what.into() };
    commit(&mut store, [session(1, 1, true), step("contactor closed")]);
    commit(&mut store, records(1, 1, None).into_iter().chain([session(1, 1, false), step("record 1")]));
    let record = record(1, None);
    let expected = serde_json::json!({
        "txn": txn(1).to_string(), "connector": "44030000010001/1",
        "start": "2026-11-22 08:30:00", "end": "2026-11-22 09:30:00", "energy": 1001, "amount": 1001,
        "reason": "same card or bound credential", "reason_zh": "原卡停止", "state": "queued", "number": 1,
    });
    let rows = serde_json::to_value(store.records(true, 10).expect("records")).expect("json");
    assert_eq!(rows, serde_json::json!([expected]));

    let sheet = store.record(&txn(1)).expect("read").expect("known");
    assert_eq!((sheet.record, sheet.body), (record.record, crate::wire::hex::lower(&record.body)));
    let session = store.session(&txn(1)).expect("read").expect("known");
    assert_eq!(
        session.steps.iter().map(|s| s.what.as_str()).collect::<Vec<_>>(),
        ["contactor closed", "record 1"]
    );
    assert_eq!(session.steps[0].at.as_deref(), Some("2026-11-22 08:30:00"));
    assert_eq!(session.record.map(|r| r.number), Some(1));
    assert_eq!(store.sessions(10).expect("sessions").len(), 1);
    assert_eq!(store.record(&txn(2)), Ok(None));

    commit(&mut store, [acknowledged(Lane::Record, 1, Verdict::Refused(2))]);
    let line = &store.queue(10).expect("queue")[0];
    assert_eq!(line.why, "set aside: the platform refused it (sums do not fit)");
}

#[test]
fn what_the_platform_refused_to_know_is_offered_once_more_after_a_restart_and_not_twice() {
    let (mut store, lane) = (memory(), Lane::Alarm);
    commit(&mut store, alarm_rows(1, 1, true));
    commit(&mut store, [acknowledged(lane, 1, Verdict::Refused(0xFF))]);
    assert_eq!(waiting(&store, lane), [] as [u64; 0], "in this life it is the lane that remembers");
    let (mut store, found) = store.reopen().expect("reopened");
    assert_eq!(found.offered_again, [EntryId { lane, id: 1 }]);
    assert_eq!(waiting(&store, lane), [1]);
    commit(&mut store, [acknowledged(lane, 1, Verdict::Refused(0xFF))]);
    let (store, found) = store.reopen().expect("reopened");
    assert_eq!((found.offered_again.len(), waiting(&store, lane).len()), (0, 0), "the last word");
    let line = &store.queue(10).expect("queue")[0];
    assert_eq!((line.lane, line.what.as_str()), (lane, "alarm 1 raised: 0201 meter link lost"));
}

#[test]
fn alarms_are_open_until_they_are_over_and_then_history() {
    let mut store = memory();
    commit(&mut store, alarm_rows(1, 1, true));
    commit(&mut store, alarm_rows(2, 2, true));
    commit(&mut store, [acknowledged(Lane::Alarm, 1, Verdict::Taken)]);
    let (mut store, found) = store.reopen().expect("reopened");
    let open: Vec<_> = found.alarms.iter().map(|a| (a.alarm.id, a.acknowledged, a.entry)).collect();
    assert_eq!(open, [(1, true, None), (2, false, Some(2))]);
    assert_eq!((found.last_alarm, found.last_alarm_event, found.alarm_events), (2, 2, 1));
    commit(&mut store, alarm_rows(1, 3, false));
    assert!(refused(&mut store, [alarm_rows(1, 4, true)[0].clone()]).contains("was raised before"));
    assert!(refused(&mut store, [alarm_rows(7, 4, false)[0].clone()]).contains("was never raised"));
    let history = store.alarms(10).expect("history");
    let shown: Vec<_> = history.iter().map(|a| (a.id, a.open, a.until.is_some(), a.acknowledged)).collect();
    assert_eq!(shown, [(2, true, false, false), (1, false, true, true)]);
}

#[test]
fn a_raise_that_was_refused_goes_with_its_clear() {
    let (mut store, lane) = (memory(), Lane::Alarm);
    commit(&mut store, alarm_rows(1, 1, true));
    commit(&mut store, [acknowledged(lane, 1, Verdict::Refused(0xFF))]);
    commit(&mut store, alarm_rows(1, 2, false));
    commit(&mut store, [acknowledged(lane, 2, Verdict::Taken)]);
    let (store, found) = store.reopen().expect("reopened");
    assert_eq!((found.offered_again.len(), waiting(&store, lane).len()), (0, 0));
}

#[test]
fn a_daemon_killed_between_the_messages_of_a_list_finds_the_old_one_whole_and_after_its_commit_the_new_one() {
    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path().join("depotd.db");
    let (mut store, _) = Store::open(&path).expect("new file");
    let list = |version, n| {
        Row::Vehicles(ListRow::Replace(version, (1..=n).map(vehicle).collect::<Vec<_>>().into()))
    };
    commit(&mut store, [list(1, 3)]);
    // What was collected since lives in memory only; a row that fails takes the whole step with it.
    refused(&mut store, [list(2, 1000), acknowledged(Lane::Record, 9, Verdict::Taken)]);
    let (mut store, found) = store.reopen().expect("reopened");
    assert_eq!((found.vehicles.version, found.vehicles.entries.len()), (1, 3));
    commit(&mut store, [list(2, 1000)]);
    let (_, found) = store.reopen().expect("reopened");
    assert_eq!((found.vehicles.version, found.vehicles.entries.len()), (2, 1000));
    assert!(found.vehicles.entries.is_sorted_by_key(|v| v.vin));
}

#[test]
fn more_entries_than_a_list_holds_are_refused() {
    let mut store = memory();
    let plates: Vec<_> = (0..20_001).map(plate).collect();
    refused(&mut store, [Row::Plates(ListRow::Replace(1, plates.into()))]);
    assert_eq!(store.plates(1).map(|list| (list.version, list.count)), Ok((0, 0)));
}

#[test]
fn ten_thousand_alarm_events_wait_and_beyond_that_a_pair_makes_room_that_is_not_under_way() {
    const MOST: u64 = 10_000;
    let (mut store, lane) = (memory(), Lane::Alarm);
    // One that stays open, then pairs.
    commit(&mut store, alarm_rows(1, 1, true));
    let pair = |n: u64| alarm_rows(n, 2 * n - 2, true).into_iter().chain(alarm_rows(n, 2 * n - 1, false));
    commit(&mut store, (2..=MOST / 2).flat_map(pair));
    commit(&mut store, alarm_rows(MOST, MOST, true));
    let all = |store: &Store| -> Vec<(u64, u64, bool)> {
        let entries = store.entries(lane, 0, 20_000).expect("entries");
        let event = |entry: Entry| match entry.content {
            Content::Alarm(event) => (entry.id.id, event.alarm.id, event.raised),
            other => panic!("{other:?} among alarm events"),
        };
        entries.into_iter().map(event).collect()
    };
    let full = all(&store);
    assert_eq!(full.len() as u64, MOST, "all of them fit");
    commit(&mut store, (MOST + 1..=MOST + 200).flat_map(|n| alarm_rows(n, n, true)));
    let left = all(&store);
    assert!(left.len() as u64 <= MOST, "{}", left.len());
    assert_eq!(left[..250], full[..250], "what may be on its way stays");
    assert_eq!(left.last().map(|(id, _, _)| *id), Some(MOST + 200), "the newest is never dropped");
    let gone: Vec<_> = full.iter().filter(|event| !left.contains(event)).collect();
    assert_eq!(gone.len(), 200, "no more than had to go");
    assert!(gone.chunks(2).all(|pair| pair[0].1 == pair[1].1 && pair[0].2 && !pair[1].2), "pairs");
    let (_, found) = store.reopen().expect("reopened");
    assert_eq!((found.alarm_events, found.last_alarm_event), (left.len() as u64, MOST + 200));
}
