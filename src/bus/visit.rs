//! Somebody who comes to the line with questions of a person, and leaves when they are asked.
//!
//! A guest is served like a device, in its class; it has no health, its counters are nobody's, and it never reports to the
//! station: what it learns it tells by itself. There is one at a time, only on an open line. A guest that speaks to a
//! device of the line shares the debt of that one: neither is asked while a late answer to the other may come.

use super::device::{Device, GUEST};
use super::{Line, State};
use crate::driver::Driver;
use crate::model::ident::DeviceId;
use crate::model::time::Instant;

impl Line {
    /// Lets somebody in. On a line that is not open, or with a guest already there, the visitor is dropped.
    pub(super) fn visited(&mut self, driver: Box<dyn Driver>, host: Option<DeviceId>) {
        let is_open = !matches!(self.state, State::Closed { .. } | State::Opening);
        if is_open && self.guest().is_none() {
            self.devices.push(Device::guest(driver, host));
        }
    }

    /// Shows a guest out that has nothing more to ask.
    pub(super) fn see_off(&mut self) {
        if self.guest().is_some_and(|guest| self.devices[guest].is_leaving()) {
            self.dismiss();
        }
    }

    /// Shows a guest out, whatever it still wanted; never while its question is open.
    pub(super) fn dismiss(&mut self) {
        let Some(guest) = self.guest() else { return };
        self.devices.truncate(guest);
        self.last_asked = self.last_asked.filter(|last| *last < guest);
        self.lapse = self.lapse.filter(|lapse| lapse.device < guest);
    }

    /// The devices of the configuration.
    pub(super) fn residents(&self) -> &[Device] {
        &self.devices[..self.guest().unwrap_or(self.devices.len())]
    }

    /// Until then a late answer to its host may come.
    pub(super) fn host_owes_until(&self, device: &Device) -> Instant {
        let host = device.visit.and_then(|visit| visit.host);
        let host = host.and_then(|id| self.devices.iter().find(|d| d.id == id));
        host.map_or(Instant::default(), |host| host.owes_until)
    }

    /// What a guest is owed, its host is taken to owe.
    pub(super) fn share_debt(&mut self, index: usize) {
        let device = &self.devices[index];
        let (until, host) = (device.owes_until, device.visit.and_then(|visit| visit.host));
        if let Some(host) = self.devices.iter_mut().find(|d| Some(d.id) == host) {
            host.owe_for_guest(until);
        }
    }

    /// A guest is always the last of the devices.
    fn guest(&self) -> Option<usize> {
        self.devices.last().filter(|last| last.id == GUEST).map(|_| self.devices.len() - 1)
    }
}
