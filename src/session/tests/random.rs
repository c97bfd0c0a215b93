//! Whatever happens in whatever order: one record, a stop within a second, no panic.

use super::bench::{opening, tariff};
use super::world::{Cut, World};
use crate::model::money::Balance;
use crate::model::quantity::Energy;
use crate::model::record::BillingMode;
use crate::model::report::{ChargerState, ChargerStatus, LinkState, MeterReading, OrderFault, OrderId};
use crate::model::session::Limit;
use crate::model::stop::StopReason;
use crate::model::time::{ClockTrust, Instant, Now, Utc};
use crate::model::vehicle::{End, Handshake, Progress, VehicleReport};
use crate::session::{Config, Event, Session, Tag, Target};
use proptest::prelude::*;
use std::time::Duration;

/// Something that happens at a depot.
#[derive(Clone, Debug)]
enum Deed {
    Wait(u64),
    Stop(u16),
    Unplug,
    Fault(u32),
    Finish,
    StartFails,
    ChargerSilent(bool),
    MeterSilent(bool),
    DiskFails(bool),
    Stubborn(bool),
    Replace,
    Power(i64),
    Soc(u8),
    Online(bool),
    Balance(u32),
    Trust(bool),
    Vehicle(VehicleReport, bool),
    Cut(Cut),
}

/// What a vehicle may say, sense or none.
fn said() -> impl Strategy<Value = VehicleReport> {
    let vin = prop_oneof![Just(None), Just(Some("LC06S24R0H1234567")), Just(Some("LC06S24R0H7654321"))];
    let reason = prop_oneof![Just(0x0401_u16), Just(0x0424), Just(0x0422), Just(0x0605), any::<u16>()];
    let reason = reason.prop_map(|r| StopReason(r.max(1)));
    prop_oneof![
        3 => vin.prop_map(|vin| VehicleReport::Handshake(Box::new(Handshake {
            vin: vin.map(|text| text.parse().expect("a VIN")), ..Handshake::default()
        }))),
        2 => any::<u8>().prop_map(|soc| {
            VehicleReport::Progress(Box::new(Progress { soc: Some(soc), ..Progress::default() }))
        }),
        1 => (reason.clone(), any::<bool>()).prop_map(|(reason, on)| VehicleReport::Fault(reason, on)),
        1 => any::<bool>().prop_map(VehicleReport::Paused),
        1 => proptest::option::of(reason).prop_map(|reason| {
            VehicleReport::End(Box::new(End { bst: Some([1; 4]), reason, ..End::default() }))
        }),
        1 => Just(VehicleReport::Gone),
    ]
}

fn deed() -> impl Strategy<Value = Deed> {
    prop_oneof![
        8 => (100_u64..40_000).prop_map(Deed::Wait),
        1 => (100_u64..700_000).prop_map(Deed::Wait),
        2 => prop_oneof![Just(0x0101_u16), Just(0x0301), Just(0x0901), any::<u16>()].prop_map(|r| Deed::Stop(r.max(1))),
        1 => Just(Deed::Unplug),
        1 => any::<u32>().prop_map(Deed::Fault),
        1 => Just(Deed::Finish),
        1 => Just(Deed::StartFails),
        2 => any::<bool>().prop_map(Deed::ChargerSilent),
        2 => any::<bool>().prop_map(Deed::MeterSilent),
        2 => any::<bool>().prop_map(Deed::DiskFails),
        1 => any::<bool>().prop_map(Deed::Stubborn),
        1 => Just(Deed::Replace),
        1 => (0_i64..120_000).prop_map(Deed::Power),
        1 => (0_u8..=101).prop_map(Deed::Soc),
        1 => any::<bool>().prop_map(Deed::Online),
        1 => any::<u32>().prop_map(Deed::Balance),
        1 => any::<bool>().prop_map(Deed::Trust),
        3 => (said(), any::<bool>()).prop_map(|(report, bad)| Deed::Vehicle(report, bad)),
        2 => (any::<bool>(), any::<bool>(), 100_u64..400_000)
            .prop_map(|(power, durable, off_ms)| Deed::Cut(Cut { power, durable, off_ms })),
    ]
}

fn limit() -> impl Strategy<Value = Limit> {
    prop_oneof![
        3 => Just(Limit::None),
        1 => (0_i64..80_000).prop_map(|e| Limit::Energy(Energy(e))),
        1 => (0_i64..80_000).prop_map(|m| Limit::Amount(crate::model::money::Money(m))),
        1 => (0_u64..600).prop_map(|s| Limit::Time(Duration::from_secs(s))),
        1 => (0_u8..=100).prop_map(Limit::Soc),
    ]
}

fn happen(world: &mut World, deed: &Deed) {
    match deed {
        Deed::Wait(ms) => world.run(*ms),
        Deed::Stop(reason) => world.stop(StopReason(*reason)),
        Deed::Unplug => {
            world.plugged = false;
            world.end_output();
        }
        Deed::Fault(faults) => {
            world.end_output();
            world.state = ChargerState::Faulted;
            let status = ChargerStatus { state: world.state, faults: *faults, ..ChargerStatus::default() };
            world.give(Event::Charger(&status));
        }
        Deed::Finish => world.end_output(),
        Deed::StartFails => {
            world.end_output();
            world.state = ChargerState::StartFailed;
        }
        Deed::ChargerSilent(silent) => world.silence_charger(*silent),
        Deed::MeterSilent(silent) => world.meter_silent = *silent,
        Deed::DiskFails(fails) => world.disk_fails = *fails,
        Deed::Stubborn(stubborn) => world.stubborn = *stubborn,
        Deed::Replace => world.replace_meter(),
        Deed::Power(power) => world.power = *power,
        Deed::Soc(soc) => world.soc = *soc,
        Deed::Online(online) => world.give(Event::Online(*online)),
        Deed::Balance(fen) => world.give(Event::Balance(Balance(*fen))),
        Deed::Trust(trusted) => {
            world.trust = if *trusted { ClockTrust::Platform } else { ClockTrust::None };
        }
        Deed::Vehicle(report, bad) => {
            let objection = bad.then_some(StopReason::CREDENTIAL_REFUSED);
            world.says(report, objection);
        }
        Deed::Cut(cut) => world.cut(*cut),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn whatever_happens_a_session_ends_in_exactly_one_record(
        limit in limit(),
        pile in any::<bool>(),
        offline in any::<bool>(),
        balance in proptest::option::of(0_u32..2_000),
        trusted in any::<bool>(),
        waits in any::<bool>(),
        deeds in proptest::collection::vec(deed(), 0..24),
    ) {
        let mut order = opening();
        order.grant.limit = limit;
        order.billing_mode = if pile { BillingMode::Pile } else { BillingMode::Platform };
        order.tariff = Some(tariff());
        order.offline = offline;
        order.grant.balance = balance.map(Balance);
        order.verify = waits;
        let mut world = World::open(Config { waits, ..Config::default() }, order);
        world.trust = if trusted { ClockTrust::Ntp } else { ClockTrust::None };
        let honest = !deeds.iter().any(|deed| matches!(deed, Deed::Replace));
        for deed in &deeds {
            happen(&mut world, deed);
        }
        world.heal();
        world.run(2_000);
        world.stop(StopReason::SAME_CARD);
        world.run_until_over(500_000);
        world.judge(honest);
    }

    /// No world at all: events as they come, time forwards and nothing believed.
    #[test]
    fn any_events_in_any_order_cost_no_panic_and_one_close_at_a_time(
        events in proptest::collection::vec(
            (0_u8..15, any::<i64>(), any::<u32>(), 0_u64..400_000, any::<bool>(), said()), 0..80),
    ) {
        let mut mono = 1_000_000;
        let at = |mono: u64, wall: i64, trusted: bool| Now {
            mono: Instant(mono),
            wall: Utc(wall),
            trust: if trusted { ClockTrust::Rtc } else { ClockTrust::None },
        };
        let (mut session, _) = Session::open(at(mono, 0, false), &Config::default(), opening());
        let mut unanswered = 1;
        for (kind, number, word, wait_ms, bit, report) in events {
            mono += wait_ms * 1_000;
            let now = at(mono, number, bit && kind != 13);
            const STATES: [ChargerState; 7] = [
                ChargerState::Unknown, ChargerState::Idle, ChargerState::Preparing, ChargerState::Charging,
                ChargerState::Finished, ChargerState::StartFailed, ChargerState::Faulted,
            ];
            let status = ChargerStatus {
                state: STATES[word as usize % STATES.len()],
                plugged: bit.then_some(word % 5 != 0),
                soc: Some(word as u8),
                voltage: Some(crate::model::quantity::Voltage(number)),
                current: (word % 2 == 0).then_some(crate::model::quantity::Current(number)),
                power: (word % 3 == 0).then_some(crate::model::quantity::Power(number)),
                session_energy: bit.then_some(Energy(number)),
                faults: word,
                raw: 0,
                connector_temperature_c: bit.then_some(word as i16),
                end: None,
                alarms: std::collections::BTreeSet::new(),
            };
            let reading = MeterReading {
                order: bit.then_some(OrderId(1)),
                register: Some(Energy(if word % 2 == 0 { number } else { number % 10_000 })),
                resolution: Energy(number % 1_000),
                power: status.power,
                number: (word % 7 == 0).then(|| word.to_string()),
                ..MeterReading::default()
            };
            let event = match kind {
                0..=2 => Event::Charger(&status),
                3..=5 => Event::Meter(&reading),
                6 => Event::ChargerLink(if bit { LinkState::Silent } else { LinkState::Good }),
                7 => Event::Done(Target::Charger, Tag(word % 8), Err(OrderFault::Overtaken)),
                8 => Event::Stop(StopReason(word as u16)),
                9 | 10 if unanswered > 0 => Event::Committed,
                11 if unanswered > 0 => Event::CommitFailed,
                12 => Event::Balance(Balance(word)),
                14 => Event::Vehicle { report: &report, objection: None },
                _ => Event::Woke,
            };
            let answered = matches!(event, Event::Committed | Event::CommitFailed);
            unanswered -= i32::from(answered);
            for action in session.handle(now, event) {
                use crate::session::Action;
                unanswered += i32::from(matches!(action, Action::Save { .. } | Action::Close { .. }));
            }
            prop_assert!((0..=1).contains(&unanswered));
            let row = session.row(now);
            let (mut again, _) = Session::recover(now, &Config::default(), &row).expect("its own row");
            let _ = again.handle(now, Event::Woke);
            let _ = session.realtime(now);
        }
    }
}
