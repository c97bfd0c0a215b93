//! Alarms through the station: what they stop, what is durable, what the platform is told (domain.md T42 to T46).

use super::*;
use crate::model::alarm::Alarm;
use crate::model::report::{ReaderStatus, Surrounding};
use std::collections::BTreeMap;

const EMERGENCY: u32 = 1;
const LOCK: u32 = 1 << 12;
const SURGE: u32 = 1 << 13;

impl Depot {
    /// Raises (true) and clears that are durable for the platform, in order.
    fn events(&self) -> Vec<(bool, u16)> {
        self.disk.alarm_events.iter().map(|e| (e.raised, e.alarm.code)).collect()
    }

    fn events_of(&self, code: u16) -> Vec<bool> {
        self.events().into_iter().filter(|(_, of)| *of == code).map(|(raised, _)| raised).collect()
    }

    fn faults(&mut self, gun: usize, faults: u32) -> &mut Depot {
        self.field[gun].faults = faults;
        self.poll(gun);
        self.settle();
        self
    }

    /// What the link would send as 0402.
    fn listed(&self) -> Vec<Alarm> {
        let lists = self.link.iter().rev().find_map(|m| match m {
            ToLink::OpenAlarms(list) => Some(list.clone()),
            _ => None,
        });
        lists.expect("the link was told at the start")
    }

    /// What the platform knows from raises and clears alone.
    fn built_from_events(&self) -> Vec<u64> {
        let mut open = BTreeMap::new();
        for event in &self.disk.alarm_events {
            match event.raised {
                true => assert!(open.insert(event.alarm.id, ()).is_none(), "raised twice: {event:?}"),
                false => assert!(open.remove(&event.alarm.id).is_some(), "cleared before it was raised"),
            }
        }
        open.into_keys().collect()
    }

    fn alarm(&self, code: u16) -> Option<u64> {
        self.station.alarms.open().find(|a| a.code == code).map(|a| a.id)
    }

    fn reset(&mut self, id: u64) -> Result<(), String> {
        self.operator(OperatorOrder::ResetAlarm { id, by: "li".into() }).expect("answered at once")
    }
}

fn charging() -> Depot {
    let mut depot = Depot::supplied(2);
    depot.online().plug(0).plug(1);
    assert_eq!(depot.remote_start(0, 0xA1), Some(Answer::RemoteStart(0)));
    assert_eq!(depot.remote_start(1, 0xA2), Some(Answer::RemoteStart(0)));
    depot.run(20);
    assert!(depot.charges(0) && depot.charges(1));
    depot
}

#[test]
fn t42_each_of_several_faults_that_clears_is_reported() {
    let mut depot = Depot::supplied(1);
    depot.faults(0, LOCK | SURGE).run(3);
    depot.faults(0, SURGE).run(12);
    depot.faults(0, 0).run(12);
    assert_eq!(depot.events_of(0x0115), [true, false]);
    assert_eq!(depot.events_of(0x0114), [true, false]);
}

#[test]
fn t44_what_an_interrogation_tells_is_what_the_events_built() {
    let mut depot = charging();
    depot.faults(0, LOCK).faults(1, SURGE | EMERGENCY).run(5);
    depot.faults(1, 0).run(15);
    let answered = depot.command(station_code(), Command::Interrogate(2));
    assert_eq!(answered, Some(Answer::Interrogate(0)));
    assert_eq!(depot.link.iter().filter(|m| **m == ToLink::TellAlarms).count(), 1);
    let listed: Vec<u64> = depot.listed().iter().map(|a| a.id).collect();
    assert_eq!(listed, depot.built_from_events());
    let shown = depot.station.status(depot.now).alarms;
    assert_eq!(shown.len(), listed.len());
    let faulted = depot.realtimes(0).last().map(|r| r.faults);
    assert_eq!(faulted, Some(LOCK), "0201 says the same");
}

#[test]
fn t45_an_alarm_of_level_one_stops_its_session_in_the_same_second_and_no_other() {
    let mut depot = charging();
    depot.orders.clear();
    let began = depot.now;
    depot.faults(0, EMERGENCY);
    assert_eq!(depot.now, began, "no time has passed");
    assert_eq!(depot.ordered(0, &Order::Stop), 1);
    assert_eq!(depot.ordered(1, &Order::Stop), 0);
    assert!(!depot.charges(0) && depot.charges(1), "the current is gone");
    depot.run(30);
    assert_eq!(depot.records()[0].stop_reason.0, 0x0507);
    assert!(depot.charges(1));
}

#[test]
fn an_alarm_of_level_one_that_needs_its_time_stops_when_it_is_raised() {
    let mut depot = charging();
    depot.orders.clear();
    depot.faults(0, 1 << 14).run(1);
    assert_eq!(depot.ordered(0, &Order::Stop), 0, "the breaker has not been out for two seconds");
    depot.run(1);
    assert_eq!(depot.ordered(0, &Order::Stop), 1);
}

#[test]
fn an_emergency_stop_forbids_a_start_until_somebody_in_the_depot_has_reset_it() {
    let mut depot = Depot::supplied(1);
    depot.online().plug(0).faults(0, EMERGENCY).run(2);
    depot.faults(0, 0).run(60);
    assert_eq!(depot.state(0), ConnectorState::Faulted);
    assert_ne!(depot.remote_start(0, 0xA1), Some(Answer::RemoteStart(0)));
    let id = depot.alarm(0x0101).expect("open");
    let by_platform = depot.command(station_code(), Command::ResetAlarm(id));
    assert_eq!(by_platform, Some(Answer::ResetAlarm(4)));
    assert_eq!(depot.reset(id), Ok(()));
    assert_eq!(depot.events_of(0x0101), [true, false], "durable when it is answered");
    assert!(depot.disk.audit.iter().any(|(who, what)| who == "operator li" && what.contains("reset")));
    assert_eq!(depot.state(0), ConnectorState::Plugged);
    assert_eq!(depot.remote_start(0, 0xA2), Some(Answer::RemoteStart(0)));
}

#[test]
fn the_platform_resets_what_is_latched_when_its_cause_is_gone_and_is_told_why_not() {
    let mut depot = Depot::supplied(1);
    depot.online().faults(0, 1 << 4 | LOCK).run(3);
    let (insulation, lock) = (depot.alarm(0x0103).unwrap(), depot.alarm(0x0115).unwrap());
    let reset = |depot: &mut Depot, id| depot.command(station_code(), Command::ResetAlarm(id));
    assert_eq!(reset(&mut depot, 99), Some(Answer::ResetAlarm(1)));
    assert_eq!(reset(&mut depot, lock), Some(Answer::ResetAlarm(2)));
    assert_eq!(reset(&mut depot, insulation), Some(Answer::ResetAlarm(3)));
    depot.faults(0, 0);
    depot.store = Store::Slow;
    assert_eq!(reset(&mut depot, insulation), None, "not before it is durable");
    depot.release(true);
    while depot.held.is_some() {
        depot.release(true);
    }
    assert!(depot.link.contains(&ToLink::Answer(depot.tickets, Answer::ResetAlarm(0))));
    assert_eq!(depot.events_of(0x0103), [true, false]);
}

#[test]
fn a_reset_that_the_disk_does_not_take_is_answered_and_not_left_open() {
    let mut depot = Depot::supplied(1);
    depot.online().faults(0, 1 << 4).run(3);
    let id = depot.alarm(0x0103).unwrap();
    depot.faults(0, 0);
    depot.store = Store::Full;
    let answer = depot.command(station_code(), Command::ResetAlarm(id));
    assert_eq!(answer, Some(Answer::ResetAlarm(3)));
    depot.store = Store::AtOnce;
    depot.run(60);
    assert_eq!(depot.events_of(0x0103), [true, false], "told when the disk is back");
}

#[test]
fn the_platform_is_told_of_nothing_that_the_disk_does_not_have() {
    let mut depot = Depot::supplied(1);
    depot.online();
    depot.store = Store::Slow;
    depot.link.clear();
    depot.faults(0, EMERGENCY);
    let told = |depot: &Depot| {
        depot.link.iter().filter(|m| matches!(m, ToLink::Queued(e) if e.lane == Lane::Alarm)).count()
    };
    assert_eq!(told(&depot), 0);
    while depot.held.is_some() {
        depot.release(true);
    }
    assert_eq!(told(&depot), 1);
    let list = depot.link.iter().position(|m| matches!(m, ToLink::OpenAlarms(list) if list.len() == 1));
    let event = depot.link.iter().position(|m| matches!(m, ToLink::Queued(e) if e.lane == Lane::Alarm));
    assert!(list.is_some() && list < event, "the list is never older than an event");
}

#[test]
fn a_pair_made_offline_is_sent_as_two_with_one_identity() {
    let mut depot = Depot::supplied(1);
    depot.faults(0, LOCK).run(3);
    depot.faults(0, 0).run(15);
    assert_eq!(depot.events_of(0x0115), [true, false]);
    let ids: Vec<u64> = depot.disk.alarm_events.iter().map(|e| e.alarm.id).collect();
    assert_eq!(ids[0], ids[1], "the identity is repeated at the clear");
}

#[test]
fn open_alarms_survive_a_restart_latched_ones_stay_and_others_are_judged_again() {
    let mut depot = Depot::supplied(2);
    depot.faults(0, 1 << 4 | LOCK).faults(1, SURGE).run(5);
    let before = depot.built_from_events();
    depot.field[0].faults = 0;
    let mut depot = depot.restart();
    assert_eq!(depot.listed().iter().map(|a| a.id).collect::<Vec<_>>(), before);
    depot.run(120);
    assert_eq!(depot.events_of(0x0103), [true], "latched");
    assert_eq!(depot.events_of(0x0115), [true, false], "over");
    assert_eq!(depot.events_of(0x0114), [true], "still the case, and not raised again");
    assert_eq!(depot.state(0), ConnectorState::Faulted);
    let mut depot = depot.restart();
    depot.faults(0, LOCK).run(5);
    let newest = depot.disk.alarm_events.last().expect("events").alarm.id;
    assert!(before.iter().all(|id| *id < newest), "identities go on");
}

#[test]
fn a_session_found_at_the_start_under_an_alarm_of_level_one_is_stopped() {
    let mut depot = charging();
    depot.faults(0, EMERGENCY);
    depot.field[0].state = ChargerState::Charging; // it did not obey before the power went
    depot.orders.clear();
    let mut depot = depot.restart();
    depot.run(3);
    assert!(!depot.charges(0));
}

#[test]
fn what_the_platform_acknowledged_is_shown_so_also_after_a_restart() {
    let mut depot = Depot::supplied(1);
    depot.online().faults(0, LOCK).run(3);
    let shown = |depot: &Depot| {
        let alarms = depot.station.status(depot.now).alarms;
        alarms.iter().find(|a| a.code == "0115").map(|a| a.acknowledged)
    };
    assert_eq!(shown(&depot), Some(false));
    let entry = depot.disk.alarm_events.iter().position(|e| e.alarm.code == 0x0115).unwrap() as u64 + 1;
    depot.says(FromLink::Acknowledged(EntryId { lane: Lane::Alarm, id: entry }, Verdict::Taken));
    assert_eq!(shown(&depot), Some(true));
    let mut depot = depot.restart();
    depot.run(1);
    assert_eq!(shown(&depot), Some(true));
}

#[test]
fn an_event_speaks_for_the_pile_of_its_device_or_for_the_station() {
    let mut depot = Depot::supplied(1);
    depot.faults(0, LOCK).run(310);
    let device = |code: u16| {
        let event = depot.disk.alarm_events.iter().find(|e| e.alarm.code == code).expect("raised");
        (event.alarm.class(), event.alarm.index, event.alarm.device(station_code()))
    };
    assert_eq!(device(0x0115), (1, 1, pile()));
    assert_eq!(device(0x0001), (0, 1, station_code()));
}

#[test]
fn a_message_that_the_platform_refuses_to_know_is_an_alarm_until_it_is_taken_also_after_a_restart() {
    let mut depot = charging();
    let entry = EntryId { lane: Lane::StartResult, id: 1 };
    depot.says(FromLink::Acknowledged(entry, Verdict::Refused(0xFF)));
    assert!(depot.alarms().contains(&"0016".to_owned()));
    let mut depot = depot.restart();
    depot.run(120);
    assert!(depot.alarms().contains(&"0016".to_owned()));
    depot.online();
    depot.says(FromLink::Acknowledged(entry, Verdict::Taken));
    assert_eq!(depot.events_of(0x0016), [true, false]);
}

#[test]
fn a_platform_that_does_not_know_open_alarms_is_an_alarm() {
    let mut depot = Depot::supplied(1);
    depot.online().says(FromLink::AlarmsTold(false));
    assert_eq!(depot.events_of(0x0016), [true]);
    depot.says(FromLink::AlarmsTold(true));
    assert_eq!(depot.events_of(0x0016), [true, false]);
}

#[test]
fn lines_and_the_disk_are_watched() {
    let mut depot = Depot::supplied(1);
    let line =
        |gone, errors_permille| Event::Surrounding(Surrounding::Line { line: 0, gone, errors_permille });
    depot.event(line(true, 0)).run(3);
    depot.event(Event::Surrounding(Surrounding::Disk { free_permille: 49 })).run(6);
    assert_eq!((depot.events_of(0x0801), depot.events_of(0x0005)), (vec![true], vec![true]));
    depot.event(line(false, 101)).run(61);
    depot.event(Event::Surrounding(Surrounding::Disk { free_permille: 50 })).run(31);
    assert_eq!((depot.events_of(0x0801), depot.events_of(0x0005)), (vec![true, false], vec![true, false]));
    let errors = depot.disk.alarm_events.iter().find(|e| e.alarm.code == 0x0802).expect("raised");
    assert_eq!((errors.alarm.index, errors.alarm.value, errors.alarm.subject.as_str()), (1, 101, "line-1"));
    depot.event(Event::Surrounding(Surrounding::Line { line: 9, gone: true, errors_permille: 0 }));
}

#[test]
fn a_reader_without_its_secure_channel_is_an_alarm_only_where_one_is_configured() {
    for secure in [true, false] {
        let mut config = config(1);
        config.inventory.readers[0].1 = secure;
        let mut depot = Depot::on(config, disk::Disk::default());
        depot.event(Event::Device(reader(0), Report::Reader(ReaderStatus::default()))).run(6);
        assert_eq!(depot.events_of(0x0303), if secure { vec![true] } else { vec![] });
    }
}

#[test]
fn a_plug_pulled_under_load_is_told_and_over_after_ten_seconds() {
    let mut depot = charging();
    depot.unplug(0);
    assert_eq!(depot.events_of(0x011B), [true]);
    depot.run(12);
    assert_eq!(depot.events_of(0x011B), [true, false]);
}

#[test]
fn a_site_alarm_stops_every_session_in_waves() {
    let mut depot = charging();
    depot.orders.clear();
    let key = super::super::alarms::Key::device(0x0902, 1, "transformer");
    depot.station.alarms.set(depot.now, key, true);
    depot.event(Event::Woke);
    assert_eq!(
        depot.ordered(0, &Order::Stop) + depot.ordered(1, &Order::Stop),
        1,
        "one, to spare the feeder"
    );
    depot.run(1);
    assert_eq!((depot.ordered(0, &Order::Stop), depot.ordered(1, &Order::Stop)), (1, 1));
    depot.run(60);
    assert!(depot.records().iter().all(|r| r.stop_reason.0 == 0x0806));
    assert_eq!((depot.state(0), depot.state(1)), (ConnectorState::Faulted, ConnectorState::Faulted));
}

#[test]
fn a_queue_that_fills_is_an_alarm() {
    let mut depot = Depot::supplied(1);
    depot.run(1);
    assert!(depot.events_of(0x0003).is_empty());
    depot.station.alarms.set_queued(8_001);
    depot.run(6);
    assert_eq!(depot.events_of(0x0003), [true]);
}

#[test]
fn what_is_queued_says_what_was_raised() {
    let mut depot = Depot::supplied(1);
    depot.faults(0, LOCK).run(3);
    let text = &depot.disk.alarm_events.iter().find(|e| e.alarm.code == 0x0115).expect("raised").text;
    assert_eq!(text, "电子锁故障");
}

#[test]
fn without_a_platform_nobody_misses_it_and_nothing_waits_for_it() {
    let mut depot = Depot::on(Config { has_platform: false, ..config(1) }, disk::Disk::default());
    depot.run(400);
    assert!(!depot.station.alarms.is_open(0x0001), "there is none to be away");
    depot.faults(0, EMERGENCY);
    assert!(depot.disk.open_alarms.values().any(|(alarm, ..)| alarm.code == 0x0101), "durable all the same");
    assert_eq!(depot.events(), []);
    let queued = |m: &ToLink| matches!(m, ToLink::Queued(id) if id.lane == Lane::Alarm);
    assert!(!depot.link.iter().any(queued));
    let mut depot = depot.restart();
    assert!(depot.alarm(0x0101).is_some(), "it survives a restart");
    depot.config.has_platform = true;
    let mut depot = depot.restart();
    let told = depot.listed().iter().any(|alarm| alarm.code == 0x0101);
    assert!(told, "a platform that comes later is told of what is open");
    depot.run(400);
    assert!(depot.station.alarms.is_open(0x0001));
}

#[test]
fn a_platform_whose_protocol_has_no_alarms_gets_none_and_is_missed() {
    let protocol = crate::model::record::Protocol::Ykc16;
    let mut depot = Depot::on(Config { protocol, ..config(1) }, disk::Disk::default());
    depot.run(400);
    assert!(depot.station.alarms.is_open(0x0001));
    assert_eq!(depot.events(), []);
}

#[test]
fn codes_of_a_charge_controller_are_alarms_of_their_own_until_it_takes_them_back() {
    let mut depot = charging();
    let told = |depot: &mut Depot, state, codes: &[u16], faults| {
        let alarms = codes.iter().copied().collect();
        let status = ChargerStatus { state, plugged: Some(true), faults, alarms, ..ChargerStatus::default() };
        depot.event(Event::Device(charger(0), Report::Charger(status)));
        depot.inbox.clear();
    };
    let now = depot.now;
    let woke = |depot: &mut Depot, seconds: u64| {
        depot.now.mono = now.mono + Duration::from_secs(seconds);
        depot.event(Event::Woke);
    };
    let voltage = 1 << 9;
    told(&mut depot, ChargerState::Charging, &[0x010A, 0x0105, 0x010F], voltage);
    woke(&mut depot, 5);
    for code in [0x010A, 0x0105, 0x010F] {
        assert_eq!(depot.events_of(code), [true], "{code:04X}");
    }
    told(&mut depot, ChargerState::Charging, &[0x0105], 0);
    depot.event(Event::Device(charger(0), Report::Link(LinkState::Silent)));
    woke(&mut depot, 6);
    woke(&mut depot, 50);
    assert_eq!(depot.events_of(0x010A), [true], "nobody knows while the charger is silent");
    depot.event(Event::Device(charger(0), Report::Link(LinkState::Good)));
    woke(&mut depot, 90);
    assert_eq!(depot.events_of(0x010A), [true, false]);
    assert_eq!((depot.events_of(0x010F), depot.events_of(0x0105)), (vec![true, false], vec![true]));
    depot.orders.clear();
    told(&mut depot, ChargerState::Charging, &[0x010E], voltage);
    assert_eq!(depot.events_of(0x010F), [true, false], "the code says it better than the bit");
    assert_eq!(depot.ordered(0, &Order::Stop), 1, "level 1");
}
