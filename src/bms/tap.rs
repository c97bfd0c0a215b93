//! A listener as a device of a connector: what it says, in the words of the station.

use super::listener::{Config, Event, Listener, Status};
use super::said::{Notice, Phase, Said, Timeout};
use crate::model::report::{LinkState, Report};
use crate::model::stop::StopReason;
use crate::model::time::{Instant, Now};
use crate::model::vehicle::VehicleReport;
use crate::wire::can::Id;
use crate::wire::gbt27930::Side;
use std::collections::BTreeSet;
use std::time::Duration;

/// Progress is told at most this often, the newest one.
const PROGRESS: Duration = Duration::from_secs(1);

/// The ear at one plug.
#[derive(Debug)]
pub struct Tap {
    listener: Listener,
    link: LinkState,
    /// What is abnormal now: at most the numbers of the tables.
    faults: BTreeSet<StopReason>,
    paused: bool,
    /// Something was heard that was not told yet.
    waits: bool,
    told: Option<Instant>,
}

impl Tap {
    /// Nothing heard yet.
    #[must_use]
    pub fn new(config: Config) -> Tap {
        Tap {
            listener: Listener::new(config),
            link: LinkState::Unknown,
            faults: BTreeSet::new(),
            paused: false,
            waits: false,
            told: None,
        }
    }

    /// Whether a frame of this identifier is for it.
    #[must_use]
    pub fn hears(&self, id: Id) -> bool {
        Side::of(id).is_some()
    }

    /// Takes one event and tells what follows from it, in order.
    #[must_use]
    pub fn handle(&mut self, now: Now, event: Event<'_>) -> Vec<Report> {
        let mut out = Vec::new();
        let (link, heard) = match event {
            Event::Frame(frame) => (LinkState::Good, self.hears(frame.id())),
            Event::Opened => (LinkState::Good, false),
            Event::Lost => (LinkState::Silent, false),
            Event::Unplugged | Event::Woke => (self.link, false),
        };
        for said in self.listener.handle(now, event) {
            self.tell(said, &mut out);
        }
        // A silent link comes after what it ended, a good one before what it lets hear.
        if std::mem::replace(&mut self.link, link) != link {
            let at = if link == LinkState::Good { 0 } else { out.len() };
            out.insert(at, Report::Link(link));
        }
        self.waits |= heard;
        self.progress(now.mono, &mut out);
        out
    }

    /// When to hand back [`Event::Woke`].
    #[must_use]
    pub fn wake_at(&self) -> Option<Instant> {
        let charging = self.waits && self.listener.progress().is_some();
        let progress = self.told.filter(|_| charging).map(|at| at + PROGRESS);
        [self.listener.wake_at(), progress].into_iter().flatten().min()
    }

    /// For people.
    #[must_use]
    pub fn status(&self, _: Now) -> Status {
        self.listener.status()
    }

    fn tell(&mut self, said: Said, out: &mut Vec<Report>) {
        match said {
            Said::Vehicle(handshake) => out.push(Report::Vehicle(VehicleReport::Handshake(handshake))),
            Said::End(end) => out.push(Report::Vehicle(VehicleReport::End(end))),
            Said::Paused(_) => self.pause(true, out),
            Said::Resumed => self.pause(false, out),
            Said::Alarm(reason) | Said::Timeout(Timeout { reason, .. }) => self.fault(reason, true, out),
            Said::AlarmOver(reason) => self.fault(reason, false, out),
            Said::Notice(Notice { reason, .. }) => {
                // A lost tap is a link, a pause is a pause.
                if !matches!(reason, StopReason::BMS_LISTENER_SILENT | StopReason::PAUSE_TOO_LONG) {
                    self.fault(reason, true, out);
                }
            }
            Said::HeardAgain(reason) => {
                self.fault(reason, false, out);
                self.fault(StopReason::BOTH_SILENT, false, out);
            }
            Said::Phase(Phase::Charging) | Said::Stop(_) | Said::Withdrawn => {}
            Said::Phase(Phase::Ending | Phase::Error) => self.pause(false, out),
            // Whatever was abnormal was so before.
            Said::Phase(Phase::Idle | Phase::Handshake | Phase::Identify | Phase::Config)
            | Said::Retry(_) => {
                self.calm(out);
            }
            Said::Gone => {
                self.calm(out);
                out.push(Report::Vehicle(VehicleReport::Gone));
            }
            // The new handshake says it; the category is for people.
            Said::VinChanged { .. } | Said::CategoryB(..) => {}
        }
    }

    fn pause(&mut self, is: bool, out: &mut Vec<Report>) {
        if std::mem::replace(&mut self.paused, is) != is {
            out.push(Report::Vehicle(VehicleReport::Paused(is)));
        }
    }

    fn fault(&mut self, reason: StopReason, is: bool, out: &mut Vec<Report>) {
        let changed = if is { self.faults.insert(reason) } else { self.faults.remove(&reason) };
        if changed {
            out.push(Report::Vehicle(VehicleReport::Fault(reason, is)));
        }
    }

    fn calm(&mut self, out: &mut Vec<Report>) {
        let over = std::mem::take(&mut self.faults);
        out.extend(over.into_iter().map(|reason| Report::Vehicle(VehicleReport::Fault(reason, false))));
        self.pause(false, out);
    }

    fn progress(&mut self, now: Instant, out: &mut Vec<Report>) {
        if !self.waits || self.told.is_some_and(|at| now < at + PROGRESS) {
            return;
        }
        if let Some(progress) = self.listener.progress() {
            out.push(Report::Vehicle(VehicleReport::Progress(Box::new(progress.clone()))));
            (self.waits, self.told) = (false, Some(now));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::vehicle::{End, Handshake, Progress};
    use crate::wire::can::{self, Content, Frame};

    struct Bench {
        tap: Tap,
        ms: u64,
    }

    impl Bench {
        fn new() -> Bench {
            Bench { tap: Tap::new(Config::default()), ms: 1000 }
        }

        fn event(&mut self, event: Event<'_>) -> Vec<Report> {
            let now = Now { mono: Instant(self.ms * 1000), ..Now::default() };
            self.tap.handle(now, event)
        }

        fn hear(&mut self, text: &str) -> Vec<Report> {
            self.ms += 1;
            let Ok(can::Line { content: Content::Frame(frame), .. }) = can::line(text) else {
                panic!("{text}")
            };
            self.event(Event::Frame(&frame))
        }

        fn hear_all(&mut self, lines: &[&str]) -> Vec<Report> {
            lines.iter().flat_map(|line| self.hear(line)).collect()
        }

        fn carry(&mut self, pf: u8, payload: &[u8]) -> Vec<Report> {
            let packets = payload.len().div_ceil(7);
            let mut out =
                self.hear(&format!("1CEC56F4#10{:02X}00{packets:02X}FF00{pf:02X}00", payload.len()));
            for (i, data) in payload.chunks(7).enumerate() {
                let mut packet = [0xFF; 8];
                packet[0] = i as u8 + 1;
                packet[1..=data.len()].copy_from_slice(data);
                let id = can::Id::pdu1(7, 0xEB, 0x56, 0xF4);
                self.ms += 1;
                out.extend(self.event(Event::Frame(&Frame::new(id, &packet).expect("eight octets"))));
            }
            out
        }

        fn brm(&mut self, vin: &[u8; 17]) -> Vec<Report> {
            let mut payload = vec![1, 1, 0, 3, 0xF0, 0x0A, 0x80, 0x16];
            payload.extend_from_slice(b"CATL\x34\x12\0\0\x24\x06\x0F\xE8\x03\0\x01\xFF");
            payload.extend_from_slice(vin);
            payload.extend_from_slice(&[1, 10, 11, 0xE7, 0x07, 0xFF, 0xFF, 0xFF]);
            self.carry(0x02, &payload)
        }

        fn charging() -> Bench {
            let mut bench = Bench::new();
            let _ = bench.hear("1801F456#0078563412535A31");
            let _ = bench.brm(b"LTESTVANXBUS00001");
            let _ =
                bench.hear_all(&["1801F456#AA78563412535A31", "100956F4#AA", "100AF456#AA", BCL, CCS, BSM]);
            bench
        }

        fn wait(&mut self, ms: u64) -> Vec<Report> {
            let end = self.ms + ms;
            let mut out = Vec::new();
            while let Some(at) = self.tap.wake_at().filter(|at| at.0.div_ceil(1000) <= end) {
                self.ms = at.0.div_ceil(1000);
                out.extend(self.event(Event::Woke));
                assert_ne!(self.tap.wake_at(), Some(at), "a wake-up that changes nothing");
            }
            self.ms = end;
            out
        }
    }

    const BCL: &str = "181056F4#7517930802";
    const CCS: &str = "1812F456#6F1798082D00FDFF";
    const BSM: &str = "181356F4#105802430800D0";

    fn handshakes(out: &[Report]) -> Vec<&Handshake> {
        out.iter()
            .filter_map(
                |r| if let Report::Vehicle(VehicleReport::Handshake(h)) = r { Some(&**h) } else { None },
            )
            .collect()
    }

    fn progress(out: &[Report]) -> Vec<&Progress> {
        out.iter()
            .filter_map(
                |r| if let Report::Vehicle(VehicleReport::Progress(p)) = r { Some(&**p) } else { None },
            )
            .collect()
    }

    fn ends(out: &[Report]) -> Vec<&End> {
        out.iter()
            .filter_map(|r| if let Report::Vehicle(VehicleReport::End(e)) = r { Some(&**e) } else { None })
            .collect()
    }

    fn faults(out: &[Report]) -> Vec<(StopReason, bool)> {
        out.iter()
            .filter_map(|r| {
                if let Report::Vehicle(VehicleReport::Fault(f, is)) = r { Some((*f, *is)) } else { None }
            })
            .collect()
    }

    #[test]
    fn a_vehicle_is_told_when_it_names_itself_and_again_as_more_is_known() {
        let mut bench = Bench::new();
        assert_eq!(bench.hear("1801F456#0078563412535A31"), [Report::Link(LinkState::Good)]);
        let out = bench.brm(b"LTESTVANXBUS00001");
        let [bare] = handshakes(&out)[..] else { panic!("{out:?}") };
        assert_eq!(bare.vin.map(|v| v.to_string()).as_deref(), Some("LTESTVANXBUS00001"));
        assert_eq!((bare.battery_maker, bare.pack_serial), (Some(*b"CATL"), Some(0x1234)));
        assert_eq!((bare.made, bare.charge_count, bare.ownership), (Some((36, 6, 15)), Some(1000), Some(1)));
        assert_eq!((bare.rated_capacity_dah, bare.soc_permille), (Some(2800), None));
        assert_eq!(bare.bms_software, Some([1, 10, 11, 0xE7, 0x07, 0xFF, 0xFF, 0xFF]));
        assert_eq!(handshakes(&bench.brm(b"LTESTVANXBUS00001")).len(), 0, "repeated");
        let out = bench
            .carry(0x06, &[0x6D, 0x01, 0xE8, 0x03, 0x03, 0x0B, 0xAA, 0x19, 0x69, 0x59, 0x01, 0x97, 0x16]);
        let [more] = handshakes(&out)[..] else { panic!("{out:?}") };
        assert_eq!((more.soc_permille, more.max_temperature_c, more.vin), (Some(345), Some(55), bare_vin()));
        let out = bench.hear("1808F456#4C1DD007DC058C0F");
        assert_eq!(handshakes(&out)[0].charger_max_current.map(|c| c.0), Some(250_000));
        assert_eq!(
            handshakes(&bench.brm(b"LTESTVANXBUS00002")).len(),
            1,
            "another one: the station judges it"
        );
        let shown = serde_json::to_string(&bench.tap.status(Now::default())).expect("plain values");
        assert!(shown.contains("LTE··········0002") && !shown.contains("LTESTVANXBUS"), "{shown}");
    }

    fn bare_vin() -> Option<crate::model::ident::Vin> {
        "LTESTVANXBUS00001".parse().ok()
    }

    #[test]
    fn progress_is_told_once_a_second_and_is_the_newest() {
        let mut bench = Bench::charging();
        let mut out = Vec::new();
        for _ in 0..60 {
            out.extend(bench.wait(48));
            out.extend(bench.hear_all(&[BCL, CCS]));
        }
        assert_eq!(progress(&out).len(), 3);
        let out = bench.hear("181056F4#7617930802");
        assert_eq!(progress(&out).len(), 0);
        let out = bench.wait(1000);
        assert_eq!(progress(&out)[0].demand_voltage.map(|v| v.0), Some(600_600));
    }

    #[test]
    fn the_end_holds_what_both_sides_said_and_the_first_cause() {
        let mut bench = Bench::charging();
        let out = bench.hear_all(&["101AF456#0400F0F0", "101956F4#400000F0", "181C56F4#5F4B0163014753"]);
        assert_eq!(ends(&out).len(), 0, "the charger's statistics are awaited");
        let out = bench.hear("181DF456#3E00520778563412");
        let [end] = ends(&out)[..] else { panic!("{out:?}") };
        assert_eq!((end.cst, end.bst), (Some([0x04, 0, 0xF0, 0xF0]), Some([0x40, 0, 0, 0xF0])));
        assert_eq!(end.reason, Some(StopReason::CHARGER_BY_HAND));
        assert_eq!(
            (end.end_soc, end.charge_minutes, end.charger_number),
            (Some(95), Some(62), Some(0x1234_5678))
        );
        assert_eq!(end.charge_energy.map(|e| e.0), Some(1_874_000));
        let out = bench.wait(6_000);
        assert_eq!(out.last(), Some(&Report::Vehicle(VehicleReport::Gone)));
        assert_eq!(ends(&out).len(), 0, "told once");
    }

    #[test]
    fn a_dialogue_that_failed_and_goes_on_has_not_ended() {
        let mut bench = Bench::charging();
        let out = bench.hear("081E56F4#F0F0F1FC");
        assert_eq!(faults(&out), [(StopReason::CCS_TIMEOUT, true)]);
        let out = bench.hear("1801F456#0078563412535A31");
        assert_eq!((faults(&out), ends(&out).len()), (vec![(StopReason::CCS_TIMEOUT, false)], 0));
        let _ = bench.hear("081E56F4#F1F0F0FC");
        let out = bench.wait(6_000);
        let [end] = ends(&out)[..] else { panic!("{out:?}") };
        assert_eq!((end.bem, end.reason), (Some([0xF1, 0xF0, 0xF0, 0xFC]), Some(StopReason::CRM_00_TIMEOUT)));
    }

    #[test]
    fn a_fault_ends_with_the_message_that_was_missing() {
        let mut bench = Bench::charging();
        let mut out = Vec::new();
        for _ in 0..15 {
            out.extend(bench.wait(100));
            out.extend(bench.hear(BCL));
        }
        assert_eq!(faults(&out), [(StopReason::CCS_TIMEOUT, true)]);
        assert_eq!(faults(&bench.hear(CCS)), [(StopReason::CCS_TIMEOUT, false)]);
        assert_eq!(faults(&bench.hear("181356F4#105802430840D0")), [(StopReason::BSM_HOT, true)]);
        let out = bench.event(Event::Lost);
        assert_eq!(faults(&out), [(StopReason::BSM_HOT, false)]);
        assert_eq!(
            out[out.len() - 2..],
            [Report::Vehicle(VehicleReport::Gone), Report::Link(LinkState::Silent)]
        );
        assert_eq!(bench.event(Event::Opened), [Report::Link(LinkState::Good)]);
    }

    #[test]
    fn a_pause_is_over_with_the_charge() {
        let mut bench = Bench::charging();
        let out = bench.hear("181356F4#105802430800C0");
        assert!(out.contains(&Report::Vehicle(VehicleReport::Paused(true))));
        let out = bench.hear("101AF456#0400F0F0");
        assert!(out.contains(&Report::Vehicle(VehicleReport::Paused(false))));
    }
}
