//! SIGHUP: the file is read and checked again; only a good one counts, and sessions are not disturbed.

use super::build;
use crate::config::{self, Config};
use crate::task::station::Call;
use std::path::Path;
use tokio::sync::mpsc;

/// Takes over what can change while buses charge: rules of offline charging, what an orderly stop does, how long
/// records are kept. Everything else needs a restart, which leaves sessions charging and adopts them.
pub(super) async fn reload(config: &mut Config, file: &Path, station: &mpsc::Sender<Call>) {
    let shown = file.display();
    let fresh = match read(file) {
        Ok(fresh) => fresh,
        Err(problems) => {
            for problem in problems {
                tracing::error!("{shown}:{problem}");
            }
            tracing::error!("{shown}: not taken over; the station goes on as before");
            return;
        }
    };
    config.offline = fresh.offline.clone();
    config.stop = fresh.stop;
    config.store.keep_records = fresh.store.keep_records;
    drop(station.send(Call::Offline(build::offline(&config.offline))).await);
    if *config == fresh {
        tracing::info!("{shown}: taken over");
    } else {
        tracing::warn!(
            "{shown}: rules taken over; lines, devices, uplink and pages change at the next restart"
        );
    }
}

fn read(file: &Path) -> Result<Config, Vec<String>> {
    let text = std::fs::read_to_string(file).map_err(|e| vec![format!(" {e}")])?;
    let folder = file.parent().unwrap_or(Path::new("."));
    config::load(&text, &|name| std::fs::read_to_string(folder.join(name)))
        .map_err(|all| all.iter().map(ToString::to_string).collect())
}
