//! Any events in any order: nothing panics, every command has one answer, the disk is never told anything impossible.

use super::*;
use crate::model::access::{ListStep, ListUpdate};
use crate::model::command::Recall;
use crate::model::stop::StopReason;
use crate::model::vehicle::{End, Progress};
use proptest::prelude::*;

#[derive(Clone, Debug)]
enum Step {
    Plug(usize),
    Unplug(usize),
    Swipe(usize, u8),
    Accept(u8, bool),
    Refuse,
    Start(usize, u8),
    Stop(usize, u8),
    Operator(usize),
    Online,
    Offline,
    LinkLost,
    Acknowledge(u64, bool),
    Tariff(u32),
    List(u32, u8),
    Recall(u64, u64),
    Silent(usize, bool),
    Fault(usize),
    Name(usize, u8, bool),
    Says(usize, VehicleReport),
    Vehicles(u8),
    Store(u8),
    Release(bool),
    Clock(i64, bool),
    Run(u64),
    Restart,
}

fn step() -> impl Strategy<Value = Step> {
    let gun = 0..2_usize;
    prop_oneof![
        3 => gun.clone().prop_map(Step::Plug),
        1 => gun.clone().prop_map(Step::Unplug),
        4 => (gun.clone(), 1..5_u8).prop_map(|(g, c)| Step::Swipe(g, c)),
        3 => (1..9_u8, any::<bool>()).prop_map(|(n, wait)| Step::Accept(n, wait)),
        1 => Just(Step::Refuse),
        3 => (gun.clone(), 0..9_u8).prop_map(|(g, n)| Step::Start(g, n)),
        2 => (gun.clone(), 0..9_u8).prop_map(|(g, n)| Step::Stop(g, n)),
        1 => gun.clone().prop_map(Step::Operator),
        2 => Just(Step::Online),
        1 => Just(Step::Offline),
        1 => Just(Step::LinkLost),
        2 => (1..6_u64, any::<bool>()).prop_map(|(n, good)| Step::Acknowledge(n, good)),
        1 => (0..4_u32).prop_map(Step::Tariff),
        1 => (0..4_u32, 0..4_u8).prop_map(|(v, op)| Step::List(v, op)),
        1 => (0..6_u64, 0..6_u64).prop_map(|(a, b)| Step::Recall(a, b)),
        1 => (gun.clone(), any::<bool>()).prop_map(|(g, s)| Step::Silent(g, s)),
        1 => gun.clone().prop_map(Step::Fault),
        6 => (gun.clone(), 0..4_u8, any::<bool>()).prop_map(|(g, v, tap)| Step::Name(g, v, tap)),
        2 => (gun, said()).prop_map(|(g, report)| Step::Says(g, report)),
        1 => (0..8_u8).prop_map(Step::Vehicles),
        2 => (0..3_u8).prop_map(Step::Store),
        2 => any::<bool>().prop_map(Step::Release),
        1 => (-4_000_000..4_000_000_i64, any::<bool>()).prop_map(|(ms, set)| Step::Clock(ms, set)),
        4 => (1..40_u64).prop_map(Step::Run),
        1 => Just(Step::Restart),
    ]
}

/// What a vehicle says beside its name.
fn said() -> impl Strategy<Value = VehicleReport> {
    prop_oneof![
        (0..=101_u8).prop_map(|soc| {
            VehicleReport::Progress(Box::new(Progress { soc: Some(soc), ..Progress::default() }))
        }),
        (0x0420..0x0426_u16, any::<bool>()).prop_map(|(r, on)| VehicleReport::Fault(StopReason(r), on)),
        (0x0601..0x0608_u16, any::<bool>()).prop_map(|(r, on)| VehicleReport::Fault(StopReason(r), on)),
        any::<bool>().prop_map(VehicleReport::Paused),
        proptest::option::of(0x0401..0x0406_u16).prop_map(|reason| {
            VehicleReport::End(Box::new(End { reason: reason.map(StopReason), ..End::default() }))
        }),
        Just(VehicleReport::Gone),
    ]
}

/// Both guns are partners, know vehicles by charger and tap, and may start by VIN.
fn able() -> Config {
    let mut config = by_vin(2);
    for (gun, connector) in config.connectors.iter_mut().enumerate() {
        connector.partner = Some(gun_id(1 - gun));
        connector.tap = Some(DeviceId(10 * gun as u16 + 3));
    }
    config
}

const VINS: [Option<&str>; 4] =
    [None, Some("LC06S24R0H1234567"), Some("LC06S24R0H1234567"), Some("LC06S24R0H7654321")];

fn list(version: u32, op: u8) -> Command {
    let step = match op {
        0 => ListStep::BeginFull,
        1 => ListStep::Put(vec![listed(1), listed(2)]),
        2 => ListStep::Delete(vec![uid(3)]),
        _ => ListStep::Commit,
    };
    Command::CardList(ListUpdate { from_version: version.saturating_sub(1), to_version: version, step })
}

fn play(mut depot: Depot, step: &Step) -> Depot {
    match *step {
        Step::Plug(gun) => drop(depot.plug(gun)),
        Step::Unplug(gun) => drop(depot.unplug(gun)),
        Step::Swipe(gun, card) => drop(depot.swipe(gun, card)),
        Step::Accept(n, wait_for_start) => {
            answer(&mut depot, Decision::Accepted { grant: grant(n), wait_for_start })
        }
        Step::Refuse => answer(&mut depot, Decision::Refused(1)),
        Step::LinkLost => answer(&mut depot, Decision::LinkLost),
        Step::Start(gun, n) => drop(depot.command_of(pile(), Command::RemoteStart(start(gun, n)))),
        Step::Stop(gun, n) => {
            depot.command_of(pile(), Command::RemoteStop { txn: number(n), connector: gun as u8 + 1 });
        }
        Step::Operator(gun) => drop(depot.operator(by_operator(gun))),
        Step::Online => drop(depot.online()),
        Step::Offline => drop(depot.says(FromLink::Offline)),
        Step::Acknowledge(n, good) if n <= depot.disk.records.len() as u64 => {
            let verdict = if good { Verdict::Taken } else { Verdict::Refused(1) };
            depot.says(FromLink::Acknowledged(EntryId { lane: Lane::Record, id: n }, verdict));
        }
        Step::Acknowledge(..) => {}
        Step::Tariff(n) => drop(depot.command_of(station_code(), Command::SetTariff(tariff(n)))),
        Step::List(version, op) => drop(depot.command_of(station_code(), list(version, op))),
        Step::Recall(a, b) => drop(depot.command_of(station_code(), Command::Recall(Recall::Numbers(a, b)))),
        Step::Silent(gun, silent) => {
            depot.field[gun].alive = !silent;
            let link = if silent { LinkState::Silent } else { LinkState::Good };
            depot.event(Event::Device(charger(gun), Report::Link(link)));
        }
        Step::Name(gun, which, tap) => {
            let device = if tap { DeviceId(10 * gun as u16 + 3) } else { charger(gun) };
            depot.heard(device, VINS[usize::from(which)]);
        }
        Step::Says(gun, ref report) => {
            depot.event(Event::Device(charger(gun), Report::Vehicle(report.clone())));
        }
        Step::Vehicles(what) => drop(vehicles(&mut depot, what)),
        Step::Fault(gun) => depot.field[gun].state = ChargerState::Faulted,
        Step::Store(kind) => {
            set_store(&mut depot, [Store::AtOnce, Store::Slow, Store::Full][usize::from(kind)])
        }
        Step::Release(good) if depot.held.is_some() => drop(depot.release(good)),
        Step::Release(_) => {}
        Step::Clock(ms, trusted) => {
            depot.now.wall = depot.now.wall.plus_ms(ms);
            depot.now.trust = if trusted { ClockTrust::Platform } else { ClockTrust::None };
        }
        Step::Run(seconds) => drop(depot.run(seconds)),
        Step::Restart => depot = restarted(depot),
    }
    depot
}

/// A new VIN list.
fn vehicles(depot: &mut Depot, what: u8) -> u64 {
    let statuses = [VehicleStatus::Allowed, VehicleStatus::Grey, VehicleStatus::Refused];
    let vehicle = Vehicle {
        status: statuses[usize::from(what) % 3],
        bound_card: (what > 5).then(|| uid(1)),
        ..bus("LC06S24R0H1234567")
    };
    for step in [ListStep::BeginFull, ListStep::Put(vec![vehicle])] {
        let update = ListUpdate { from_version: 0, to_version: 1 + u32::from(what), step };
        depot.command_of(station_code(), Command::VehicleList(update));
    }
    let update = ListUpdate { from_version: 0, to_version: 1 + u32::from(what), step: ListStep::Commit };
    depot.command_of(station_code(), Command::VehicleList(update))
}

/// The last question, if there was one; the answer may be late or a repetition.
fn answer(depot: &mut Depot, decision: Decision) {
    if depot.link.iter().any(|m| matches!(m, ToLink::Authorise(..))) {
        depot.decide(decision);
    }
}

fn set_store(depot: &mut Depot, store: Store) {
    depot.store = store;
    if depot.held.is_some() {
        depot.release(store != Store::Full);
    }
}

/// Commands of a connection that is gone are asked again by the platform.
fn restarted(depot: Depot) -> Depot {
    depot.restart()
}

/// I5: no start order before its session and first register are on disk; and no vehicle is admitted without a session.
fn nothing_flows_for_nobody(depot: &Depot) {
    for gun in 0..2 {
        let is_open = |s: &&crate::model::batch::SessionRow| s.connector == gun_id(gun);
        let sessions: Vec<_> = depot.disk.sessions.values().filter(is_open).collect();
        let begun = sessions.iter().filter(|s| s.state.contains(r#""first":"#)).count();
        let starts = depot.orders.iter().filter(|(at, o)| *at == gun && matches!(o, Order::Start(_)));
        let admits = depot.ordered(gun, &Order::Admit(Admission::Admitted));
        assert!(begun > 0 || starts.count() + admits == 0, "a start at {gun}: {sessions:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_commands_are_answered_once_and_every_session_ends_in_one_record(
        vehicles in any::<bool>(),
        steps in proptest::collection::vec(step(), 1..60),
    ) {
        let mut disk = Disk::default();
        disk.supply((1..5).map(listed).collect(), tariff(7), Utc(1_800_000_000_000));
        disk.know(vec![bus("LC06S24R0H1234567")], Utc(1_800_000_000_000));
        let mut depot = Depot::on(if vehicles { able() } else { config(2) }, disk);
        for step in &steps {
            depot = play(depot, step);
            nothing_flows_for_nobody(&depot);
        }
        set_store(&mut depot, Store::AtOnce);
        for gun in 0..2 {
            depot.field[gun].alive = true;
            depot.event(Event::Device(charger(gun), Report::Link(LinkState::Good)));
            depot.unplug(gun);
        }
        depot.run(150);
        for ticket in 1..=depot.tickets {
            let answered = depot.answer(ticket).is_some() || depot.outcome(ticket).is_some();
            prop_assert!(answered, "command {} has no answer", ticket);
        }
        let open: Vec<_> = depot.disk.sessions.values().filter(|s| s.open).collect();
        prop_assert!(open.is_empty(), "still open: {open:?}");
        for session in depot.disk.sessions.values().filter(|s| s.phase != "lapsed") {
            let records = depot.records().iter().filter(|r| r.txn == session.txn).count();
            prop_assert_eq!(records, 1, "records of {}", session.txn);
        }
        prop_assert_eq!(depot.station.status(depot.now).open_sessions, 0);
    }
}
