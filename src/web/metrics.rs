//! Prometheus text at `/metrics`, where the configuration says: how the station and its lines stand.
//!
//! Names follow the Prometheus conventions: base units, `_total` for counters. Nothing here names a card or a vehicle.

use crate::control::desk::Desk;
use crate::control::{Answer, Ask};
use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde_json::Value;
use std::fmt::Write as _;
use tokio::net::TcpListener;

/// Counters of a device on a line, as its status names them, and their help.
const COUNTERS: [(&str, &str); 10] = [
    ("sent", "Questions sent, repetitions included."),
    ("answered", "Questions answered."),
    ("timeouts", "Sendings without an answer in time."),
    ("retries", "Repetitions."),
    ("unanswered", "Questions given up, repetitions included."),
    ("busy", "Answers that asked for patience."),
    ("foreign_question", "Well-formed answers to another question."),
    ("stale", "Answers discarded that were late or answered another question."),
    ("noise_octets", "Octets that belonged to no frame."),
    ("late_octets", "Octets that came after their time-out and were discarded."),
];

/// Counters of a CAN bus, as its status names them, and their help.
const BUS_COUNTERS: [(&str, &str); 6] = [
    ("received", "Frames heard."),
    ("sent", "Frames sent."),
    ("unsent", "Frames that could not be sent."),
    ("dropped", "Frames lost between the bus and the daemon."),
    ("errors", "Errors of the bus."),
    ("bus_off", "Times off the bus."),
];

/// Serves until the program ends.
pub async fn serve(listener: TcpListener, desk: Desk) {
    let router = Router::new().route("/metrics", get(metrics)).with_state(desk);
    if let Err(error) = axum::serve(listener, router).await {
        tracing::error!(%error, "the metrics ended");
    }
}

async fn metrics(State(desk): State<Desk>) -> Response {
    let (status, lines) = (desk.answer(Ask::Status).await, desk.answer(Ask::Lines).await);
    match (status, lines) {
        (Answer::Good { data: status }, Answer::Good { data: lines }) => {
            let kind = [(header::CONTENT_TYPE, "text/plain; version=0.0.4")];
            (kind, text(&status, &lines)).into_response()
        }
        _ => (StatusCode::SERVICE_UNAVAILABLE, "the daemon is ending").into_response(),
    }
}

/// The exposition of one moment.
fn text(status: &Value, lines: &Value) -> String {
    let mut out = Exposition::default();
    let online = i64::from(status["link"]["online"] == Value::Bool(true));
    out.gauge("uplink_online", "A login to the platform is in force.", &[], online);
    out.gauge("unsent_records", "Records that the platform does not have.", &[], &status["unsent_records"]);
    out.gauge("open_sessions", "Sessions not yet closed.", &[], &status["open_sessions"]);
    for (number, level) in [(1, "1"), (2, "2"), (3, "3")] {
        let of_level = |alarm: &&Value| alarm["level"].as_u64() == Some(number);
        let alarms = status["alarms"].as_array().map_or(0, |all| all.iter().filter(of_level).count());
        out.gauge("open_alarms", "Open alarms by level.", &[("level", level)], alarms);
    }
    for gun in status["connectors"].as_array().into_iter().flatten() {
        let label = [("connector", gun["connector"].as_str().unwrap_or_default())];
        out.gauge("connector_power_watts", "Output power.", &label, gun["power_w"].as_i64().unwrap_or(0));
        let register = gun["register"].as_i64().map(|r| format!("{}.{:04}", r / 10_000, r % 10_000));
        if let Some(register) = register {
            out.gauge(
                "meter_register_kilowatt_hours",
                "Register of the connector's meter.",
                &label,
                register,
            );
        }
    }
    for line in lines.as_array().into_iter().flatten() {
        let name = line["name"].as_str().unwrap_or_default();
        let used = line["use_permille"].as_i64().unwrap_or(0);
        let used = format!("{}.{:03}", used / 1000, used % 1000);
        out.gauge("line_use_ratio", "Share of wire time in use.", &[("line", name)], used);
        if line["kind"] == "rs485" {
            let up = i64::from(line["state"] == "open");
            out.gauge("line_up", "The port is open and somebody answers.", &[("line", name)], up);
            let polls = line["polls_per_minute"].as_i64().unwrap_or(0);
            let polls = format!("{}.{:03}", polls / 60, polls % 60 * 1000 / 60);
            out.gauge("line_polls_per_second", "Answered questions a second.", &[("line", name)], polls);
            let stray = line["stray_octets"].as_u64().unwrap_or(0);
            let help = "Octets that came while nothing was asked.";
            out.sample("line_stray_octets_total", "counter", help, &[("line", name)], stray);
        }
        if line["kind"] == "can" {
            let up = i64::from(line["state"] == "open");
            out.gauge("can_up", "The bus can be spoken on.", &[("line", name)], up);
            for (counter, help) in BUS_COUNTERS {
                let count = line["counters"][counter].as_u64().unwrap_or(0);
                out.sample(&format!("can_{counter}_total"), "counter", help, &[("line", name)], count);
            }
        }
        for device in line["devices"].as_array().into_iter().flatten() {
            let label = [("line", name), ("device", device["name"].as_str().unwrap_or_default())];
            let good = i64::from(matches!(device["link"].as_str(), Some("good" | "degraded")));
            out.gauge("device_up", "The device answers.", &label, good);
            for (quantile, key) in [("0.5", "p50_us"), ("0.95", "p95_us"), ("0.99", "p99_us")] {
                if let Some(us) = device["round_trip"][key].as_u64() {
                    let (help, label) =
                        ("From a question to its answer.", [label[0], label[1], ("quantile", quantile)]);
                    let seconds = format!("{}.{:06}", us / 1_000_000, us % 1_000_000);
                    out.gauge("device_round_trip_seconds", help, &label, seconds);
                }
            }
            let since = device["link_for_ms"].as_u64().map_or(0, |ms| ms / 1_000);
            out.gauge("device_link_age_seconds", "Since the device's link changed.", &label, since);
            for (counter, help) in COUNTERS {
                if let Some(count) = device["counters"][counter].as_u64() {
                    out.sample(&format!("device_{counter}_total"), "counter", help, &label, count);
                }
            }
        }
    }
    out.finish()
}

/// Samples grouped by metric, as the format wants them.
#[derive(Default)]
struct Exposition {
    metrics: Vec<(String, String)>,
}

impl Exposition {
    fn gauge(&mut self, name: &str, help: &str, labels: &[(&str, &str)], value: impl std::fmt::Display) {
        self.sample(name, "gauge", help, labels, value);
    }

    fn sample(
        &mut self,
        name: &str,
        kind: &str,
        help: &str,
        labels: &[(&str, &str)],
        value: impl std::fmt::Display,
    ) {
        let at = self.metrics.iter().position(|(known, _)| known == name).unwrap_or_else(|| {
            let head = format!("# HELP depotd_{name} {help}\n# TYPE depotd_{name} {kind}\n");
            self.metrics.push((name.to_owned(), head));
            self.metrics.len() - 1
        });
        let labels: Vec<String> =
            labels.iter().map(|(key, text)| format!("{key}=\"{}\"", escaped(text))).collect();
        let labels = if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
        let _infallible = writeln!(self.metrics[at].1, "depotd_{name}{labels} {value}");
    }

    fn finish(self) -> String {
        self.metrics.into_iter().map(|(_, text)| text).collect()
    }
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn samples_of_one_metric_stand_together_under_one_head() {
        let status = json!({
            "link": { "online": true }, "unsent_records": 3, "open_sessions": 1, "alarms": [{ "level": 2 }, { "level": 2 }],
            "connectors": [{ "connector": "44030000010001/1", "power_w": 60_000, "register": 123_456 }],
        });
        let device = |name: &str| json!({ "name": name, "link": "good", "counters": { "sent": 7 } });
        let lines = json!([{ "name": "rs485-1", "use_permille": 512, "devices": [device("meter-1"), device("meter-2")] }]);
        let bus = json!([{ "kind": "can", "name": "can-1", "state": "off", "counters": { "bus_off": 2 } }]);
        let buses = text(&status, &bus);
        assert!(buses.contains("depotd_can_up{line=\"can-1\"} 0\n"), "{buses}");
        assert!(buses.contains("depotd_can_bus_off_total{line=\"can-1\"} 2\n"), "{buses}");
        let text = text(&status, &lines);
        assert!(text.contains("depotd_uplink_online 1\n"));
        assert!(text.contains("depotd_open_alarms{level=\"2\"} 2\n"), "{text}");
        assert!(
            text.contains("depotd_meter_register_kilowatt_hours{connector=\"44030000010001/1\"} 12.3456\n")
        );
        assert!(text.contains("depotd_line_use_ratio{line=\"rs485-1\"} 0.512\n"));
        assert_eq!(text.matches("# TYPE depotd_device_sent_total counter").count(), 1);
        assert_eq!(text.matches("depotd_device_sent_total{").count(), 2);
    }
}
