//! Decoders on one core: `decoders [SECONDS]`, seconds for each of five runs of each row (default 0.4).

use depotd::wire::platform222::{self, Checksum, Direction, Found};
use depotd::wire::{dlt645, gbt27930, modbus, slcan, tcu};
use depotd_bench::constructed::{self, Heard};
use depotd_bench::foreign::{self, Peers};
use depotd_bench::{dbc, median, rate, row, shown, table};
use serde_json::Value;
use std::collections::BTreeMap;
use std::hint::black_box;
use std::path::Path;
use std::time::Duration;

const RUNS: usize = 5;

fn main() {
    let seconds = std::env::args().nth(1).and_then(|s| s.parse().ok()).unwrap_or(0.4);
    let each = Duration::from_secs_f64(seconds);
    let peers = Peers::from_environment();
    let folder = tempfile::tempdir().expect("a folder");
    let (plug, whence) = match constructed::captured() {
        Some(frames) => (frames, "the recorded session of can.md 2"),
        None => (constructed::session(1), "a constructed session"),
    };
    let charger = constructed::controllers(1);
    let mut rows = vec![row(&["what", "per second, one core", "beside it", "ratio"])];
    println!(
        "frames: {whence} ({}), eight controllers ({}); medians of {RUNS} runs\n",
        plug.len(),
        charger.len()
    );

    rows.push(alone("GB/T 27930 frames through the receiver", "frames", || gbt27930(each, &plug, false)));
    rows.push(alone("… and every field read", "frames", || gbt27930(each, &plug, true)));
    rows.push(alone("TCU frames through the receiver", "frames", || tcu(each, &charger, false)));
    rows.push(alone("… and every field read", "frames", || tcu(each, &charger, true)));
    rows.push(beside_cantools(each, &peers, folder.path(), &[plug.clone(), charger.clone()].concat()));
    rows.push(beside_python_can(each, &peers, folder.path(), &plug));
    let replies = vectors("dlt645.json", |v| v["hex"].as_str().is_some());
    rows.push(alone("DL/T 645 frames cut and parsed", "frames", || dlt645(each, &replies)));
    let replies = vectors("modbus_rtu.json", |v| v["direction"] == "reply");
    rows.push(alone("Modbus RTU responses cut and parsed", "frames", || modbus(each, &replies)));
    let messages = vectors("platform222.json", |v| v.get("error").is_none());
    rows.push(alone("platform 222 frames, bodies read", "frames", || platform(each, &messages)));
    print!("{}", table(&rows));
}

/// A row without a foreign program.
fn alone(what: &str, unit: &str, mut run: impl FnMut() -> f64) -> Vec<String> {
    let ours = median((0..RUNS).map(|_| run()).collect());
    row(&[what, &format!("{} {unit}", shown(ours)), "", ""])
}

/// A row of paired runs: ours, theirs, ours, theirs.
fn paired(
    what: &str,
    mut ours: impl FnMut() -> f64,
    name: &str,
    mut theirs: impl FnMut() -> f64,
) -> Vec<String> {
    let pairs: Vec<(f64, f64)> = (0..RUNS).map(|_| (ours(), theirs())).collect();
    let of = |pick: fn(&(f64, f64)) -> f64| median(pairs.iter().map(pick).collect());
    let (us, them, ratio) = (of(|p| p.0), of(|p| p.1), of(|p| p.0 / p.1));
    row(&[
        what,
        &format!("{} frames", shown(us)),
        &format!("{name}: {} frames", shown(them)),
        &format!("{} x", shown(ratio)),
    ])
}

fn gbt27930(each: Duration, frames: &[Heard], is_read: bool) -> f64 {
    let mut receiver = gbt27930::Receiver::new(None);
    let mut pass = 0;
    rate(each, || {
        pass += 1_000_000_000;
        for (at_us, frame) in frames {
            match receiver.hear(pass + at_us % 1_000_000_000, frame) {
                gbt27930::Heard::Message { message, edition, .. } if is_read => {
                    black_box(dbc::read(&message, edition));
                }
                heard => {
                    black_box(heard);
                }
            }
        }
        frames.len() as u64
    })
}

fn tcu(each: Duration, frames: &[Heard], is_read: bool) -> f64 {
    let mut receiver = tcu::Receiver::new(tcu::receiver::Controllers::Any);
    let mut pass = 0;
    rate(each, || {
        pass += 1_000_000_000;
        for (at_us, frame) in frames {
            match receiver.hear(pass + at_us, frame) {
                tcu::Heard::Message(_, message) if is_read => {
                    black_box(dbc::read_tcu(&message));
                }
                heard => {
                    black_box(heard);
                }
            }
        }
        frames.len() as u64
    })
}

/// The frames that a DBC can describe, every field of them, by both; the sums of all raw integers must agree.
fn beside_cantools(each: Duration, peers: &Peers, folder: &Path, frames: &[Heard]) -> Vec<String> {
    const WHAT: &str = "single-frame messages, every field read";
    let messages = dbc::described();
    let tables: BTreeMap<u32, &[&'static depotd::wire::field::Field]> =
        messages.iter().map(|m| (m.id.raw(), &m.fields[..])).collect();
    let chosen: Vec<Heard> =
        frames.iter().filter(|(_, f)| tables.contains_key(&f.id().raw())).copied().collect();
    let ours = || both(each, &chosen);
    let (file, traffic) = (folder.join("can.dbc"), folder.join("frames"));
    std::fs::write(&file, dbc::text(&messages)).expect("written");
    std::fs::write(&traffic, constructed::packed(&chosen)).expect("written");
    let Some(mut command) = peers.python("cantools_rate.py") else { return alone(WHAT, "frames", ours) };
    command.arg(&file).arg(&traffic).arg(each.as_secs_f64().to_string());
    let wanted: u64 = chosen.iter().map(|(_, f)| dbc::sum(tables[&f.id().raw()], f.data())).sum();
    paired(WHAT, ours, "cantools", || {
        let report = foreign::report(&mut command);
        assert_eq!(report["sum"].as_u64(), Some(wanted), "both read the same numbers");
        let speed = |key: &str| report[key].as_f64().expect("a number");
        speed("frames_per_second").max(speed("raw_frames_per_second"))
    })
}

/// Frames of either bus through the receiver they belong to, every field read.
fn both(each: Duration, frames: &[Heard]) -> f64 {
    let mut plug = gbt27930::Receiver::new(None);
    let mut charger = tcu::Receiver::new(tcu::receiver::Controllers::Any);
    rate(each, || {
        for (at_us, frame) in frames {
            if let gbt27930::Heard::Message { message, edition, .. } = plug.hear(*at_us, frame) {
                black_box(dbc::read(&message, edition));
            } else if let tcu::Heard::Message(_, message) = charger.hear(*at_us, frame) {
                black_box(dbc::read_tcu(&message));
            }
        }
        frames.len() as u64
    })
}

fn beside_python_can(each: Duration, peers: &Peers, folder: &Path, frames: &[Heard]) -> Vec<String> {
    const WHAT: &str = "slcan lines to frames";
    let lines = constructed::lines(frames);
    let mut parser = slcan::Parser::default();
    let mut pass = |lines: &[u8]| {
        let read = lines.iter().filter_map(|octet| parser.take(*octet));
        read.filter_map(|l| if let Ok(slcan::Line::Frame { frame, .. }) = l { Some(frame) } else { None })
            .fold((0, 0), |(count, sum), f| {
                (
                    count + 1,
                    sum + u64::from(f.id().raw()) + f.data().iter().map(|o| u64::from(*o)).sum::<u64>(),
                )
            })
    };
    let wanted = pass(&lines);
    let ours = || rate(each, || black_box(pass(&lines)).0);
    let file = folder.join("lines");
    std::fs::write(&file, &lines).expect("written");
    let Some(mut command) = peers.python("slcan_rate.py") else { return alone(WHAT, "frames", ours) };
    command.arg(&file).arg(each.as_secs_f64().to_string());
    paired(WHAT, ours, "python-can", || {
        let report = foreign::report(&mut command);
        assert_eq!(report["sum"].as_u64(), Some(wanted.1), "both read the same frames");
        report["frames_per_second"].as_f64().expect("a number")
    })
}

fn dlt645(each: Duration, frames: &[Vec<u8>]) -> f64 {
    rate(each, || {
        for frame in frames {
            black_box(dlt645::cut(frame));
            let parsed = dlt645::Frame::parse(frame).expect("a good frame");
            black_box(parsed);
        }
        frames.len() as u64
    })
}

fn modbus(each: Duration, frames: &[Vec<u8>]) -> f64 {
    rate(each, || {
        for frame in frames {
            black_box(modbus::cut(frame, modbus::Direction::Response));
            black_box(modbus::Response::decode(frame).expect("a good frame"));
        }
        frames.len() as u64
    })
}

fn platform(each: Duration, frames: &[Vec<u8>]) -> f64 {
    let stream = frames.concat();
    let mut receiver = platform222::Receiver::new(Checksum::default());
    rate(each, || {
        let found = receiver.feed(&stream);
        let mut count = 0;
        for found in &found {
            if let Found::Frame { header, body, .. } = found {
                let made = [Direction::Up, Direction::Down].map(|d| platform222::judge(d, header, body));
                count += u64::from(made.iter().any(Result::is_ok));
                black_box(made.len());
            }
        }
        assert_eq!(count, frames.len() as u64, "every frame is read");
        count
    })
}

/// Good frames of a file of the repository's own test vectors that our decoder takes.
fn vectors(file: &str, is_wanted: impl Fn(&Value) -> bool) -> Vec<Vec<u8>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../vectors/data").join(file);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let whole: Value = serde_json::from_str(&text).expect("vectors");
    let list = whole.get("vectors").unwrap_or(&whole).as_array().expect("a list");
    let octets = |v: &Value| depotd::wire::hex::parse(v["hex"].as_str()?);
    let good = |v: &&Value| {
        v.get("error").is_none()
            && v.get("validity").is_none_or(|v| v == "valid")
            && !v["kind"].as_str().is_some_and(|k| k.contains("stream"))
    };
    list.iter().filter(good).filter(|v| is_wanted(v)).filter_map(octets).collect()
}
