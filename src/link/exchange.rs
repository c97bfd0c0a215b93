//! Several connections of one station seen as one: where each pile has its own.
//!
//! The station speaks to one link. Here what it says goes to the link of the pile that it is about, or to all, and what
//! the links say becomes one voice: the station is online while any of them is. A pile whose own link is away learns it
//! from that link, which answers its questions with "link lost".

use super::LinkStatus;
use crate::model::ident::DeviceCode;
use crate::model::message::{FromLink, ToLink};

/// Result of a pile register: unknown pile.
const UNKNOWN: u8 = 1;

/// Who is behind which link.
#[derive(Debug)]
pub struct Exchange {
    piles: Vec<DeviceCode>,
    online: Vec<bool>,
}

impl Exchange {
    /// One link per pile, in this order.
    #[must_use]
    pub fn new(piles: Vec<DeviceCode>) -> Exchange {
        Exchange { online: vec![false; piles.len()], piles }
    }

    /// Whose records and start results a link sends.
    #[must_use]
    pub fn pile(&self, link: usize) -> Option<DeviceCode> {
        self.piles.get(link).copied()
    }

    /// What the station says, and to which links.
    #[must_use]
    pub fn down(&self, message: ToLink) -> Vec<(usize, ToLink)> {
        match message {
            ToLink::Authorise(ticket, request) => {
                let link = self.link(request.connector.pile);
                link.map(|link| (link, ToLink::Authorise(ticket, request))).into_iter().collect()
            }
            ToLink::Realtime(realtime) => {
                let link = self.link(realtime.connector.pile);
                link.map(|link| (link, ToLink::Realtime(realtime))).into_iter().collect()
            }
            ToLink::BatteryHandshake(told) => {
                let link = self.link(told.connector.pile);
                link.map(|link| (link, ToLink::BatteryHandshake(told))).into_iter().collect()
            }
            ToLink::BatteryProgress(told) => {
                let link = self.link(told.connector.pile);
                link.map(|link| (link, ToLink::BatteryProgress(told))).into_iter().collect()
            }
            ToLink::Answer(ticket, answer) => {
                let (link, ticket) = self.own_ticket(ticket);
                vec![(link, ToLink::Answer(ticket, answer))]
            }
            all @ (ToLink::Forget(_)
            | ToLink::Queued(_)
            | ToLink::Settled(_)
            | ToLink::Facts(_)
            | ToLink::OpenAlarms(_)
            | ToLink::TellAlarms) => (0..self.piles.len()).map(|link| (link, all.clone())).collect(),
        }
    }

    /// What a link says, and what the station hears of it.
    #[must_use]
    pub fn up(&mut self, link: usize, message: FromLink) -> Vec<FromLink> {
        let was_online = self.is_online();
        match message {
            FromLink::Online { .. } => {
                self.set(link, true);
                if was_online { Vec::new() } else { vec![message] }
            }
            FromLink::Offline => {
                self.set(link, false);
                if self.is_online() { Vec::new() } else { vec![message] }
            }
            FromLink::LoginRefused(result) => {
                let pile = self.pile(link).filter(|_| result == UNKNOWN);
                let unknown = pile.map(|pile| FromLink::PileRegistered(pile, UNKNOWN));
                let refused = (!was_online).then_some(message);
                unknown.into_iter().chain(refused).collect()
            }
            FromLink::Command { ticket, device, command } => {
                vec![FromLink::Command { ticket: self.ticket(link, ticket), device, command }]
            }
            FromLink::Ready
            | FromLink::PlatformTime(_)
            | FromLink::Tariff(_)
            | FromLink::TariffConfirmed
            | FromLink::PileRegistered(..)
            | FromLink::Decision(..)
            | FromLink::AlarmsTold(_)
            | FromLink::Acknowledged(..) => vec![message],
        }
    }

    /// How they stand together: as the first one that is not online, if there is one.
    #[must_use]
    pub fn status(links: &[LinkStatus]) -> Option<LinkStatus> {
        const ONLINE: &str = "online";
        let worst = links.iter().find(|link| link.state != ONLINE).or(links.first())?;
        let heard = links.iter().filter_map(|link| link.heard).max();
        Some(LinkStatus { heard, ..worst.clone() })
    }

    fn is_online(&self) -> bool {
        self.online.contains(&true)
    }

    fn set(&mut self, link: usize, online: bool) {
        if let Some(known) = self.online.get_mut(link) {
            *known = online;
        }
    }

    fn link(&self, pile: DeviceCode) -> Option<usize> {
        self.piles.iter().position(|known| *known == pile)
    }

    /// Tickets of several links in one row of numbers.
    fn ticket(&self, link: usize, own: u64) -> u64 {
        own * self.links() + link as u64
    }

    fn own_ticket(&self, ticket: u64) -> (usize, u64) {
        ((ticket % self.links()) as usize, ticket / self.links())
    }

    fn links(&self) -> u64 {
        self.piles.len().max(1) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::command::{Answer, Command};
    use crate::model::message::{EntryId, Lane, Realtime};
    use std::time::Duration;

    fn pile(n: u8) -> DeviceCode {
        format!("4403060000000{n}").parse().unwrap()
    }

    fn three() -> Exchange {
        Exchange::new((1..=3).map(pile).collect())
    }

    fn online() -> FromLink {
        FromLink::Online {
            platform_time: None,
            telemetry_charging: Duration::from_secs(15),
            telemetry_idle: Duration::from_secs(300),
        }
    }

    #[test]
    fn the_station_is_online_while_any_pile_is() {
        let mut exchange = three();
        assert_eq!(exchange.up(1, online()).len(), 1);
        assert_eq!(exchange.up(2, online()), []);
        assert_eq!(exchange.up(1, FromLink::Offline), []);
        assert_eq!(exchange.up(2, FromLink::Offline), [FromLink::Offline]);
    }

    #[test]
    fn a_state_goes_to_its_pile_and_a_queued_message_to_all() {
        let exchange = three();
        let mut realtime = Realtime::default();
        realtime.connector.pile = pile(3);
        let told = exchange.down(ToLink::Realtime(realtime.clone()));
        assert_eq!(told, [(2, ToLink::Realtime(realtime))]);
        let queued = ToLink::Queued(EntryId { lane: Lane::Record, id: 7 });
        assert_eq!(exchange.down(queued).into_iter().map(|(link, _)| link).collect::<Vec<_>>(), [0, 1, 2]);
    }

    #[test]
    fn an_answer_finds_the_link_that_the_command_came_from() {
        let mut exchange = three();
        for (link, own) in [(0, 1), (2, 1), (1, 2)] {
            let command = FromLink::Command { ticket: own, device: pile(1), command: Command::SetTime(None) };
            let [FromLink::Command { ticket, .. }] = exchange.up(link, command)[..] else {
                panic!("no command")
            };
            let answer = Answer::UnknownDevice;
            assert_eq!(
                exchange.down(ToLink::Answer(ticket, answer.clone())),
                [(link, ToLink::Answer(own, answer))]
            );
        }
    }

    #[test]
    fn a_pile_that_the_platform_does_not_know_is_told_as_such() {
        let mut exchange = three();
        let unknown = FromLink::PileRegistered(pile(2), 1);
        assert_eq!(exchange.up(1, FromLink::LoginRefused(1)), [unknown.clone(), FromLink::LoginRefused(1)]);
        let _first = exchange.up(0, online());
        assert_eq!(exchange.up(1, FromLink::LoginRefused(1)), [unknown], "the others charge on");
    }

    #[test]
    fn one_pile_away_is_what_people_see() {
        let status = |state| LinkStatus { state, address: String::new(), tries: 0, heard: None };
        let seen = Exchange::status(&[status("online"), status("waiting"), status("online")]);
        assert_eq!(seen.map(|s| s.state), Some("waiting"));
    }
}
