//! The listener over dialogues written out, and over noise.

use super::said::{Notice, Phase, Said, Stop, Timeout};
use super::{Config, Event, Listener};
use crate::model::quantity::{Current, Voltage};
use crate::model::stop::StopReason;
use crate::model::time::{Instant, Now};
use crate::wire::can::{self, Content, Frame, Id};
use crate::wire::gbt27930::{Edition, Side};
use proptest::prelude::*;
use std::time::Duration;

const CHM: &str = "1826F456#010100";
const BHM: &str = "182756F4#4C1D";
const CRM_00: &str = "1801F456#0078563412535A31";
const CRM_AA: &str = "1801F456#AA78563412535A31";
const CML: &str = "1808F456#4C1DD007DC058C0F";
const BRO_00: &str = "100956F4#00";
const BRO_AA: &str = "100956F4#AA";
const CRO_AA: &str = "100AF456#AA";
const BCL: &str = "181056F4#7517930802";
const CCS: &str = "1812F456#6F1798082D00FDFF";
const CCS_PAUSED: &str = "1812F456#6F1798082D00FCFF";
const BSM: &str = "181356F4#105802430800D0";
const BSM_HOT: &str = "181356F4#105802430840D0";
const BSM_FORBIDS: &str = "181356F4#105802430800C0";
const BST_FULL: &str = "101956F4#010000F0";
const BST_FOLLOWS: &str = "101956F4#400000F0";
const CST_BY_HAND: &str = "101AF456#0400F0F0";
const CST_FOLLOWS: &str = "101AF456#4000F0F0";
const BSD: &str = "181C56F4#5F4B0163014753";
const CSD: &str = "181DF456#3E00520778563412";
const BEM_CCS: &str = "081E56F4#F0F0F1FC";
const VIN: &[u8; 17] = b"LTESTVANXBUS00001";
const OTHER_VIN: &[u8; 17] = b"LTESTVAN1BUS00002";

/// A listener and its clock.
struct Bench {
    listener: Listener,
    ms: u64,
}

impl Bench {
    fn new() -> Bench {
        Bench { listener: Listener::new(Config::default()), ms: 1000 }
    }

    fn tell(&mut self, event: Event<'_>) -> Vec<Said> {
        let now = Now { mono: Instant(self.ms * 1000), ..Now::default() };
        self.listener.handle(now, event)
    }

    fn hear(&mut self, text: &str) -> Vec<Said> {
        self.ms += 1;
        let Ok(can::Line { content: Content::Frame(frame), .. }) = can::line(text) else { panic!("{text}") };
        self.tell(Event::Frame(&frame))
    }

    fn hear_all(&mut self, lines: &[&str]) -> Vec<Said> {
        lines.iter().flat_map(|line| self.hear(line)).collect()
    }

    /// A message over the transport protocol.
    fn carry(&mut self, pf: u8, payload: &[u8]) -> Vec<Said> {
        let packets = payload.len().div_ceil(7);
        let mut said = self.hear(&format!("1CEC56F4#10{:02X}00{packets:02X}FF00{pf:02X}00", payload.len()));
        for (i, data) in payload.chunks(7).enumerate() {
            let mut packet = vec![0xFF; 8];
            packet[0] = i as u8 + 1;
            packet[1..=data.len()].copy_from_slice(data);
            said.extend(self.hear(&format!("1CEB56F4#{}", crate::wire::hex::upper(&packet))));
        }
        said
    }

    fn brm(&mut self, version: [u8; 3], vin: &[u8; 17], length: usize) -> Vec<Said> {
        let mut payload = [0xFF; 49];
        payload[..3].copy_from_slice(&version);
        payload[3..8].copy_from_slice(&[3, 0xF0, 0x0A, 0x80, 0x16]);
        payload[24..41].copy_from_slice(vin);
        self.carry(0x02, &payload[..length])
    }

    fn bcs(&mut self, soc: u8, group: u8) -> Vec<Said> {
        self.carry(0x11, &[0x63, 0x17, 0x94, 0x08, 0x60, group << 4 | 1, soc, 0x25, 0])
    }

    /// The clock goes on, with every wake-up that is asked for.
    fn wait(&mut self, ms: u64) -> Vec<Said> {
        let end = self.ms + ms;
        let mut said = Vec::new();
        while let Some(at) = self.listener.wake_at().filter(|at| at.0.div_ceil(1000) <= end) {
            self.ms = at.0.div_ceil(1000);
            let before = self.listener.wake_at();
            said.extend(self.tell(Event::Woke));
            assert_ne!(self.listener.wake_at(), before, "a wake-up that changes nothing");
        }
        self.ms = end;
        said
    }

    fn charging() -> Bench {
        let mut bench = Bench::new();
        let _ = bench.hear_all(&[CHM, BHM, CRM_00]);
        let _ = bench.brm([1, 1, 0], VIN, 49);
        let _ = bench.hear_all(&[CRM_AA, CML, BRO_00, BRO_AA, CRO_AA, BCL, CCS, BSM]);
        let _ = bench.bcs(88, 5);
        assert_eq!(bench.listener.status().phase, Phase::Charging);
        bench
    }

    fn phase(&self) -> Phase {
        self.listener.status().phase
    }
}

fn phases(said: &[Said]) -> Vec<Phase> {
    said.iter().filter_map(|s| if let Said::Phase(p) = s { Some(*p) } else { None }).collect()
}

fn reasons(said: &[Said]) -> Vec<StopReason> {
    said.iter()
        .filter_map(|s| if let Said::Notice(Notice { reason, .. }) = s { Some(*reason) } else { None })
        .collect()
}

#[test]
fn a_whole_dialogue_goes_through_its_phases_and_names_the_bus() {
    let mut bench = Bench::new();
    let mut said = bench.hear_all(&[CHM, BHM, CHM, CRM_00]);
    said.extend(bench.brm([1, 1, 0], VIN, 49));
    let vin = bench.listener.status().vin.map(|v| v.to_string());
    assert_eq!(vin.as_deref(), Some("LTESTVANXBUS00001"));
    assert!(bench.listener.status().edition_known);
    said.extend(bench.hear_all(&[CRM_AA, CML, BRO_00, BRO_AA, CRO_AA, BCL, CCS]));
    said.extend(bench.bcs(88, 5));
    said.extend(bench.hear_all(&[BST_FULL, CST_FOLLOWS, BST_FULL, BSD, CSD, CSD, BSD]));
    assert_eq!(
        phases(&said),
        [Phase::Handshake, Phase::Identify, Phase::Config, Phase::Charging, Phase::Ending, Phase::Idle]
    );
    let stops: Vec<&Stop> =
        said.iter().filter_map(|s| if let Said::Stop(stop) = s { Some(stop) } else { None }).collect();
    let wanted = [(Side::Bms, Some(StopReason::TARGET_SOC), true), (Side::Charger, None, false)];
    assert_eq!(stops.iter().map(|s| (s.by, s.reason, s.first)).collect::<Vec<_>>(), wanted);
    let ends: Vec<_> =
        said.iter().filter_map(|s| if let Said::End(e) = s { Some(e) } else { None }).collect();
    let [end] = &ends[..] else { panic!("{ends:?}") };
    assert_eq!(
        (end.end_soc, end.charge_minutes, end.reason),
        (Some(95), Some(62), Some(StopReason::TARGET_SOC))
    );
}

#[test]
fn a_stop_by_hand_at_the_charger_is_its_cause_and_not_the_vehicles() {
    let mut bench = Bench::charging();
    let said = bench.hear_all(&[CST_BY_HAND, BST_FOLLOWS]);
    assert_eq!(said[0], Said::Phase(Phase::Ending));
    let stop = |said: &Said| {
        if let Said::Stop(stop) = said { (stop.by, stop.reason, stop.first) } else { panic!("{said:?}") }
    };
    assert_eq!(stop(&said[1]), (Side::Charger, Some(StopReason::CHARGER_BY_HAND), true));
    assert_eq!(stop(&said[2]), (Side::Bms, None, false));
}

#[test]
fn after_a_restart_a_pair_of_messages_is_a_charging_bus_without_a_name() {
    let mut bench = Bench::new();
    assert_eq!(phases(&bench.hear_all(&[BCL, BCL, BCL])), []);
    assert_eq!(phases(&bench.hear(CCS)), [Phase::Charging]);
    assert_eq!(bench.listener.status().vin, None);
}

#[test]
fn a_charger_that_goes_on_alone_is_not_charging() {
    let mut bench = Bench::new();
    assert_eq!(phases(&bench.hear_all(&[CCS, CCS])), []);
    assert_eq!(phases(&bench.hear(BCL)), [Phase::Charging]);
}

#[test]
fn the_first_of_two_causes_wins() {
    let mut bench = Bench::charging();
    let said = bench.hear_all(&[BST_FULL, CST_BY_HAND]);
    let firsts: Vec<bool> =
        said.iter().filter_map(|s| if let Said::Stop(stop) = s { Some(stop.first) } else { None }).collect();
    assert_eq!(firsts, [true, false]);
}

#[test]
fn what_still_comes_after_the_end_is_no_new_session() {
    let mut bench = Bench::charging();
    let _ = bench.hear_all(&[CST_BY_HAND, BST_FOLLOWS, BSD, CSD]);
    assert_eq!(bench.phase(), Phase::Idle);
    assert_eq!(bench.hear_all(&[BCL, CCS, BST_FOLLOWS, CST_BY_HAND, BSD, CSD]), []);
    assert_eq!(phases(&bench.hear(CHM)), [Phase::Handshake]);
}

#[test]
fn statistics_that_never_come_are_not_waited_for() {
    let mut bench = Bench::charging();
    let _ = bench.hear(CST_BY_HAND);
    for _ in 0..10 {
        assert_eq!(bench.wait(1000), []);
        let _ = bench.hear(CST_BY_HAND);
    }
    let said = bench.wait(1000);
    assert!(matches!(&said[..], [Said::End(end), Said::Phase(Phase::Idle)] if end.end_soc.is_none()));
}

#[test]
fn five_seconds_of_silence_are_an_unplugged_bus() {
    let mut bench = Bench::charging();
    let said = bench.wait(60_000);
    assert_eq!(reasons(&said), [StopReason::BCL_TIMEOUT, StopReason::BOTH_SILENT, StopReason::BMS_TIMEOUT]);
    assert_eq!(said[said.len() - 2..], [Said::Phase(Phase::Idle), Said::Gone]);
    assert_eq!(bench.listener.status().vin, None);
    assert_eq!(bench.listener.wake_at(), None);
}

#[test]
fn one_side_that_falls_silent_is_named_once() {
    let mut bench = Bench::charging();
    let mut said = Vec::new();
    for _ in 0..30 {
        said.extend(bench.wait(100));
        said.extend(bench.hear(BCL));
    }
    assert_eq!(reasons(&said), [StopReason::CCS_TIMEOUT]);
    let ages = said.iter().find_map(|s| if let Said::Notice(n) = s { Some(n.ages) } else { None });
    assert!(ages.is_some_and(|a| a.ccs >= Some(std::time::Duration::from_secs(1))));
    let _ = bench.hear(CCS);
    assert!(reasons(&bench.wait(900)).is_empty());
}

#[test]
fn another_vin_on_the_same_plug_is_reported() {
    let mut bench = Bench::charging();
    let said = bench.hear(CRM_00);
    assert_eq!(said, [Said::Retry(1), Said::Phase(Phase::Identify)]);
    let same = bench.brm([1, 1, 0], VIN, 49);
    assert!(!same.iter().any(|s| matches!(s, Said::VinChanged { .. })));
    let other = bench.brm([1, 1, 0], OTHER_VIN, 49);
    assert!(other.iter().any(|s| matches!(s, Said::VinChanged { .. })));
}

#[test]
fn a_vin_of_zeros_is_none() {
    let mut bench = Bench::new();
    let said = bench.brm([1, 1, 0], &[0; 17], 49);
    let vehicle = said.iter().find_map(|s| if let Said::Vehicle(v) = s { Some(v) } else { None });
    assert_eq!(vehicle.map(|v| v.vin), Some(None));
}

#[test]
fn an_old_bus_is_read_by_the_old_tables() {
    let mut bench = Bench::new();
    let _ = bench.hear(CRM_00);
    let _ = bench.brm([0, 1, 0], VIN, 41);
    assert_eq!(bench.listener.status().edition, Edition::V2011);
    let said = bench.hear("101956F4#C000F4F0");
    let reason = said.iter().find_map(|s| if let Said::Stop(stop) = s { stop.reason } else { None });
    assert_eq!(reason, Some(StopReason::VEHICLE_FAULT));
}

#[test]
fn a_missed_message_is_reported_once_with_who_and_when_and_a_new_attempt_is_counted() {
    let mut bench = Bench::charging();
    let said = bench.hear_all(&[BEM_CCS, BEM_CCS, BEM_CCS]);
    let Some(Said::Timeout(Timeout { at, field, reason, phase, ages })) = said.first() else {
        panic!("{said:?}")
    };
    assert_eq!(
        (*at, *field, *reason, *phase),
        (Side::Bms, "ccs_timeout", StopReason::CCS_TIMEOUT, Phase::Charging)
    );
    assert!(ages.bcl.is_some() && ages.ccs.is_some());
    assert_eq!(said[1..], [Said::Phase(Phase::Error)]);
    assert_eq!(bench.hear(CRM_00), [Said::Retry(1), Said::Phase(Phase::Identify)]);
}

#[test]
fn readiness_that_is_withdrawn_is_reported() {
    let mut bench = Bench::new();
    assert_eq!(bench.hear_all(&[BRO_00, BRO_AA]), [Said::Phase(Phase::Config)]);
    assert_eq!(bench.hear(BRO_00), [Said::Withdrawn]);
}

#[test]
fn a_pause_over_ten_minutes_is_noticed_and_one_that_ends_is_not() {
    let mut bench = Bench::charging();
    let keep = |bench: &mut Bench, frames: &[&str], seconds: u64| {
        let mut said = Vec::new();
        for _ in 0..seconds {
            said.extend(bench.hear_all(frames));
            said.extend(bench.bcs(88, 5));
            said.extend(bench.wait(900));
        }
        said
    };
    let said = keep(&mut bench, &[BCL, CCS, BSM_FORBIDS], 60);
    assert_eq!(said, [Said::Paused(Side::Bms)]);
    assert_eq!(keep(&mut bench, &[BCL, CCS, BSM], 2), [Said::Resumed]);
    let said = keep(&mut bench, &[BCL, CCS_PAUSED, BSM], 680);
    assert_eq!(said[0], Said::Paused(Side::Charger));
    assert_eq!(reasons(&said), [StopReason::PAUSE_TOO_LONG]);
    assert_eq!(said.len(), 2);
}

#[test]
fn a_bus_that_forbids_before_charging_begins_is_paused_when_it_does() {
    let mut bench = Bench::new();
    assert_eq!(bench.hear_all(&[CRO_AA]), [Said::Phase(Phase::Config)]);
    assert!(!bench.hear(BSM_FORBIDS).contains(&Said::Paused(Side::Bms)));
    let said = bench.hear_all(&[BCL, CCS, BSM_FORBIDS]);
    assert_eq!(phases(&said), [Phase::Charging]);
    assert_eq!(said.iter().filter(|s| **s == Said::Paused(Side::Bms)).count(), 1);
}

#[test]
fn an_abnormal_battery_is_an_alarm_until_it_is_normal_again() {
    let mut bench = Bench::charging();
    assert_eq!(bench.hear_all(&[BSM_HOT, BSM_HOT]), [Said::Alarm(StopReason::BSM_HOT)]);
    assert_eq!(bench.hear("181356F4#105802430880D0"), [], "untrusted: the last known state stands");
    assert_eq!(bench.hear(BSM), [Said::AlarmOver(StopReason::BSM_HOT)]);
}

#[test]
fn progress_is_what_was_heard_last() {
    let mut bench = Bench::charging();
    assert_eq!(bench.bcs(88, 9), []);
    let progress = bench.listener.progress().expect("it charges").clone();
    assert_eq!((progress.battery_voltage, progress.soc), (Some(Voltage(598_700)), Some(88)));
    assert_eq!(progress.battery_current, Some(Current(180_400)));
    assert_eq!((progress.max_cell_voltage, progress.max_cell_group), (Some(Voltage(3520)), Some(9)));
    assert_eq!((progress.remaining, progress.demand_mode), (Some(Duration::from_secs(37 * 60)), Some(2)));
    assert_eq!((progress.max_temperature_c, progress.min_temperature_c), (Some(38), Some(17)));
    assert_eq!((progress.status, progress.permit), (Some([0, 0xD0]), Some(true)));
    let _ = bench.hear("181356F4#10580243080010");
    let status = bench.listener.progress().and_then(|p| p.status);
    assert_eq!(status, Some([0, 0xD0]), "undefined bits are 1, whatever was sent");
    let _ = bench.hear(CST_BY_HAND);
    assert_eq!(bench.listener.progress(), None);
}

#[test]
fn strangers_on_the_pair_do_not_keep_a_dialogue_alive() {
    let mut bench = Bench::charging();
    for _ in 0..12 {
        let _ = bench.wait(500);
        let _ = bench.hear("0070F4B5#0000B5");
    }
    assert_eq!(bench.phase(), Phase::Idle);
}

#[test]
fn a_lost_tap_is_noticed_and_knows_nothing_afterwards() {
    let mut bench = Bench::charging();
    let said = bench.tell(Event::Lost);
    assert_eq!(reasons(&said), [StopReason::BMS_LISTENER_SILENT]);
    assert_eq!(bench.phase(), Phase::Idle);
    assert_eq!(bench.tell(Event::Lost), []);
}

#[test]
fn category_b_is_said_once_and_ordinary_messages_go_on() {
    let mut bench = Bench::new();
    let said = bench.hear_all(&["0C3CF456#0000010100FFFF00", "0C3D56F4#0001010100FFFF01", CHM]);
    assert_eq!(said.len(), 2);
    assert!(matches!(said[0], Said::CategoryB(Side::Charger, _)));
    assert_eq!(said[1], Said::Phase(Phase::Handshake));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn no_traffic_panics_or_makes_it_talk_without_end(
        traffic in proptest::collection::vec(
            (0..0x40u8, any::<bool>(), proptest::collection::vec(any::<u8>(), 0..=8), 0..4000u64),
            0..150,
        ),
    ) {
        let mut bench = Bench::new();
        for (pf, bms, data, wait_ms) in traffic {
            // A few of the numbers stand for the transport protocol.
            let pf = match pf { 0x38..=0x3B => 0xEC, 0x3E | 0x3F => 0xEB, pf => pf };
            let (to, from) = if bms { (0x56, 0xF4) } else { (0xF4, 0x56) };
            bench.ms += wait_ms;
            let frame = Frame::new(Id::pdu1(6, pf, to, from), &data).expect("at most eight");
            prop_assert!(bench.tell(Event::Frame(&frame)).len() <= 24);
        }
        let _ = bench.wait(3_600_000);
        prop_assert_eq!(bench.phase(), Phase::Idle);
        prop_assert_eq!(bench.listener.wake_at(), None);
    }
}
