//! The simulated depot in real time: each line a pseudo-terminal under a folder, the depot on the clock of the machine.

use super::depot::{Act, Depot};
use super::plan::Plan;
use super::pty::{Ear, Pty};
use crate::port::clock::{Clock, sleep_until};
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};

/// How often lines are given free after a daemon that was killed.
const RELEASE: Duration = Duration::from_millis(200);

/// What the one who runs the yard wants of it.
pub enum Want {
    /// Do this to the depot; what came of it.
    Act(Act, oneshot::Sender<Result<(), String>>),
    /// Look at the depot.
    Look(Box<dyn FnOnce(&mut Depot) + Send>),
}

/// Opens the lines and the CAN adapters of a plan under a folder.
pub fn open(plan: &Plan, folder: &Path) -> io::Result<Vec<(Pty, Ear)>> {
    let cans = plan.cans.iter().map(|can| &can.name);
    plan.lines.iter().map(|line| &line.name).chain(cans).map(|name| Pty::open(&folder.join(name))).collect()
}

/// Runs until nobody wants anything any more. What people do is told to `events`, one line each.
pub async fn run(
    mut depot: Depot,
    lines: Vec<(Pty, Ear)>,
    mut wants: mpsc::Receiver<Want>,
    events: mpsc::UnboundedSender<String>,
    clock: Arc<Clock>,
) {
    let (octets, mut written) = mpsc::channel(64);
    let (mut lines, ears): (Vec<Pty>, Vec<Ear>) = lines.into_iter().unzip();
    for (index, ear) in ears.into_iter().enumerate() {
        tokio::spawn(listen(index, ear, octets.clone()));
    }
    let mut release = tokio::time::interval(RELEASE);
    loop {
        let wake = depot.wake_at();
        tokio::select! {
            Some((line, read)) = written.recv() => {
                let read: Vec<u8> = read;
                depot.written(clock.now().mono, line, &read);
            }
            want = wants.recv() => match want {
                Some(Want::Act(act, answer)) => drop(answer.send(depot.act(clock.now().mono, act))),
                Some(Want::Look(look)) => look(&mut depot),
                None => return,
            },
            _ = release.tick() => lines.iter_mut().for_each(Pty::release),
            () = sleep_until(&clock, wake) => {}
        }
        let now = clock.now().mono;
        depot.advance(now);
        for (index, line) in lines.iter_mut().enumerate() {
            while let Some(answer) = depot.take(now, index) {
                line.write(&answer).await;
            }
        }
        for (_, event) in depot.events.drain(..) {
            drop(events.send(event));
        }
    }
}

async fn listen(index: usize, mut line: Ear, octets: mpsc::Sender<(usize, Vec<u8>)>) {
    let mut buffer = [0; 512];
    while let Ok(count) = line.read(&mut buffer).await {
        if octets.send((index, buffer[..count].to_vec())).await.is_err() {
            return;
        }
    }
}
