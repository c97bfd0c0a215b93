//! A reader that pushes its cards, alone on its line.

use super::bench::{at_ms, ms};
use crate::bus::{Action, Config, Event, Line, LineState};
use crate::driver::uid_frame;
use crate::model::ident::DeviceId;
use crate::model::report::{LinkState, ReaderStatus, Report};
use crate::model::time::Now;
use crate::wire::hex;
use crate::wire::uid_frame::Profile;
use std::sync::Arc;

/// A card of an EM4100 module: 02, digits, check, CR LF, 03.
const CARD: &str = "023031303043334132354633460D0A03";

fn now(at: u64) -> Now {
    Now { mono: at_ms(at), ..Now::default() }
}

fn frame() -> Vec<u8> {
    hex::parse(CARD).expect("octets")
}

/// A line that was opened at 0 and has settled, and what was done so far.
fn open() -> (Line, Vec<Action>) {
    let profile = Arc::new(Profile::by_name("serial-text").expect("built in"));
    let reader = uid_frame::Reader::new(uid_frame::Config { profile });
    let mut line = Line::new(Config::default(), vec![(DeviceId(1), Box::new(reader))], 1);
    let mut done = line.handle(now(0), Event::Woke);
    done.extend(line.handle(now(0), Event::Opened));
    done.extend(line.handle(now(300), Event::Woke));
    (line, done)
}

fn link(state: LinkState) -> Action {
    Action::Report(DeviceId(1), Report::Link(state))
}

fn card() -> Action {
    Action::Report(DeviceId(1), Report::Card("0100C3A25F".parse().expect("a card")))
}

#[test]
fn a_reader_that_speaks_when_it_likes_is_asked_nothing_and_heard() {
    let (mut line, done) = open();
    assert_eq!(
        done,
        [Action::Open, link(LinkState::Good)],
        "good while its port is open; nothing is written"
    );
    let condition = Action::Report(DeviceId(1), Report::Reader(ReaderStatus::default()));
    assert_eq!(line.handle(now(60_000), Event::Octets(&frame())), [condition, card()]);
    assert_eq!(line.handle(now(61_000), Event::Octets(&frame())), [], "the same showing");
    assert_eq!(line.handle(now(90_000), Event::Octets(&frame())), [card()]);
    let status = line.status(now(3_600_000));
    assert_eq!(
        (status.state, status.devices[0].link),
        (LineState::Open, LinkState::Good),
        "silence means nothing"
    );
    assert_eq!((status.counters.sent, status.counters.answered, status.stray_octets), (0, 3, 0));
}

#[test]
fn a_card_comes_through_noise_and_in_pieces_and_what_stays_a_piece_is_dropped() {
    let (mut line, _) = open();
    let noisy = [vec![0x00, 0x02, 0x31], frame()].concat();
    let mut seen = Vec::new();
    for (index, octet) in noisy.iter().enumerate() {
        seen.extend(line.handle(now(1_000 + index as u64), Event::Octets(&[*octet])));
    }
    assert_eq!(seen.last(), Some(&card()));
    assert_eq!(line.handle(now(10_000), Event::Octets(&frame()[..9])), []);
    let rest = line.wake_at().expect("it is looked at again");
    assert!(rest <= at_ms(10_000) + ms(200), "{rest:?}");
    assert_eq!(line.handle(Now { mono: rest, ..Now::default() }, Event::Woke), []);
    assert_eq!(line.handle(now(20_000), Event::Octets(&frame())), [card()], "the piece is not in its way");
    assert_eq!(line.status(now(20_000)).counters.noise_octets, 3 + 9);
}

#[test]
fn it_is_gone_with_its_port_and_back_with_it() {
    let (mut line, _) = open();
    assert_eq!(line.handle(now(5_000), Event::Lost), [link(LinkState::Silent)]);
    assert_eq!(line.handle(now(6_000), Event::Woke), [Action::Open]);
    assert_eq!(line.handle(now(6_000), Event::Opened), [link(LinkState::Good)]);
    assert_eq!(line.handle(now(60_000), Event::Woke), [], "and is never probed");
}

#[test]
fn an_endless_noise_is_bounded() {
    let (mut line, _) = open();
    for at in 0..2_000 {
        assert_eq!(line.handle(now(1_000 + at), Event::Octets(&[0x02; 64])), []);
    }
    assert!(line.status(now(9_000)).counters.noise_octets >= 2_000 * 64 - 4_096);
}
