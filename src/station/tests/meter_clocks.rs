//! The time of meters: watched, told, audited.

use super::*;

fn tells(depot: &mut Depot, gun: usize, ahead_ms: i64) {
    let reading = MeterReading { clock_ahead_ms: Some(ahead_ms), ..MeterReading::default() };
    depot.event(Event::Device(meter(gun), Report::Meter(reading)));
}

fn moves_to(depot: &mut Depot, minutes: u64, wall: Utc) {
    depot.now = Now { mono: Instant(minutes * 60_000_000), wall, ..depot.now };
    depot.event(Event::Woke);
}

fn audited(depot: &Depot, part: &str) -> usize {
    depot.disk.audit.iter().filter(|(who, what)| who == "station" && what.contains(part)).count()
}

#[test]
fn the_meters_of_a_line_are_told_the_time_once_and_it_is_audited() {
    let mut depot = Depot::new(2);
    let afternoon = Utc::from_local(depot.now.wall.local().date().at(13, 12, 0, 0)).plus_ms(86_400_000);
    moves_to(&mut depot, 600, afternoon);
    depot.orders.clear();
    tells(&mut depot, 0, 700);
    tells(&mut depot, 1, -12_000);
    for minute in 601..630 {
        let wall = depot.now.wall.plus_ms(60_000);
        moves_to(&mut depot, minute, wall);
    }
    let told: Vec<usize> =
        depot.orders.iter().filter(|(_, o)| *o == Order::SetClock).map(|(gun, _)| *gun).collect();
    assert_eq!(told, [1]);
    assert_eq!(audited(&depot, "the time is told to the meters of a line: the meter of"), 1);
    tells(&mut depot, 1, 200);
    assert_eq!(audited(&depot, "12.0 s behind before the broadcast, 0.2 s ahead after"), 1);
    tells(&mut depot, 1, 300);
    assert_eq!(audited(&depot, "after"), 1);
}

#[test]
fn a_clock_that_is_off_by_more_than_three_minutes_is_an_alarm_until_it_is_right() {
    let mut depot = Depot::new(1);
    tells(&mut depot, 0, -180_000);
    depot.run(40);
    assert!(!depot.alarms().contains(&"0207".to_owned()));
    tells(&mut depot, 0, -180_001);
    depot.run(6);
    assert!(depot.alarms().contains(&"0207".to_owned()));
    tells(&mut depot, 0, 0);
    depot.run(31);
    assert!(!depot.alarms().contains(&"0207".to_owned()));
}
