//! Answers of the daemon as text for a terminal.

use super::table::{Table, terminal_width};
use serde_json::Value;
use std::fmt::Write as _;

/// Column heads and where their cells are found: a path of keys, dots between.
pub(super) type Columns = &'static [(&'static str, &'static str)];

pub(super) const CONNECTORS: Columns = &[
    ("connector", "connector"),
    ("state", "state"),
    ("power", "power_w|kW"),
    ("energy", "energy|kWh"),
    ("soc", "soc|%"),
    ("card", "card"),
    ("bus", "vehicle"),
    ("since", "since"),
    ("txn", "txn"),
];
/// How devices stand, and below it what happened to their questions.
const DEVICES: Columns = &[
    ("name", "name"),
    ("line", "line"),
    ("protocol", "protocol"),
    ("address", "address"),
    ("link", "health.link"),
    ("for", "health.link_for_ms|age"),
    ("p50 ms", "health.round_trip.p50_us|ms"),
    ("p99 ms", "health.round_trip.p99_us|ms"),
];
const DEVICE_COUNTS: Columns = &[
    ("name", "name"),
    ("asked", "health.counters.sent"),
    ("answered", "health.counters.answered"),
    ("timeouts", "health.counters.timeouts"),
    ("retries", "health.counters.retries"),
    ("stale", "health.counters.stale"),
    ("noise", "health.counters.noise_octets"),
    ("late", "health.counters.late_octets"),
];
/// How lines stand, and below it what happened on them.
const LINES: Columns = &[
    ("line", "name"),
    ("state", "state"),
    ("for", "state_for_ms|age"),
    ("use", "use_permille|permille"),
    ("planned", "planned_permille|permille"),
    ("polls/s", "polls_per_minute|minute"),
    ("p50 ms", "round_trip.p50_us|ms"),
    ("p95 ms", "round_trip.p95_us|ms"),
    ("p99 ms", "round_trip.p99_us|ms"),
];
const LINE_COUNTS: Columns = &[
    ("line", "name"),
    ("asked", "counters.sent"),
    ("answered", "counters.answered"),
    ("timeouts", "counters.timeouts"),
    ("retries", "counters.retries"),
    ("stale", "counters.stale"),
    ("noise", "counters.noise_octets"),
    ("late", "counters.late_octets"),
    ("stray", "stray_octets"),
];
const BUSES: Columns = &[
    ("bus", "name"),
    ("state", "state"),
    ("for", "state_for_ms|age"),
    ("errors", "bus"),
    ("use", "use_permille|permille"),
    ("heard", "counters.received"),
    ("sent", "counters.sent"),
    ("unsent", "counters.unsent"),
    ("foreign", "counters.foreign"),
    ("dropped", "counters.dropped"),
    ("faults", "counters.errors"),
    ("off", "counters.bus_off"),
];
pub(super) const SESSIONS: Columns = &[
    ("txn", "txn"),
    ("connector", "connector"),
    ("open", "open"),
    ("phase", "phase"),
    ("began", "began"),
    ("since", "since"),
];
pub(super) const RECORDS: Columns = &[
    ("no.", "number"),
    ("txn", "txn"),
    ("connector", "connector"),
    ("state", "state"),
    ("energy", "energy|kWh"),
    ("yuan", "amount|yuan"),
    ("start", "start"),
    ("end", "end"),
    ("reason", "reason"),
];
pub(super) const QUEUE: Columns = &[
    ("lane", "lane"),
    ("id", "id"),
    ("txn", "txn"),
    ("state", "state"),
    ("since", "since"),
    ("why", "why"),
    ("what", "what"),
];
pub(super) const CARDS: Columns = &[
    ("uid", "uid"),
    ("account", "account"),
    ("status", "status"),
    ("group", "group"),
    ("at once", "max_concurrent"),
    ("valid until", "valid_until"),
];
pub(super) const VINS: Columns = &[
    ("vin", "vin"),
    ("fleet no", "fleet_number"),
    ("plate", "plate"),
    ("status", "status"),
    ("bound card", "bound_card"),
    ("power %", "power_percent"),
    ("priority", "priority"),
];
pub(super) const PLATES: Columns = &[
    ("plate", "plate"),
    ("status", "status"),
    ("valid from", "valid_from"),
    ("valid until", "valid_until"),
    ("fleet no", "fleet_number"),
];
const CONDITIONS: Columns = &[("", "mark"), ("condition", "condition"), ("now", "now")];
pub(super) const ALARMS: Columns = &[
    ("no.", "id"),
    ("code", "code"),
    ("level", "level"),
    ("connector", "connector"),
    ("subject", "subject"),
    ("since", "since"),
    ("latched", "latched"),
    ("platform has it", "acknowledged"),
    ("what", "en"),
    ("告警", "zh"),
];
pub(super) const ALARM_HISTORY: Columns = &[
    ("no.", "id"),
    ("code", "code"),
    ("level", "level"),
    ("what", "en"),
    ("connector", "connector"),
    ("subject", "subject"),
    ("since", "since"),
    ("until", "until"),
    ("open", "open"),
    ("platform has it", "acknowledged"),
];
pub(super) const AUDIT: Columns = &[("at", "at"), ("who", "who"), ("what", "what")];

/// A JSON document for programs.
pub(super) fn document(data: &Value) -> String {
    serde_json::to_string_pretty(data).unwrap_or_default() + "\n"
}

/// Rows as a table fitted to the terminal.
pub(super) fn list(data: &Value, columns: Columns) -> String {
    // A list of the platform comes with its version and carries its rows under a key.
    let rows = data.as_array().or_else(|| data.as_object()?.values().find_map(Value::as_array));
    let mut table = Table::new(&columns.iter().map(|(head, _)| *head).collect::<Vec<_>>());
    for row in rows.into_iter().flatten() {
        table.row(columns.iter().map(|(_, path)| cell(row, path)).collect());
    }
    let mut text = String::new();
    if let Some(head) = data.as_object() {
        let words: Vec<String> =
            head.iter().filter(|(_, v)| !v.is_array()).map(|(k, v)| format!("{k} {}", plain(v))).collect();
        let _infallible = writeln!(text, "{}", words.join(", "));
    }
    text + &if table.is_empty() { "none\n".to_owned() } else { table.fit(terminal_width()) }
}

/// What an offline start would do: the verdict, and every condition with the first that fails marked.
pub(super) fn rehearsal(data: &Value) -> String {
    let says = plain(&data["says"]);
    let verdict = match data["accepted"] == Value::Bool(true) {
        true => format!("offline start now: accepted ({says})"),
        false => format!("offline start now: refused ({says})"),
    };
    format!("{verdict}\n{}", list(&data["conditions"], CONDITIONS))
}

/// Meters, readers or chargers: how they stand, and what happened to their questions.
pub(super) fn devices(data: &Value) -> String {
    two(data, DEVICES, DEVICE_COUNTS)
}

/// Two tables of the same rows; one alone when there are none.
fn two(data: &Value, first: Columns, second: Columns) -> String {
    match data.as_array().is_none_or(Vec::is_empty) {
        true => list(data, first),
        false => format!("{}\n{}", list(data, first), list(data, second)),
    }
}

/// RS-485 lines in two tables, CAN buses in one.
pub(super) fn lines(data: &Value) -> String {
    let of = |kind: &str| -> Value {
        let rows = data.as_array().into_iter().flatten();
        Value::Array(rows.filter(|row| row["kind"] == kind).cloned().collect())
    };
    let (lines, buses) = (of("rs485"), of("can"));
    match (lines.as_array().is_some_and(Vec::is_empty), buses.as_array().is_some_and(Vec::is_empty)) {
        (false, false) => format!("{}\n{}", two(&lines, LINES, LINE_COUNTS), list(&buses, BUSES)),
        (true, false) => list(&buses, BUSES),
        (false | true, true) => two(&lines, LINES, LINE_COUNTS),
    }
}

/// One object, a line per key; lists of objects indented below.
pub(super) fn one(data: &Value) -> String {
    let mut text = String::new();
    tree(&mut text, data, 0);
    text
}

fn tree(text: &mut String, data: &Value, depth: usize) {
    let indent = "  ".repeat(depth);
    let Some(object) = data.as_object() else { return };
    let width = object.keys().map(String::len).max().unwrap_or(0);
    for (key, value) in object {
        match value {
            Value::Object(_) => {
                let _infallible = writeln!(text, "{indent}{key}");
                tree(text, value, depth + 1);
            }
            Value::Array(rows) if rows.iter().any(Value::is_object) => {
                let _infallible = writeln!(text, "{indent}{key}");
                for row in rows {
                    let _infallible = writeln!(text, "{indent}  {}", words(row));
                }
            }
            Value::Null => {}
            other => {
                let _infallible = writeln!(text, "{indent}{key:width$}  {}", quantity(key, other));
            }
        }
    }
}

/// A row of a list inside an object. Steps speak for themselves, other rows name what they say.
fn words(row: &Value) -> String {
    if let (Some(at), Some(what)) = (row.get("at"), row.get("what")) {
        return format!("{:19}  {}", plain(at), plain(what));
    }
    let named = row.as_object().into_iter().flatten().filter(|(_, v)| !v.is_null());
    named.map(|(k, v)| format!("{k} {}", quantity(k, v))).collect::<Vec<_>>().join("  ")
}

/// A value with the unit that its key stands for, in full.
fn quantity(key: &str, value: &Value) -> String {
    let unit = match key {
        "energy" | "energy_total" | "start_register" | "end_register" => "kWh",
        "amount" | "electricity_total" | "service_total" | "electricity_amount" | "service_amount" => "yuan",
        _ => return plain(value),
    };
    let Some(number) = value.as_i64() else { return plain(value) };
    let sign = if number < 0 { "-" } else { "" };
    let number = number.unsigned_abs();
    format!("{sign}{}.{:04} {unit}", number / 10_000, number % 10_000)
}

/// The one screen of `depotctl status`.
pub(super) fn status(data: &Value) -> String {
    let mut text = String::new();
    let word = |path: &str| cell(data, path);
    let _infallible = writeln!(text, "{}  {}  depotd {}", word("code"), word("name"), word("version"));
    let _infallible = writeln!(
        text,
        "platform {}  {}   records waiting {}   time {} ({})",
        word("link.state"),
        word("link.address"),
        word("unsent_records"),
        word("time"),
        word("clock"),
    );
    let _infallible = writeln!(
        text,
        "tariff {}   {} cards (version {})   {} VINs (version {})   {} plates (version {})   open sessions {}\n",
        word("tariff"),
        word("card_list.count"),
        word("card_list.version"),
        word("vin_list.count"),
        word("vin_list.version"),
        word("plate_list.count"),
        word("plate_list.version"),
        word("open_sessions"),
    );
    if data["storage_ok"] == Value::Bool(false) {
        text.push_str("the database cannot be written: see alarms below and journalctl -u depotd\n\n");
    }
    text.push_str(&list(&data["connectors"], CONNECTORS));
    text.push_str("\nopen alarms\n");
    text.push_str(&list(&data["alarms"], ALARMS));
    text
}

fn cell(row: &Value, path: &str) -> String {
    let (path, unit) = path.split_once('|').unwrap_or((path, ""));
    let value = path.split('.').fold(row, |at, key| &at[key]);
    match (value.as_i64(), unit) {
        (Some(watts), "kW") => format!("{}.{} kW", watts / 1000, watts.abs() % 1000 / 100),
        (Some(energy), "kWh") => format!("{}.{:02} kWh", energy / 10_000, energy.abs() % 10_000 / 100),
        (Some(amount), "yuan") => format!("{}.{:04}", amount / 10_000, amount.abs() % 10_000),
        (Some(share), "permille") => format!("{}.{} %", share / 10, share % 10),
        (Some(0), "%") => "-".to_owned(), // no vehicle says so
        (Some(percent), "%") => format!("{percent} %"),
        (Some(us), "ms") => format!("{}.{}", us / 1000, us % 1000 / 100),
        (Some(polls), "minute") => format!("{}.{}", polls / 60, polls % 60 / 6),
        (Some(ms), "age") => age(ms / 1000),
        _ => plain(value),
    }
}

/// A duration in its two largest units.
fn age(seconds: i64) -> String {
    match seconds {
        ..60 => format!("{seconds} s"),
        60..3_600 => format!("{} min {} s", seconds / 60, seconds % 60),
        3_600..86_400 => format!("{} h {} min", seconds / 3_600, seconds / 60 % 60),
        86_400.. => format!("{} d {} h", seconds / 86_400, seconds / 3_600 % 24),
    }
}

fn plain(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => text.clone(),
        Value::Bool(yes) => (if *yes { "yes" } else { "no" }).to_owned(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn units_are_shown_as_people_read_them() {
        let row = json!({ "energy": 123_456, "power_w": 60_250, "amount": 146_790, "soc": null });
        assert_eq!(cell(&row, "energy|kWh"), "12.34 kWh");
        assert_eq!(cell(&row, "power_w|kW"), "60.2 kW");
        assert_eq!(cell(&row, "amount|yuan"), "14.6790");
        assert_eq!(cell(&row, "soc|%"), "-");
    }

    #[test]
    fn a_list_with_a_head_shows_both() {
        let cards =
            json!({ "version": 3, "count": 1, "cards": [{ "uid": "A40F2006", "status": "allowed" }] });
        let text = list(&cards, CARDS);
        assert!(text.starts_with("version 3, count 1\n"), "{text}");
        assert!(text.contains("A40F2006"), "{text}");
    }

    #[test]
    fn a_sheet_shows_quantities_with_their_units() {
        let sheet =
            json!({ "energy": 1600, "steps": [{ "at": "08:00:00", "what": "charging" }], "refusal": null });
        assert_eq!(one(&sheet), "energy   0.1600 kWh\nsteps\n  08:00:00             charging\n");
    }

    #[test]
    fn an_age_is_told_in_its_two_largest_units() {
        assert_eq!([59, 61, 7_260, 90_000].map(age), ["59 s", "1 min 1 s", "2 h 1 min", "1 d 1 h"]);
    }

    #[test]
    fn lines_have_two_tables_and_buses_one() {
        let rows = json!([
            { "kind": "rs485", "name": "rs485-1", "state": "open" },
            { "kind": "can", "name": "can-1", "state": "off", "bus": "off" },
        ]);
        let text = lines(&rows);
        let tables: Vec<&str> = text.split("\n\n").collect();
        assert_eq!(tables.len(), 3, "{text}");
        assert!(tables[..2].iter().all(|t| t.contains("rs485-1") && !t.contains("can-1")), "{text}");
        assert!(tables[2].contains("can-1") && tables[2].starts_with("BUS"), "{text}");
        let row = json!({ "polls_per_minute": 754 });
        assert_eq!(cell(&row, "polls_per_minute|minute"), "12.5");
        assert_eq!(lines(&json!([])), "none\n");
    }

    #[test]
    fn an_empty_list_says_so() {
        assert_eq!(list(&json!([]), AUDIT), "none\n");
    }
}
