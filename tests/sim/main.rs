//! Depot days on a virtual clock: the whole station against simulated devices, vehicles, people, platform and disk, with
//! everything going wrong that goes wrong in depots, and a plain reference model beside it that knows the truth.
//!
//! ```text
//! world      one virtual clock; what the loops of `task` do, without a runtime; way: from program to platform
//! daemon     the machines of `app::build`, started, killed, started again
//! calendar   what arrives later        network   latency, cuts, half-open connections, stalls
//! can        CAN buses, through the text of their adapters
//! clock      the controller's clocks   trouble   what goes wrong, drawn from the seed
//! tap        an ear on the connection  reference what really happened, and the invariants; ledger: one record
//! ```
//!
//! A violation names its invariant (domain.md 4.6), seed and time, with the events before it; the same seed is the same
//! run. `SEED=n cargo test --profile sim --test sim one_seed` runs one again.

mod calendar;
mod can;
mod clock;
mod daemon;
mod ledger;
mod network;
mod reference;
mod tap;
mod trouble;
mod verdict;
mod way;
mod world;

use depotd::sim::people::Habits;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use trouble::Density;
use verdict::Outcome;
use world::{Settings, World};

const HOUR: Duration = Duration::from_secs(3600);

/// A busy day of a depot with four guns.
fn day(seed: u64) -> Settings {
    Settings { seed, places: 4, guns: 0, habits: Habits::busy(), density: Density { seconds: 300 } }
}

/// An hour of short visits in which something goes wrong every few seconds.
fn hour(seed: u64) -> Settings {
    let habits = Habits {
        away: 5_000..60_000,
        walk: 2_000..20_000,
        charge: 20_000..600_000,
        patience: Duration::from_secs(60),
        pull: 15,
        arrives_with: 15..95,
    };
    Settings { seed, places: 4, guns: 0, habits, density: Density { seconds: 20 } }
}

/// An hour at two chargers of two guns on CAN, the second one for buses with two inlets; one gun is started with cards.
fn hour_on_can(seed: u64) -> Settings {
    let habits = Habits {
        away: 5_000..40_000,
        walk: 2_000..10_000,
        charge: 10_000..60_000,
        patience: Duration::from_secs(60),
        pull: 15,
        arrives_with: 15..95,
    };
    Settings { seed, places: 1, guns: 4, habits, density: Density { seconds: 30 } }
}

fn simulate(settings: Settings, time: Duration) -> Outcome {
    let mut world = World::new(settings.clone());
    world.run(time);
    world.finish(settings.seed)
}

/// Runs seeds on every core; the outcomes in the order of the seeds.
fn simulate_all(runs: Vec<(Settings, Duration)>) -> Vec<Outcome> {
    let next = AtomicUsize::new(0);
    let cores = std::thread::available_parallelism().map_or(1, usize::from).min(runs.len());
    let work = || {
        let mut done = Vec::new();
        while let Some((settings, time)) = runs.get(next.fetch_add(1, Ordering::Relaxed)) {
            println!("seed {} begins", settings.seed);
            done.push(simulate(settings.clone(), *time));
        }
        done
    };
    let mut outcomes: Vec<Outcome> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..cores).map(|_| scope.spawn(work)).collect();
        threads.into_iter().flat_map(|t| t.join().expect("no machine panics; see the seed above")).collect()
    });
    outcomes.sort_by_key(|o| o.seed);
    outcomes
}

fn assert_all_good(outcomes: &[Outcome]) {
    outcomes.iter().for_each(|outcome| println!("{outcome}"));
    let bad: Vec<&Outcome> = outcomes.iter().filter(|o| !o.is_good()).collect();
    let shown: Vec<String> = bad.iter().take(3).map(|o| o.faults()).collect();
    assert!(bad.is_empty(), "{} of {} runs broke a rule\n{}", bad.len(), outcomes.len(), shown.join("\n\n"));
}

#[test]
fn three_busy_days_keep_every_invariant() {
    let outcomes = simulate_all((1..=3).map(|seed| (day(seed), HOUR * 24)).collect());
    assert_all_good(&outcomes);
    assert!(outcomes.iter().all(|o| o.records > 60), "a busy day has more sessions");
}

#[test]
fn forty_hours_of_trouble_keep_every_invariant() {
    let outcomes = simulate_all((101..=140).map(|seed| (hour(seed), HOUR)).collect());
    assert_all_good(&outcomes);
    assert!(outcomes.iter().map(|o| o.records).sum::<usize>() > 400);
}

#[test]
fn hours_of_vehicles_that_name_themselves_keep_every_invariant() {
    let outcomes = simulate_all((201..=204).map(|seed| (hour_on_can(seed), HOUR)).collect());
    assert_all_good(&outcomes);
    assert!(outcomes.iter().map(|o| o.by_vin).sum::<usize>() > 200, "a few hundred sessions by VIN");
}

#[test]
fn the_same_seed_is_the_same_run() {
    let run = || simulate(hour(7), HOUR / 4);
    let (first, second) = (run(), run());
    assert_eq!((first.digest, first.handed), (second.digest, second.handed));
    assert_ne!(first.digest, simulate(hour(8), HOUR / 4).digest);
}

/// `SOAK=1 SOAK_DAYS=50 SOAK_CAN_HOURS=130`: so many days, and hours of vehicles that name themselves, with fresh seeds. Otherwise one short run.
#[test]
fn soak() {
    if std::env::var_os("SOAK").is_none() {
        return assert_all_good(&[simulate(day(77), HOUR * 2)]);
    }
    let hours = std::env::var("SOAK_CAN_HOURS").ok().and_then(|d| d.parse().ok()).unwrap_or(130);
    let vins = (0..hours).map(|_| (hour_on_can(fastrand::Rng::with_seed(fresh()).u64(..)), HOUR)).collect();
    assert_all_good(&simulate_all(vins));
    let days = std::env::var("SOAK_DAYS").ok().and_then(|d| d.parse().ok()).unwrap_or(50);
    let runs = (0..days).map(|_| (day(fastrand::Rng::with_seed(fresh()).u64(..)), HOUR * 24)).collect();
    assert_all_good(&simulate_all(runs));
}

/// `SEED=n` and `HOURS=h` (0 = an hour of trouble) run one seed again; with `CAN=1` an hour on CAN.
#[test]
fn one_seed() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let Some(seed) = number("SEED") else { return };
    let outcome = match number("HOURS").unwrap_or(0) {
        0 if number("CAN").is_some() => simulate(hour_on_can(seed), HOUR),
        0 => simulate(hour(seed), HOUR),
        hours => simulate(day(seed), HOUR * u32::try_from(hours).expect("hours")),
    };
    assert_all_good(&[outcome]);
}

/// A seed from the operating system.
fn fresh() -> u64 {
    getrandom::u64().expect("random octets")
}
