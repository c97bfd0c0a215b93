//! The station in one line, for `systemctl status`.

use crate::port::systemd;
use crate::station::Status;
use crate::task::station::Call;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};

/// How often the line is told anew.
const PERIOD: Duration = Duration::from_secs(10);

/// Tells the service manager how the station stands, until the station ends.
pub(super) async fn run(name: String, has_platform: bool, station: mpsc::Sender<Call>) {
    let mut tick = tokio::time::interval(PERIOD);
    loop {
        tick.tick().await;
        let (answer, answered) = oneshot::channel();
        if station.send(Call::Status(answer)).await.is_err() {
            return;
        }
        let Ok(status) = answered.await else { return };
        systemd::status(&line(&name, has_platform, &status));
    }
}

fn line(name: &str, has_platform: bool, status: &Status) -> String {
    let platform = match (has_platform, status.link.online) {
        (false, _) => "no platform",
        (true, true) => "platform online",
        (true, false) => "platform offline",
    };
    let store = if status.storage_ok { "" } else { "; THE STORE FAILS" };
    format!(
        "{name}: {platform}; {}, {}; {} waiting; {}{store}",
        count(status.connectors.len(), "connector"),
        count(status.open_sessions, "open session"),
        count(usize::try_from(status.unsent_records).unwrap_or(usize::MAX), "record"),
        count(status.alarms.len(), "alarm"),
    )
}

fn count(number: usize, what: &str) -> String {
    match number {
        0 => format!("no {what}s"),
        1 => format!("1 {what}"),
        _ => format!("{number} {what}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ident::DeviceCode;
    use crate::model::time::ClockTrust;
    use crate::station::{LinkStatus, ListStatus};

    #[test]
    fn the_line_says_what_an_operator_asks_first() {
        let mut status = Status {
            code: DeviceCode::default(),
            link: LinkStatus { online: true },
            unsent_records: 0,
            time: None,
            clock: ClockTrust::None,
            tariff: 0,
            card_list: ListStatus { version: 0, count: 0, age: None },
            vin_list: ListStatus { version: 0, count: 0, age: None },
            plate_list: ListStatus { version: 0, count: 0, age: None },
            departures: 0,
            open_sessions: 2,
            storage_ok: true,
            connectors: Vec::new(),
            alarms: Vec::new(),
        };
        assert_eq!(
            line("Futian", true, &status),
            "Futian: platform online; no connectors, 2 open sessions; no records waiting; no alarms"
        );
        status.link.online = false;
        status.unsent_records = 1;
        status.storage_ok = false;
        assert_eq!(
            line("Futian", true, &status),
            "Futian: platform offline; no connectors, 2 open sessions; 1 record waiting; no alarms; THE STORE FAILS"
        );
        assert!(line("Futian", false, &status).starts_with("Futian: no platform; "));
    }
}
