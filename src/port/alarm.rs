//! A timer of the kernel for those who need more than milliseconds.
//!
//! The runtime's timers count in milliseconds and round up. At 9600 baud a millisecond is a character on the wire and a
//! quarter of the silent gap, and every question of a line would leave that much late.

use super::clock::{Clock, sleep_until};
use crate::model::time::Instant;
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create, timerfd_settime,
};
use std::io;
use std::os::fd::OwnedFd;
use tokio::io::unix::AsyncFd;

/// Rings at one moment after the other. Where the kernel has no timer left, the runtime's takes its place.
#[derive(Debug)]
pub struct Alarm(Option<AsyncFd<OwnedFd>>);

impl Default for Alarm {
    fn default() -> Alarm {
        Alarm::new()
    }
}

impl Alarm {
    /// An alarm that is not set. Must be called inside the runtime.
    #[must_use]
    pub fn new() -> Alarm {
        Alarm(Alarm::open().ok())
    }

    #[expect(
        deprecated,
        reason = "its successor is unsafe for descriptors that others may close; an OwnedFd is ours"
    )]
    fn open() -> io::Result<AsyncFd<OwnedFd>> {
        let timer =
            timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC)?;
        AsyncFd::new(timer)
    }

    /// Waits until then, to the microsecond; for ever without a moment. One that is not waited for to the end is
    /// forgotten with the next call.
    pub async fn at(&self, clock: &Clock, at: Option<Instant>) {
        match (&self.0, at) {
            (Some(timer), Some(moment)) if ring(timer, clock, moment).await.is_ok() => {}
            (Some(_) | None, _) => sleep_until(clock, at).await,
        }
    }
}

async fn ring(timer: &AsyncFd<OwnedFd>, clock: &Clock, at: Instant) -> io::Result<()> {
    let wait = at.since(clock.now().mono);
    if wait.is_zero() {
        return Ok(());
    }
    let value = Timespec::try_from(wait).map_err(|_| io::ErrorKind::InvalidInput)?;
    let once = Itimerspec { it_interval: Timespec::default(), it_value: value };
    timerfd_settime(timer, TimerfdTimerFlags::empty(), &once)?;
    loop {
        let mut rang = timer.readable().await?;
        // setting it again took back what an earlier setting had left to be read
        if let Ok(read) = rang.try_io(|timer| Ok(rustix::io::read(timer, &mut [0; 8])?)) {
            return read.map(drop);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[tokio::test]
    async fn it_rings_at_its_moment_and_not_before() {
        let (clock, alarm) = (Clock::new(), Alarm::new());
        for wait_us in [300, 1_700, 4_011] {
            let at = clock.now().mono + Duration::from_micros(wait_us);
            alarm.at(&clock, Some(at)).await;
            assert!(clock.now().mono >= at);
        }
        alarm.at(&clock, Some(Instant(0))).await;
    }

    #[tokio::test]
    async fn an_alarm_that_nobody_waited_for_does_not_ring_for_the_next() {
        let (clock, alarm) = (Clock::new(), Alarm::new());
        let soon = clock.now().mono + Duration::from_millis(2);
        let dropped = tokio::time::timeout(Duration::from_micros(1), alarm.at(&clock, Some(soon))).await;
        drop(dropped);
        tokio::time::sleep(Duration::from_millis(5)).await;
        let later = clock.now().mono + Duration::from_millis(20);
        alarm.at(&clock, Some(later)).await;
        assert!(clock.now().mono >= later, "the first setting is forgotten");
    }
}
