//! Several links behind one: what the station says goes to the right one, what the store reads to the one that asked.

use super::store::{Ask, Done};
use super::{IDLE_TURN, INBOX, Pulse};
use crate::link::{Exchange, LinkStatus};
use crate::model::message::{FromLink, ToLink};
use std::collections::VecDeque;
use tokio::sync::{mpsc, watch};

/// One link as the exchange reaches it.
pub struct Way {
    /// To the link.
    pub messages: mpsc::Sender<ToLink>,
    /// Entries that it asked for.
    pub loaded: mpsc::Sender<Done>,
    /// How it stands.
    pub status: watch::Receiver<LinkStatus>,
}

/// What the loop needs.
pub struct Parts {
    /// Who is behind which link.
    pub exchange: Exchange,
    /// The links, in its order.
    pub ways: Vec<Way>,
    /// From the links, by their place in that order.
    pub said: mpsc::Receiver<(usize, Said)>,
    /// From the station.
    pub messages: mpsc::Receiver<ToLink>,
    /// To the station.
    pub station: mpsc::Sender<FromLink>,
    /// To the store.
    pub store: mpsc::Sender<Ask>,
    /// Entries that the store read.
    pub loaded: mpsc::Receiver<Done>,
    /// How they stand together.
    pub status: watch::Sender<LinkStatus>,
    /// For the watchdog.
    pub pulse: Pulse,
}

/// What comes from a link.
pub enum Said {
    /// For the station.
    Station(FromLink),
    /// For the store.
    Store(Ask),
}

/// The ends of a link that lead to the exchange: for the station and for the store.
#[must_use]
pub fn ends(link: usize, to: &mpsc::Sender<(usize, Said)>) -> (mpsc::Sender<FromLink>, mpsc::Sender<Ask>) {
    let (station, mut told) = mpsc::channel(INBOX);
    let (store, mut asked) = mpsc::channel(INBOX);
    let to = to.clone();
    tokio::spawn(async move {
        loop {
            let said = tokio::select! {
                Some(message) = told.recv() => Said::Station(message),
                Some(ask) = asked.recv() => Said::Store(ask),
                else => return,
            };
            if to.send((link, said)).await.is_err() {
                return;
            }
        }
    });
    (station, store)
}

/// Runs until the station or the store is gone, or a link does not take what is said to it.
pub async fn run(mut parts: Parts) {
    // The store answers in the order in which it was asked.
    let mut readers = VecDeque::new();
    loop {
        parts.pulse.beat();
        show(&parts);
        let going = tokio::select! {
            message = parts.messages.recv() => match message {
                Some(message) => down(&parts, message),
                None => return,
            },
            Some((link, said)) = parts.said.recv() => match said {
                Said::Station(message) => up(&mut parts, link, message).await,
                Said::Store(ask) => {
                    readers.push_back(link);
                    parts.store.send(of_pile(ask, &parts.exchange, link)).await.is_ok()
                }
            },
            Some(done) = parts.loaded.recv() => {
                let way = readers.pop_front().and_then(|link: usize| parts.ways.get(link));
                way.is_none_or(|way| way.loaded.try_send(done).is_ok() || way.loaded.is_closed())
            },
            () = tokio::time::sleep(IDLE_TURN) => true,
        };
        if !going {
            return;
        }
    }
}

/// A link that has said its goodbye hears nothing more.
fn down(parts: &Parts, message: ToLink) -> bool {
    parts.exchange.down(message).into_iter().all(|(link, message)| {
        parts
            .ways
            .get(link)
            .is_none_or(|way| way.messages.try_send(message).is_ok() || way.messages.is_closed())
    })
}

async fn up(parts: &mut Parts, link: usize, message: FromLink) -> bool {
    for message in parts.exchange.up(link, message) {
        if parts.station.send(message).await.is_err() {
            return false;
        }
    }
    true
}

/// A link reads what is its pile's.
fn of_pile(ask: Ask, exchange: &Exchange, link: usize) -> Ask {
    match ask {
        Ask::Load(lane, after, limit, _) => Ask::Load(lane, after, limit, exchange.pile(link)),
        Ask::Commit(_) | Ask::Query(_) | Ask::Prune(..) | Ask::End => ask,
    }
}

fn show(parts: &Parts) {
    let links: Vec<LinkStatus> = parts.ways.iter().map(|way| way.status.borrow().clone()).collect();
    if let Some(fresh) = Exchange::status(&links) {
        parts.status.send_if_modified(|status| {
            let changed = *status != fresh;
            *status = fresh;
            changed
        });
    }
}
