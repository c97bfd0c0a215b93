//! Answers of the daemon as text for a terminal.

use super::table::{Table, terminal_width};
use super::{Exit, Failure};
use serde_json::Value;
use std::fmt::Write as _;
use std::io::Write as _;

/// Column heads and where their cells are found: a path of keys, dots between.
pub(super) type Columns = &'static [(&'static str, &'static str)];

pub(super) const CONNECTORS: Columns = &[
    ("connector", "connector"),
    ("state", "state"),
    ("power", "power_w|kW"),
    ("energy", "energy|kWh"),
    ("soc", "soc|%"),
    ("card", "card"),
    ("since", "since"),
    ("txn", "txn"),
];
pub(super) const DEVICES: Columns = &[
    ("name", "name"),
    ("line", "line"),
    ("address", "address"),
    ("link", "health.link"),
    ("asked", "health.asked"),
    ("answered", "health.answered"),
    ("timeouts", "health.timeouts"),
    ("foreign", "health.foreign"),
    ("mean ms", "health.mean_ms"),
    ("since s", "health.since_s"),
];
pub(super) const LINES: Columns = &[
    ("line", "name"),
    ("state", "state"),
    ("use", "used_permille|permille"),
    ("asked", "asked"),
    ("answered", "answered"),
    ("timeouts", "timeouts"),
    ("retries", "retries"),
    ("noise", "noise_octets"),
    ("foreign", "foreign"),
    ("late", "late_octets"),
    ("reopened", "reopened"),
];
pub(super) const SESSIONS: Columns =
    &[("txn", "txn"), ("connector", "connector"), ("phase", "phase"), ("open", "open"), ("at", "at")];
pub(super) const RECORDS: Columns = &[
    ("number", "number"),
    ("txn", "txn"),
    ("connector", "connector"),
    ("start", "start"),
    ("end", "end"),
    ("energy", "energy|kWh"),
    ("amount", "amount|yuan"),
    ("state", "state"),
    ("reason", "reason"),
];
pub(super) const QUEUE: Columns =
    &[("lane", "lane"), ("id", "id"), ("txn", "txn"), ("state", "state"), ("why", "why")];
pub(super) const CARDS: Columns = &[
    ("uid", "uid"),
    ("account", "account"),
    ("status", "status"),
    ("group", "group"),
    ("at once", "max_concurrent"),
    ("valid until", "valid_until"),
];
pub(super) const ALARMS: Columns = &[
    ("code", "code"),
    ("level", "level"),
    ("subject", "subject"),
    ("since", "since"),
    ("what", "text"),
    ("告警", "text_zh"),
];
pub(super) const AUDIT: Columns = &[("at", "at"), ("who", "who"), ("what", "what")];

/// A JSON document for programs.
pub(super) fn document(data: &Value) -> String {
    serde_json::to_string_pretty(data).unwrap_or_default() + "\n"
}

/// Rows as a table fitted to the terminal.
pub(super) fn list(data: &Value, columns: Columns) -> String {
    // Lists with a head (the card list with its version) carry their rows under `rows`.
    let rows = data.as_array().or_else(|| data["rows"].as_array());
    let mut table = Table::new(&columns.iter().map(|(head, _)| *head).collect::<Vec<_>>());
    for row in rows.into_iter().flatten() {
        table.row(columns.iter().map(|(_, path)| cell(row, path)).collect());
    }
    let mut text = String::new();
    if let Some(head) = data.as_object() {
        let words: Vec<String> =
            head.iter().filter(|(k, _)| *k != "rows").map(|(k, v)| format!("{k} {}", plain(v))).collect();
        let _infallible = writeln!(text, "{}", words.join(", "));
    }
    text + &if table.is_empty() { "none\n".to_owned() } else { table.fit(terminal_width()) }
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
                    let words: Vec<String> = row
                        .as_object()
                        .into_iter()
                        .flatten()
                        .filter(|(_, v)| !v.is_null())
                        .map(|(k, v)| format!("{k} {}", plain(v)))
                        .collect();
                    let _infallible = writeln!(text, "{indent}  {}", words.join("  "));
                }
            }
            Value::Null => {}
            other => {
                let _infallible = writeln!(text, "{indent}{key:width$}  {}", plain(other));
            }
        }
    }
}

/// The one screen of `depotctl status`.
pub(super) fn status(data: &Value) -> String {
    let mut text = String::new();
    let word = |path: &str| cell(data, path);
    let _infallible = writeln!(text, "{}  {}  depotd {}", word("code"), word("name"), word("version"));
    let link = if data["link"]["online"] == Value::Bool(true) { "online" } else { "offline" };
    let _infallible = writeln!(
        text,
        "platform  {link} ({})  {}   records waiting {}   time {} ({})",
        word("link.state"),
        word("link.address"),
        word("unsent_records"),
        word("time"),
        word("clock"),
    );
    let _infallible = writeln!(
        text,
        "tariff {}   card list version {} with {} cards   open sessions {}\n",
        word("tariff"),
        word("card_list.version"),
        word("card_list.count"),
        word("open_sessions"),
    );
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
        (Some(percent), "%") => format!("{percent} %"),
        _ => plain(value),
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

/// Writes to stdout; a closed pipe is no fault.
pub(super) fn print(text: &str) -> Result<(), Failure> {
    match std::io::stdout().lock().write_all(text.as_bytes()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Failure::new(Exit::Io, format_args!("standard output: {error}")))
        }
        _ => Ok(()),
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
    fn an_empty_list_says_so() {
        assert_eq!(list(&json!([]), AUDIT), "none\n");
    }
}
