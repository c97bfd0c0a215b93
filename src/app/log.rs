//! Where the log goes: to the journal with fields under systemd, else to stderr.

use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// Starts the log. `DEPOTD_LOG` sets the level (for example `debug` or `depotd::link=trace`); `NO_COLOR` is honoured.
pub fn start() {
    let filter = EnvFilter::try_from_env("DEPOTD_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    if std::env::var_os("JOURNAL_STREAM").is_some()
        && let Ok(journal) = tracing_journald::layer()
    {
        tracing_subscriber::registry()
            .with(filter)
            .with(journal.with_field_prefix(Some("DEPOTD".to_owned())))
            .init();
        return;
    }
    let color =
        std::env::var_os("NO_COLOR").is_none() && std::io::IsTerminal::is_terminal(&std::io::stderr());
    let text =
        tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_ansi(color).with_target(false);
    tracing_subscriber::registry().with(filter).with(text).init();
}
