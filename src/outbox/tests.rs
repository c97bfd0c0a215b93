//! Lanes: order, window, repetition, pauses.

use super::*;
use crate::model::ident::DeviceCode;
use crate::model::message::Owed;

fn entry(id: u64) -> Entry {
    Entry {
        id: EntryId { lane: Lane::Record, id },
        device: DeviceCode::default(),
        stored: false,
        txn: TransactionNumber([id as u8; 16]),
        content: Content::Record(Owed { body: vec![id as u8], record: None }),
    }
}

fn filled(window: usize, count: u64) -> Queue {
    let mut queue = Queue::new(Lane::Record, count, Config { window, ..Config::default() });
    assert_eq!(queue.load(at(0)), Some((0, LOADED)));
    assert_eq!(queue.load(at(0)), None, "one load at a time");
    queue.loaded((1..=count).map(entry).collect());
    queue
}

fn at(seconds: u64) -> Instant {
    Instant(seconds * 1_000_000)
}

#[test]
fn the_oldest_goes_first_and_the_window_is_kept() {
    let mut queue = filled(2, 3);
    for (sequence, id) in [(10, 1), (11, 2)] {
        assert_eq!(queue.next(at(0)).map(|e| e.id.id), Some(id));
        queue.sent(at(0), sequence, vec![]);
    }
    assert_eq!(queue.next(at(0)), None);
    assert_eq!(queue.answered(11).map(|e| e.id), Some(2), "answers come in any order");
    assert_eq!(queue.next(at(0)).map(|e| e.id.id), Some(3));
    assert_eq!(queue.answered(11), None, "a second answer settles nothing");
}

#[test]
fn an_unanswered_entry_is_repeated_with_the_same_octets_then_the_lane_rests() {
    let mut queue = filled(1, 1);
    queue.sent(at(0), 7, vec![1, 2, 3]);
    for round in 1..=3 {
        assert_eq!(queue.wake_at(), Some(at(10 * round)));
        assert_eq!(queue.due(at(10 * round)), Some(Due::Resend(vec![1, 2, 3])));
    }
    assert_eq!(queue.due(at(40)), Some(Due::Paused));
    assert_eq!(queue.next(at(41)), None);
    assert_eq!(queue.wake_at(), Some(at(340)));
    assert_eq!(queue.due(at(340)), None);
    assert_eq!(queue.next(at(340)).map(|e| e.id.id), Some(1));
}

#[test]
fn an_entry_withdrawn_in_flight_keeps_its_place_until_its_answer_or_its_time() {
    for answered in [true, false] {
        let mut queue = filled(1, 2);
        queue.sent(at(0), 7, vec![]);
        queue.settled(1);
        assert_eq!(queue.next(at(1)), None, "one request is outstanding");
        if answered {
            assert_eq!(queue.answered(7), None, "nobody waits for it");
        } else {
            assert_eq!(queue.due(at(10)), None, "nor is it sent again");
        }
        assert_eq!(queue.next(at(10)).map(|e| e.id.id), Some(2));
    }
}

#[test]
fn ranges_that_overlap_come_back_whole() {
    let mut queue = filled(1, 8);
    for id in 1..=8 {
        queue.sent(at(0), id as u32, vec![]);
        queue.answered(id as u32);
        queue.settled(id);
    }
    queue.queued(3);
    assert_eq!(queue.load(at(1)), Some((2, LOADED)));
    queue.loaded((3..=6).map(entry).collect());
    queue.queued(5);
    assert_eq!(queue.load(at(1)), Some((5, LOADED)), "7 and 8 came back, too");
    queue.loaded((6..=8).map(entry).collect());
    let back: Vec<u64> = queue.recalled.iter().map(|e| e.id.id).collect();
    assert_eq!(back, [3, 4, 5, 6, 7, 8]);
}

#[test]
fn a_lost_connection_puts_everything_back_in_order() {
    let mut queue = filled(2, 3);
    queue.sent(at(0), 1, vec![]);
    queue.sent(at(0), 2, vec![]);
    queue.disconnected();
    assert_eq!(queue.next(at(1)).map(|e| e.id.id), Some(1));
}

#[test]
fn what_is_settled_or_settling_is_not_read_back_and_a_recall_is() {
    let mut queue = filled(1, 2);
    queue.sent(at(0), 1, vec![]);
    queue.answered(1);
    queue.queued(1);
    assert_eq!(queue.load(at(0)), Some((1, LOADED)), "settling: not asked for again, what follows it is");
    queue.loaded(vec![entry(2)]);
    queue.settled(1);
    queue.queued(1);
    assert_eq!(queue.load(at(0)), Some((0, LOADED)));
    queue.loaded(vec![entry(1), entry(2)]);
    for (sequence, id) in [(2, 2), (3, 1)] {
        assert_eq!(queue.next(at(1)).map(|e| e.id.id), Some(id), "a recall goes after what was never sent");
        queue.sent(at(1), sequence, vec![]);
        queue.answered(sequence);
    }
    assert!(queue.is_empty());
}

#[test]
fn a_long_recall_is_read_in_pieces_and_new_records_pass_it() {
    let total = 150;
    let mut queue = Queue::new(Lane::Record, 0, Config { window: 1, ..Config::default() });
    let send = |queue: &mut Queue, sequence: u32| {
        let id = queue.next(at(1)).map(|e| e.id.id);
        queue.sent(at(1), sequence, vec![]);
        queue.answered(sequence);
        queue.settled(id.unwrap_or(0));
        id
    };
    for id in 1..=total {
        queue.queued(id);
        queue.load(at(0));
        queue.loaded(vec![entry(id)]);
        assert_eq!(send(&mut queue, id as u32), Some(id));
    }
    queue.queued(1); // all of them came back
    let mut sent = Vec::new();
    for sequence in 1000..1200 {
        if let Some((after, limit)) = queue.load(at(1)) {
            queue.loaded(
                (after + 1..=queue.newest).filter(|id| !sent.contains(id)).take(limit).map(entry).collect(),
            );
        }
        if sequence == 1010 {
            queue.queued(total + 1);
            assert_eq!(queue.load(at(1)), Some((total, LOADED)));
            queue.loaded(vec![entry(total + 1)]);
            assert_eq!(send(&mut queue, sequence), Some(total + 1));
            continue;
        }
        sent.extend(send(&mut queue, sequence));
    }
    assert_eq!(sent, (1..=total).collect::<Vec<_>>());
    assert!(queue.is_empty());
}

#[test]
fn a_recall_reaches_what_lies_behind_a_record_that_is_still_under_way() {
    let mut queue = filled(2, 3);
    queue.sent(at(0), 1, vec![]); // not answered for long
    for (sequence, id) in [(2, 2), (3, 3)] {
        queue.sent(at(0), sequence, vec![]);
        queue.answered(sequence);
        queue.settled(id);
    }
    queue.queued(1); // all three came back
    assert_eq!(queue.load(at(1)), Some((1, LOADED)));
    queue.loaded(vec![entry(2), entry(3)]);
    for (sequence, id) in [(4, 2), (5, 3)] {
        assert_eq!(queue.next(at(1)).map(|e| e.id.id), Some(id));
        queue.sent(at(1), sequence, vec![]);
        queue.answered(sequence);
        queue.settled(id);
    }
    queue.answered(1);
    queue.settled(1);
    assert!(queue.is_empty());
}

#[test]
fn what_comes_while_the_store_is_read_is_read_next() {
    let mut queue = Queue::new(Lane::Record, 1, Config::default());
    assert_eq!(queue.load(at(0)), Some((0, LOADED)));
    queue.queued(2);
    queue.loaded(vec![entry(1)]);
    assert_eq!(queue.load(at(0)), Some((1, LOADED)));
    queue.queued(1); // held in memory: only what lies behind it is looked for again
    queue.loaded(vec![entry(2)]);
    assert_eq!(queue.load(at(0)), Some((1, LOADED)));
    queue.loaded(vec![entry(2)]);
    assert_eq!(queue.loaded.len() + queue.recalled.len(), 2, "nothing twice");
    assert_eq!(queue.load(at(0)), None);
}

#[test]
fn a_store_that_cannot_be_read_is_asked_again_after_a_second() {
    let mut queue = Queue::new(Lane::Record, 1, Config::default());
    assert_eq!(queue.load(at(5)), Some((0, LOADED)));
    queue.load_failed(at(5));
    assert_eq!(queue.load(at(5)), None);
    assert_eq!(queue.load_at(), Some(at(6)));
    assert_eq!(queue.load(at(6)), Some((0, LOADED)));
}

#[test]
fn a_refused_message_is_offered_once_more_at_the_next_login() {
    let mut queue = filled(1, 1);
    queue.sent(at(0), 1, vec![]);
    assert_eq!(queue.put_aside(1).map(|e| e.id), Some(1));
    queue.settled(1);
    assert_eq!(queue.next(at(1)), None);
    queue.disconnected();
    assert_eq!(queue.next(at(1)).map(|e| e.id.id), Some(1));
    queue.sent(at(1), 1, vec![]);
    assert_eq!(queue.put_aside(1).map(|e| e.id), Some(1));
    queue.disconnected();
    assert_eq!(queue.next(at(2)), None, "the second refusal is the last word");
}

#[test]
fn more_than_fits_in_memory_stays_in_the_store() {
    let mut queue = filled(1, LOADED as u64);
    queue.queued(200);
    for sequence in 0..LOADED as u32 / 2 - 1 {
        assert_eq!(queue.load(at(0)), None, "more than half is still in memory");
        queue.sent(at(0), sequence, vec![]);
        queue.answered(sequence);
    }
    queue.sent(at(0), 99, vec![]);
    assert_eq!(queue.load(at(0)), Some((LOADED as u64, LOADED)));
}
