//! When the platform hears what a vehicle says of its battery (0206, 0207; platform-222.md 8): who it is once per
//! session and once more after a login during it, how it charges every 15 s. How it ended (0208) goes with the record of
//! the session.

use super::connector::Gun;
use super::{Action, Station};
use crate::model::message::{BatteryHandshake, BatteryProgress, ToLink};
use crate::model::session::ConnectorState;
use crate::model::time::{Instant, Now};
use std::time::Duration;

/// Parameter 0013.
const PERIOD: Duration = Duration::from_secs(15);

/// What the platform heard of the battery at a gun since the session began and since the newest login.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Told {
    handshake: bool,
    /// When progress is told again; `None` = it was not told yet.
    due: Option<Instant>,
}

impl Station {
    /// Tells what is due of the battery at a gun.
    pub(super) fn tell_battery(&mut self, now: Now, gun: usize, out: &mut Vec<Action>) {
        if !self.guns[gun].has_charged() || !self.link.online {
            self.guns[gun].battery = Told::default();
            return;
        }
        let (connector, (state, txn)) = (self.guns[gun].config.id, self.guns[gun].state());
        let Gun { vehicle, battery, .. } = &mut self.guns[gun];
        if let Some(handshake) = vehicle.handshake().filter(|_| !battery.handshake).cloned() {
            battery.handshake = true;
            let words = Box::new(BatteryHandshake { txn, connector, handshake });
            out.push(Action::Link(ToLink::BatteryHandshake(words)));
        }
        if battery.is_due(now, state) {
            // a vehicle that is not heard any more is told of as soon as it is heard again
            battery.due = vehicle.progress().map(|_| now.mono + PERIOD);
            if let Some(progress) = vehicle.progress().cloned() {
                let words = Box::new(BatteryProgress { txn, connector, progress });
                out.push(Action::Link(ToLink::BatteryProgress(words)));
            }
        }
    }

    /// When the next word of a vehicle is due.
    pub(super) fn battery_wake(&self) -> Option<Instant> {
        let due = |gun: &Gun| gun.battery.due.filter(|_| charges(gun.state().0));
        self.guns.iter().filter_map(due).min()
    }
}

impl Told {
    fn is_due(&self, now: Now, state: ConnectorState) -> bool {
        charges(state) && self.due.is_none_or(|due| due <= now.mono)
    }
}

impl Gun {
    /// A session runs here that came to output, and the platform was told so.
    fn has_charged(&self) -> bool {
        self.running().is_some_and(|r| r.session.has_charged() && r.session.start_is_told())
    }
}

fn charges(state: ConnectorState) -> bool {
    match state {
        ConnectorState::Charging | ConnectorState::Paused => true,
        ConnectorState::Unknown
        | ConnectorState::Idle
        | ConnectorState::Plugged
        | ConnectorState::Authorising
        | ConnectorState::Starting
        | ConnectorState::Stopping
        | ConnectorState::Finished
        | ConnectorState::Faulted
        | ConnectorState::OutOfService => false,
    }
}
