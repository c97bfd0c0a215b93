//! The platform link: one connection at a time below, the link machine, store and station beside.

use super::store::{Ask, Done};
use super::{IDLE_TURN, Pulse};
use crate::link::{Action, Event, Link, LinkStatus, Note};
use crate::model::message::{FromLink, ToLink};
use crate::port::clock::{Clock, sleep_until};
use crate::port::tcp;
use std::collections::VecDeque;
use std::sync::Arc;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

/// Frames that may wait for the socket; a platform that does not read them is not alive.
const UNWRITTEN: usize = 512;

/// What a link loop needs.
pub struct Parts {
    /// The machine.
    pub link: Link,
    /// From the station.
    pub messages: mpsc::Receiver<ToLink>,
    /// To the station.
    pub station: mpsc::Sender<FromLink>,
    /// To the store.
    pub store: mpsc::Sender<Ask>,
    /// Entries that the store read.
    pub loaded: mpsc::Receiver<Done>,
    /// A goodbye with this reason is wanted.
    pub goodbye: watch::Receiver<Option<u8>>,
    /// For people.
    pub status: watch::Sender<LinkStatus>,
    /// The clocks.
    pub clock: Arc<Clock>,
    /// For the watchdog.
    pub pulse: Pulse,
}

/// What a connection tells the loop.
enum Wire {
    Connected(u64, mpsc::Sender<Vec<u8>>),
    Octets(u64, Vec<u8>),
    Closed(u64, String),
}

/// Runs until the goodbye is over or the station has ended.
pub async fn run(mut parts: Parts) {
    let (wire, mut events) = mpsc::channel::<Wire>(16);
    let mut socket: Option<mpsc::Sender<Vec<u8>>> = None;
    let mut connection: Option<JoinHandle<()>> = None;
    let mut down = false;
    let mut todo = VecDeque::from(parts.link.handle(parts.clock.now(), Event::Woke));
    loop {
        parts.pulse.beat();
        while let Some(action) = todo.pop_front() {
            match action {
                Action::Connect(epoch, address) => {
                    tracing::debug!(epoch, address, "connecting");
                    stop(&mut connection, &mut socket);
                    connection = Some(tokio::spawn(connect(epoch, address, wire.clone())));
                }
                Action::Write(octets) => {
                    tracing::trace!(octets = %crate::wire::hex::lower(&octets), "to the platform");
                    if socket.as_ref().is_none_or(|s| s.try_send(octets).is_err()) {
                        stop(&mut connection, &mut socket);
                        let epoch = parts.link.epoch();
                        todo.clear();
                        todo.extend(
                            parts.link.handle(
                                parts.clock.now(),
                                Event::Closed(epoch, "the platform does not read"),
                            ),
                        );
                    }
                }
                Action::Close => stop(&mut connection, &mut socket),
                Action::Load(lane, after, limit) => {
                    if parts.store.send(Ask::Load(lane, after, limit, None)).await.is_err() {
                        return;
                    }
                }
                Action::Tell(message) => {
                    if parts.station.send(message).await.is_err() {
                        return;
                    }
                }
                Action::Note(note) => log(&note, &mut down),
                Action::Ended => return,
            }
        }
        parts.status.send_if_modified(|status| {
            let fresh = parts.link.status();
            let changed = *status != fresh;
            *status = fresh;
            changed
        });
        let wake = parts.link.wake_at();
        let wants_octets = parts.link.wants_octets();
        let now = |parts: &Parts| parts.clock.now();
        let actions = tokio::select! {
            Some(event) = events.recv(), if wants_octets => match event {
                Wire::Connected(epoch, writer) => {
                    let mut nonce = [0; 16];
                    match getrandom::fill(&mut nonce) {
                        Ok(()) => {
                            socket = Some(writer);
                            parts.link.handle(now(&parts), Event::Connected(epoch, nonce))
                        }
                        Err(error) => {
                            tracing::error!(%error, "no random octets for the login");
                            stop(&mut connection, &mut socket);
                            parts.link.handle(now(&parts), Event::Closed(epoch, "no random octets for the login"))
                        }
                    }
                }
                Wire::Octets(epoch, octets) => {
                    tracing::trace!(octets = %crate::wire::hex::lower(&octets), "from the platform");
                    parts.link.handle(now(&parts), Event::Octets(epoch, &octets))
                }
                Wire::Closed(epoch, why) => parts.link.handle(now(&parts), Event::Closed(epoch, &why)),
            },
            message = parts.messages.recv() => match message {
                Some(message) => parts.link.handle(now(&parts), Event::Station(message)),
                None => return,
            },
            Some(done) = parts.loaded.recv() => match done {
                Done::Loaded(lane, entries) => parts.link.handle(now(&parts), Event::Loaded(lane, entries)),
                Done::Committed(_) | Done::CommitFailed(..) | Done::Refused(..) => Vec::new(),
            },
            Ok(()) = parts.goodbye.changed() => {
                let reason = *parts.goodbye.borrow_and_update();
                reason.map_or_else(Vec::new, |reason| parts.link.handle(now(&parts), Event::Goodbye(reason)))
            },
            () = sleep_until(&parts.clock, wake) => parts.link.handle(now(&parts), Event::Woke),
            () = tokio::time::sleep(IDLE_TURN) => parts.link.handle(now(&parts), Event::Woke),
        };
        todo.extend(actions);
    }
}

/// One connection, from the dial to its end. It lives as long as its writer is wanted.
async fn connect(epoch: u64, address: String, wire: mpsc::Sender<Wire>) {
    let (mut reader, mut writer) = match tcp::connect(&address).await {
        Ok(halves) => halves,
        Err(error) => {
            drop(wire.send(Wire::Closed(epoch, format!("{address}: {error}"))).await);
            return;
        }
    };
    let (frames, mut waiting) = mpsc::channel::<Vec<u8>>(UNWRITTEN);
    if wire.send(Wire::Connected(epoch, frames)).await.is_err() {
        return;
    }
    let mut buffer = [0; 4096];
    let reading = async {
        loop {
            match reader.read(&mut buffer).await {
                Ok(count) => {
                    if wire.send(Wire::Octets(epoch, buffer[..count].to_vec())).await.is_err() {
                        return String::new();
                    }
                }
                Err(error) => return error.to_string(),
            }
        }
    };
    let writing = async {
        while let Some(frame) = waiting.recv().await {
            if let Err(error) = writer.write(&frame).await {
                return error.to_string();
            }
        }
        "closed by the station".to_owned()
    };
    let why = tokio::select! { why = reading => why, why = writing => why };
    drop(wire.send(Wire::Closed(epoch, why)).await);
}

/// Ends a connection. A closed frame channel lets the writer finish what it was given.
fn stop(connection: &mut Option<JoinHandle<()>>, socket: &mut Option<mpsc::Sender<Vec<u8>>>) {
    *socket = None;
    if let Some(connection) = connection.take()
        && !connection.is_finished()
    {
        connection.abort();
    }
}

/// Says once that the platform is away; further failed tries are for those who look closer.
fn log(note: &Note, down: &mut bool) {
    match note {
        Note::LoggedIn(address) => {
            *down = false;
            tracing::info!(address, "logged in to the platform at {address}");
        }
        Note::Lost(why) if *down => tracing::debug!(why, "no connection to the platform yet: {why}"),
        Note::Lost(why) => {
            *down = true;
            tracing::warn!(why, "the platform is away ({why}); it is tried again until it answers");
        }
        Note::Refused(result) => tracing::error!(
            result,
            "the platform refused the login with {result}: 1 unknown station, 2 wrong secret, 3 version, 4 already connected, 5 try later"
        ),
        Note::BadFrame(verdict) => tracing::debug!(verdict, "a frame of the platform was refused"),
        Note::Unmatched(kind) => tracing::debug!(?kind, "a reply matched no question"),
        Note::Departs(how) => {
            tracing::debug!(how, "a frame of the platform departs from its protocol: {how}")
        }
        Note::Aside(entry) => tracing::warn!(
            ?entry,
            "the platform does not answer {:?} {}; it waits for the next login",
            entry.lane,
            entry.id
        ),
        Note::Unsayable(entry) => tracing::error!(
            ?entry,
            "{:?} {} cannot be told in the protocol of this platform; it is kept",
            entry.lane,
            entry.id
        ),
        Note::LanePaused(lane) => {
            tracing::warn!(?lane, "the platform does not answer {lane:?} messages; they rest for a while")
        }
    }
}
