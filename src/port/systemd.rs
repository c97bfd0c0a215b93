//! What the service manager is told, and the one thing that it is asked. Without `NOTIFY_SOCKET` nothing is sent.

use std::process::Stdio;
use std::time::Duration;
use systemd::daemon;
use tokio::process::Command;

/// The service manager has so long to answer.
const PATIENCE: Duration = Duration::from_millis(1_500);

/// The program is ready: configuration good, store open and recovered.
pub fn ready(status: &str) {
    tell(&[("READY", "1"), ("STATUS", status)]);
}

/// A line for `systemctl status`.
pub fn status(status: &str) {
    tell(&[("STATUS", status)]);
}

/// The program ends in order.
pub fn stopping() {
    tell(&[("STOPPING", "1"), ("STATUS", "ending")]);
}

/// Every task made progress.
pub fn alive() {
    tell(&[("WATCHDOG", "1")]);
}

/// How often [`alive`] must be said, if the service manager watches.
#[must_use]
pub fn watchdog_period() -> Option<Duration> {
    match daemon::watchdog_enabled() {
        Ok(0) | Err(_) => None,
        Ok(microseconds) => Some(Duration::from_micros(microseconds)),
    }
}

/// Whether we are stopped only to be started again at once: there is a job for it while `systemctl restart` or the upgrade
/// of the package runs. `false` when the service manager does not say so in time, or did not start us.
pub async fn is_restarting() -> bool {
    if std::env::var_os("INVOCATION_ID").is_none() {
        return false;
    }
    let groups = std::fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let Some(unit) = unit(&groups) else { return false };
    // jobs, and not the unit's own state, tell a stop from a restart; the tool speaks every version's protocol
    let mut command = Command::new("systemctl");
    command.args(["list-jobs", "--plain", "--no-legend", "--no-pager", "--", unit]);
    command.stdin(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
    match tokio::time::timeout(PATIENCE, command.output()).await {
        Ok(Ok(said)) => is_restart(&String::from_utf8_lossy(&said.stdout), unit),
        Ok(Err(_)) | Err(_) => false,
    }
}

/// The service that a process belongs to, from its control groups (version 2).
fn unit(groups: &str) -> Option<&str> {
    let path = groups.lines().find_map(|line| line.strip_prefix("0::"))?;
    path.rsplit('/').find(|part| part.ends_with(".service"))
}

/// Whether a list of jobs (`NUMBER UNIT TYPE STATE`) has a restart of this unit.
fn is_restart(jobs: &str, unit: &str) -> bool {
    jobs.lines().any(|line| {
        let mut words = line.split_ascii_whitespace().skip(1);
        words.next() == Some(unit) && words.next().is_some_and(|kind| kind.ends_with("restart"))
    })
}

/// A service manager that does not listen is its own trouble, not ours: the outcome is dropped on purpose.
fn tell(state: &[(&str, &str)]) {
    drop(daemon::notify(state.iter()));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_restart_is_told_from_a_stop_by_the_job_of_our_unit() {
        let jobs = "1721 other.service restart waiting\n1720 depotd.service stop running\n";
        assert!(!is_restart(jobs, "depotd.service"));
        assert!(is_restart(jobs, "other.service"));
        assert!(is_restart("1722 depotd.service restart running\n", "depotd.service"));
        assert!(!is_restart("No jobs listed.\n", "depotd.service"));
    }

    #[test]
    fn the_unit_is_the_innermost_service_of_our_control_group() {
        assert_eq!(unit("0::/system.slice/depotd.service\n"), Some("depotd.service"));
        assert_eq!(
            unit("12:pids:/x.service\n0::/system.slice/depot@2.service/sub\n"),
            Some("depot@2.service")
        );
        assert_eq!(unit("0::/user.slice/user-0.slice/session-1.scope\n"), None);
    }
}
