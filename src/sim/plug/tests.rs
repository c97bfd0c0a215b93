use super::*;
use crate::bms::{Event, Listener, Phase, Said};
use crate::model::stop::StopReason;
use crate::model::time::Now;
use crate::sim::vehicle::Character;
use crate::wire::gbt27930::{Counters, Heard, Kind, Receiver};

const VIN: &str = "LTESTVANXBUS00001";

fn at_ms(ms: u64) -> Instant {
    Instant(ms * 1_000)
}

fn bus() -> Vehicle {
    Vehicle {
        name: "B7001".to_owned(),
        capacity: Energy(3_000_000),
        charge: Energy(1_200_000),
        max_power: Power(120_000),
        bms: Character::named(VIN.parse().expect("a VIN")),
    }
}

fn config() -> Config {
    Config { number: 7, rated: Power(120_000), insulation: Duration::from_secs(3), tapped: true, grant: 255 }
}

/// A plug with a vehicle, and a listener on the pair.
struct Bench {
    plug: Plug,
    vehicle: Vehicle,
    now: Instant,
    energy: Energy,
    heard: Vec<(Instant, Frame)>,
    said: Vec<(Instant, Said)>,
    messages: Vec<(Instant, Kind, Vec<u8>)>,
    listener: Listener,
    receiver: Receiver,
}

impl Bench {
    fn new(config: Config, vehicle: Vehicle, trouble: Option<Trouble>) -> Bench {
        let mut plug = Plug::new(config, 1);
        plug.go_wrong(Instant(0), trouble);
        plug.start(Instant(0), true);
        Bench {
            plug,
            vehicle,
            now: Instant(0),
            energy: Energy(0),
            heard: Vec::new(),
            said: Vec::new(),
            messages: Vec::new(),
            listener: Listener::new(crate::bms::Config::default()),
            receiver: Receiver::default(),
        }
    }

    fn run(&mut self, until: Instant) {
        while let Some(at) = self.plug.wake_at().filter(|at| *at <= until) {
            let current = if self.plug.is_output(at) { self.vehicle.demand_current() } else { Current(0) };
            let passed = i64::try_from(at.since(self.now).as_millis()).expect("short");
            if current.0 > 0 {
                self.energy += Energy::from_power(self.vehicle.demand(), passed);
            }
            self.now = at;
            self.plug.step(at, Some(&self.vehicle), current, self.energy);
            while let Some((at, frame)) = self.plug.overhear() {
                self.listen(at, &frame);
            }
        }
        self.now = until;
    }

    fn listen(&mut self, at: Instant, frame: &Frame) {
        let now = Now { mono: at, ..Now::default() };
        let said = self.listener.handle(now, Event::Frame(frame));
        self.said.extend(said.into_iter().map(|said| (at, said)));
        if let Heard::Message { message, .. } = self.receiver.hear(at.0, frame) {
            self.messages.push((at, message.kind(), message.payload().to_vec()));
        }
        self.heard.push((at, *frame));
    }

    fn phases(&self) -> Vec<Phase> {
        let phase = |(_, said): &(Instant, Said)| match said {
            Said::Phase(phase) => Some(*phase),
            _ => None,
        };
        self.said.iter().filter_map(phase).collect()
    }

    fn first(&self, kind: Kind) -> Option<Instant> {
        self.messages.iter().find(|(_, k, _)| *k == kind).map(|(at, ..)| *at)
    }

    /// Longest and shortest time between two of a kind, ms.
    fn periods(&self, kind: Kind) -> (u64, u64) {
        let times: Vec<Instant> = self.messages.iter().filter(|(_, k, _)| *k == kind).map(|m| m.0).collect();
        let gaps = times.windows(2).map(|w| w[1].since(w[0]).as_millis() as u64);
        (gaps.clone().min().unwrap_or(0), gaps.max().unwrap_or(0))
    }
}

#[test]
fn a_whole_session_is_heard_without_a_fault_and_keeps_the_periods_of_the_standard() {
    let tells_cells = Character { tells_cells: true, ..bus().bms };
    let mut bench = Bench::new(config(), Vehicle { bms: tells_cells, ..bus() }, None);
    bench.run(at_ms(60_000));
    assert_eq!(bench.plug.stage(), Stage::Charging);
    bench.plug.stop(bench.now, Why::Ordered);
    bench.run(at_ms(70_000));
    assert_eq!(bench.plug.stage(), Stage::Over);

    let counters = *bench.receiver.counters();
    assert_eq!(counters, Counters { messages: counters.messages, ..Counters::default() }, "nothing is odd");
    use Phase::{Charging, Config, Ending, Handshake, Identify, Idle};
    assert_eq!(bench.phases(), [Handshake, Identify, Config, Charging, Ending, Idle]);
    assert_eq!(bench.listener.status().vin.map(|v| v.to_string()).as_deref(), Some(VIN));

    for (kind, period) in [
        (Kind::Chm, 250),
        (Kind::Bhm, 250),
        (Kind::Bcl, 50),
        (Kind::Ccs, 50),
        (Kind::Bsm, 250),
        (Kind::Bcs, 250),
        (Kind::Bmv, 10_000),
        (Kind::Bmt, 10_000),
        (Kind::Cst, 10),
        (Kind::Bst, 10),
    ] {
        let (least, most) = bench.periods(kind);
        // a long message waits for the one before it, a single frame for the bus
        let slack = if matches!(kind, Kind::Bcs | Kind::Bmv | Kind::Bmt) { 700 } else { 3 };
        assert!(least + slack >= period && most <= period + slack, "{kind:?} {least}..{most} ms");
    }
    let order = [
        Kind::Chm,
        Kind::Bhm,
        Kind::Crm,
        Kind::Brm,
        Kind::Bcp,
        Kind::Cml,
        Kind::Bro,
        Kind::Cro,
        Kind::Bcl,
        Kind::Cst,
        Kind::Bst,
        Kind::Bsd,
        Kind::Csd,
    ];
    let firsts: Vec<Instant> = order.iter().map(|kind| bench.first(*kind).expect("said")).collect();
    assert!(firsts.is_sorted(), "{firsts:?}");
    let brm = bench.first(Kind::Brm).expect("said").since(bench.first(Kind::Crm).expect("said"));
    assert!(brm < Duration::from_millis(100), "{brm:?}");
    let ending = bench.plug.ending();
    assert_eq!((ending.why, ending.bst), (Some(Why::Ordered), Some([0x40, 0, 0, 0xF0])));
    assert!(ending.bsd.is_some() && ending.charged);
}

#[test]
fn packets_go_as_they_are_granted() {
    let mut bench = Bench::new(Config { grant: 2, ..config() }, bus(), None);
    bench.run(at_ms(4_000));
    assert!(bench.plug.brm().is_some_and(|brm| brm.len() == 49));
    let cts = bench.heard.iter().filter(|(_, f)| f.id().to_string() == "1CECF456" && f.data()[0] == 0x11);
    assert!(cts.clone().count() >= 4, "seven packets, two at a time");
    let rts = bench.heard.iter().find(|(_, f)| f.data().first() == Some(&0x10)).expect("a request");
    let (at, _) = cts.clone().next().expect("a grant");
    assert!(at.since(rts.0) < Duration::from_millis(1));
    let counters = *bench.receiver.counters();
    assert_eq!(counters, Counters { messages: counters.messages, ..Counters::default() });
}

#[test]
fn an_old_vehicle_is_met_after_five_seconds_without_an_answer() {
    let old = Character { edition: Edition::V2011, ..bus().bms };
    let mut bench = Bench::new(config(), Vehicle { bms: old, ..bus() }, None);
    bench.run(at_ms(30_000));
    assert_eq!((bench.plug.stage(), bench.plug.edition()), (Stage::Charging, Edition::V2011));
    let status = bench.listener.status();
    assert_eq!((status.edition, status.edition_known), (Edition::V2011, true));
    assert!(bench.first(Kind::Crm).expect("said") >= at_ms(6_000));
    bench.plug.stop(bench.now, Why::ByHand);
    bench.run(at_ms(40_000));
    assert_eq!(bench.plug.stage(), Stage::Over);
    assert_eq!(bench.receiver.counters().broken_fill, 0);
    let csd = bench.messages.iter().find(|(_, kind, _)| *kind == Kind::Csd).expect("said");
    assert_eq!(csd.2.len(), 5);
}

#[test]
fn a_message_that_does_not_come_is_named_by_the_side_that_waits_for_it() {
    for (trouble, missing) in [
        (Trouble::Withheld(Kind::Brm), StopReason::BRM_TIMEOUT),
        (Trouble::Withheld(Kind::Bcp), StopReason::BCP_TIMEOUT),
        (Trouble::Withheld(Kind::Bro), StopReason::BRO_TIMEOUT),
        (Trouble::VehicleNotReady, StopReason::BRO_TIMEOUT),
        (Trouble::Withheld(Kind::Bcl), StopReason::BCL_TIMEOUT),
        (Trouble::Withheld(Kind::Bcs), StopReason::BMS_TIMEOUT),
        (Trouble::NotIdentified, StopReason::CRM_AA_TIMEOUT),
        (Trouble::Withheld(Kind::Cml), StopReason::CML_TIMEOUT),
        (Trouble::Withheld(Kind::Cro), StopReason::CRO_TIMEOUT),
        (Trouble::ChargerNotReady, StopReason::CRO_TIMEOUT),
        (Trouble::Withheld(Kind::Ccs), StopReason::CCS_TIMEOUT),
    ] {
        let mut bench = Bench::new(config(), bus(), Some(trouble));
        bench.run(at_ms(300_000));
        assert_eq!(bench.plug.stage(), Stage::Over, "{trouble:?}: three reconnects, then it is over");
        let named = bench.said.iter().any(|(_, said)| match said {
            Said::Timeout(timeout) => timeout.reason == missing,
            _ => false,
        });
        assert!(named, "{trouble:?}: {missing:?} is not named in {:?}", bench.said);
        let retries = bench.said.iter().filter(|(_, s)| matches!(s, Said::Retry(_))).count();
        assert!(retries <= 3, "{trouble:?}: {retries}");
    }
}

#[test]
fn at_the_end_too_a_missing_message_is_named() {
    for (trouble, missing) in [
        (Trouble::Withheld(Kind::Bst), StopReason::BST_TIMEOUT),
        (Trouble::Withheld(Kind::Bsd), StopReason::BSD_TIMEOUT),
        (Trouble::Withheld(Kind::Csd), StopReason::CSD_TIMEOUT),
    ] {
        let mut bench = Bench::new(config(), bus(), Some(trouble));
        bench.run(at_ms(20_000));
        bench.plug.stop(bench.now, Why::Ordered);
        bench.run(at_ms(60_000));
        assert_eq!(bench.plug.stage(), Stage::Over, "{trouble:?}");
        let named = |(_, said): &(Instant, Said)| matches!(said, Said::Timeout(t) if t.reason == missing);
        assert!(bench.said.iter().any(named), "{trouble:?}: {:?}", bench.said);
    }
}

#[test]
fn a_new_handshake_goes_on_charging_and_another_vehicle_is_noticed() {
    for trouble in [Trouble::Rehandshake, Trouble::OtherVin] {
        let mut bench = Bench::new(config(), bus(), Some(trouble));
        bench.run(at_ms(30_000));
        assert_eq!(bench.plug.stage(), Stage::Charging, "{trouble:?}");
        assert!(bench.said.iter().any(|(_, s)| matches!(s, Said::Retry(1))));
        let changed = bench.said.iter().any(|(_, s)| matches!(s, Said::VinChanged { .. }));
        assert_eq!(changed, trouble == Trouble::OtherVin);
    }
}

#[test]
fn a_pause_stops_the_current_and_after_ten_minutes_the_charge() {
    for trouble in [Trouble::VehicleForbids, Trouble::ChargerPauses] {
        let mut bench = Bench::new(config(), bus(), None);
        bench.run(at_ms(20_000));
        bench.plug.go_wrong(bench.now, Some(trouble));
        bench.run(at_ms(21_000));
        assert!(!bench.plug.is_output(bench.now) && bench.plug.stage() == Stage::Charging, "{trouble:?}");
        assert!(bench.said.iter().any(|(_, s)| matches!(s, Said::Paused(_))));
        let mut other = Bench::new(config(), bus(), Some(trouble));
        bench.plug.go_wrong(bench.now, None);
        bench.run(at_ms(22_000));
        assert!(bench.plug.is_output(bench.now));
        other.run(at_ms(620_000));
        assert_eq!(other.plug.ending().why, Some(Why::PauseTooLong));
    }
}

#[test]
fn a_vehicle_that_stops_says_why_and_a_hot_battery_is_stopped() {
    let full = Vehicle { charge: Energy(2_999_900), ..bus() };
    let mut bench = Bench::new(config(), full, None);
    bench.run(at_ms(10_000));
    bench.vehicle.charge = bench.vehicle.capacity;
    bench.run(at_ms(20_000));
    assert_eq!(bench.plug.ending().why, Some(Why::VehicleDone));
    for (trouble, why) in [(Trouble::RelayFault, Why::VehicleFault), (Trouble::BatteryHot, Why::Abnormal)] {
        let mut bench = Bench::new(config(), bus(), Some(trouble));
        bench.run(at_ms(30_000));
        assert_eq!((bench.plug.stage(), bench.plug.ending().why), (Stage::Over, Some(why)));
    }
}

#[test]
fn what_real_devices_do_is_only_counted() {
    for trouble in [
        Trouble::ShortState,
        Trouble::ZeroFill,
        Trouble::Foreign,
        Trouble::Double,
        Trouble::Aborts,
        Trouble::NoVin,
        Trouble::BadVin,
    ] {
        let mut bench = Bench::new(config(), bus(), Some(trouble));
        bench.run(at_ms(30_000));
        assert_eq!(bench.plug.stage(), Stage::Charging, "{trouble:?}");
        let no_vin = matches!(trouble, Trouble::NoVin | Trouble::BadVin);
        assert_eq!(bench.listener.status().vin.is_none(), no_vin, "{trouble:?}");
    }
}

#[test]
fn every_trouble_ends_and_never_runs_wild() {
    for (word, trouble) in Trouble::WORDS {
        for old in [false, true] {
            let edition = if old { Edition::V2011 } else { Edition::V2015 };
            let vehicle = Vehicle { bms: Character { edition, ..bus().bms }, ..bus() };
            let mut bench = Bench::new(config(), vehicle, Some(trouble));
            bench.run(at_ms(30_000));
            bench.plug.stop(bench.now, Why::Ordered);
            bench.run(at_ms(90_000));
            assert_eq!(bench.plug.stage(), Stage::Over, "{word}");
            assert!(bench.heard.len() < 12_000, "{word}: {} frames", bench.heard.len());
        }
    }
}

#[test]
fn a_plug_that_nobody_hears_says_less_and_does_the_same() {
    let mut bench = Bench::new(Config { tapped: false, ..config() }, bus(), None);
    bench.run(at_ms(60_000));
    assert_eq!(bench.plug.stage(), Stage::Charging);
    assert!(bench.heard.is_empty());
    bench.plug.stop(bench.now, Why::Ordered);
    bench.run(at_ms(70_000));
    assert_eq!(bench.plug.ending().why, Some(Why::Ordered));
    bench.plug.start(bench.now, false);
    bench.run(at_ms(100_000));
    assert_eq!(bench.plug.stage(), Stage::Ready, "it waits to be let on");
    bench.plug.release();
    bench.run(at_ms(101_000));
    assert_eq!(bench.plug.stage(), Stage::Charging);
    bench.plug.pull(bench.now);
    assert_eq!(bench.plug.ending().why, Some(Why::Pulled));
}
