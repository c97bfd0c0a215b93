//! While buses charge: signals, upkeep, and the end of a loop that nobody asked to end.

use super::start::Running;
use super::{Error, reload};
use crate::config::Config;
use crate::port::signal::{Asked, Signals};
use crate::task::{Fatal, store::Ask};
use std::path::Path;
use std::time::Duration;

/// How often the clock's trust and old rows are looked at.
const UPKEEP: Duration = Duration::from_secs(30);

/// Runs until somebody asks for the end. An error means that the station ended by itself.
pub(super) async fn until_stopped(
    config: &mut Config,
    file: &Path,
    signals: &mut Signals,
    running: &mut Running,
) -> Result<(), Error> {
    let mut upkeep = tokio::time::interval(UPKEEP);
    loop {
        tokio::select! {
            asked = signals.next() => match asked {
                Asked::Stop => return Ok(()),
                Asked::Reload => reload::reload(config, file, &running.calls).await,
            },
            _ = upkeep.tick() => {
                running.clock.judge();
                let (now, keep) = (running.clock.now().wall, config.store.keep_records);
                drop(running.asks.try_send(Ask::Prune(now, keep)));
            }
            ended = &mut running.station => {
                let why = match ended {
                    Ok(Ok(())) => "the station loop ended".to_owned(),
                    Ok(Err(Fatal(why))) => why,
                    Err(error) => format!("the station loop broke: {error}"),
                };
                return Err(Error::Fatal(why));
            }
        }
    }
}
