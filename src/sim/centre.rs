//! The simulated platform in real time: it listens on a TCP address and does what its people type.

use super::platform::{self, Action, Event, Fault, Order, Summary};
use super::ykc16;
use crate::model::ident::{ConnectorId, Credential, TransactionNumber};
use crate::model::time::{Instant, Now};
use crate::port::clock::{Clock, sleep_until};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot};

/// Frames that may wait for a station that does not read.
const UNREAD: usize = 4096;

/// A simulated platform, whatever it speaks.
pub trait Platform: Send {
    /// Takes one event; gives all that is to be done, in order.
    fn handle(&mut self, now: Now, event: Event<'_>) -> Vec<Action>;

    /// When to be woken.
    fn wake_at(&self) -> Option<Instant>;

    /// The reconciliation so far.
    fn summary(&self) -> Summary;
}

macro_rules! platforms {
    ($($platform:ty)*) => { $(
        impl Platform for $platform {
            fn handle(&mut self, now: Now, event: Event<'_>) -> Vec<Action> {
                <$platform>::handle(self, now, event)
            }

            fn wake_at(&self) -> Option<Instant> {
                <$platform>::wake_at(self)
            }

            fn summary(&self) -> Summary {
                <$platform>::summary(self)
            }
        }
    )* };
}

platforms! { platform::Platform ykc16::Platform }

/// A look at the platform.
pub type Look = dyn FnOnce(&mut dyn Platform) + Send;

/// What the one who runs the centre wants of it.
pub enum Want {
    /// Do this.
    Order(Order),
    /// Answer nobody for so long: connections end and new ones are not accepted.
    Out(Duration),
    /// Look at the platform.
    Look(Box<Look>),
}

/// What happens at the socket.
enum Wire {
    Octets(u64, Vec<u8>),
    Closed(u64),
}

/// Runs until nobody wants anything any more. What the platform says goes to `says`, one line each.
pub async fn run(
    mut platform: Box<dyn Platform>,
    listener: TcpListener,
    mut wants: mpsc::Receiver<Want>,
    says: mpsc::UnboundedSender<String>,
    clock: Arc<Clock>,
) {
    let (wire, mut wires) = mpsc::channel(64);
    let mut stations: BTreeMap<u64, mpsc::Sender<Vec<u8>>> = BTreeMap::new();
    let mut connections = 0;
    let mut out_until = None;
    loop {
        let now = clock.now();
        if out_until.is_some_and(|until| until <= now.mono) {
            out_until = None;
        }
        let wake = platform.wake_at().into_iter().chain(out_until).min();
        let actions = tokio::select! {
            Ok((stream, _)) = listener.accept() => {
                if out_until.is_some() {
                    continue; // dropped: nobody is at home
                }
                connections += 1;
                stations.insert(connections, serve(connections, stream, wire.clone()));
                platform.handle(clock.now(), Event::Accepted(connections))
            }
            Some(event) = wires.recv() => match event {
                Wire::Octets(id, octets) if stations.contains_key(&id) => platform.handle(clock.now(), Event::Octets(id, &octets)),
                Wire::Closed(id) if stations.remove(&id).is_some() => platform.handle(clock.now(), Event::Closed(id)),
                Wire::Octets(..) | Wire::Closed(_) => continue,
            },
            want = wants.recv() => match want {
                Some(Want::Order(order)) => platform.handle(clock.now(), Event::Order(order)),
                Some(Want::Out(wait)) => {
                    let now = clock.now();
                    out_until = Some(now.mono + wait);
                    let gone = std::mem::take(&mut stations);
                    gone.into_keys().flat_map(|id| platform.handle(now, Event::Closed(id))).collect()
                }
                Some(Want::Look(look)) => {
                    look(&mut *platform);
                    continue;
                }
                None => return,
            },
            () = sleep_until(&clock, wake) => platform.handle(clock.now(), Event::Woke),
        };
        let mut todo = VecDeque::from(actions);
        while let Some(action) = todo.pop_front() {
            match action {
                Action::Write(id, octets) => {
                    let written = stations.get(&id).is_some_and(|s| s.try_send(octets).is_ok());
                    if !written && stations.remove(&id).is_some() {
                        todo.extend(platform.handle(clock.now(), Event::Closed(id)));
                    }
                }
                Action::Close(id) => drop(stations.remove(&id)),
                Action::Say(text) => drop(says.send(text)),
            }
        }
    }
}

/// One connection; it ends when its sender is dropped.
fn serve(id: u64, stream: TcpStream, wire: mpsc::Sender<Wire>) -> mpsc::Sender<Vec<u8>> {
    let (frames, mut waiting) = mpsc::channel::<Vec<u8>>(UNREAD);
    tokio::spawn(async move {
        drop(stream.set_nodelay(true));
        let (mut reading, mut writing) = stream.into_split();
        let mut buffer = [0; 4096];
        let read = async {
            while let Ok(count) = reading.read(&mut buffer).await {
                if count == 0 || wire.send(Wire::Octets(id, buffer[..count].to_vec())).await.is_err() {
                    return;
                }
            }
        };
        let write = async {
            while let Some(frame) = waiting.recv().await {
                if writing.write_all(&frame).await.is_err() {
                    return;
                }
            }
        };
        tokio::select! { () = read => {}, () = write => {} }
        drop(wire.send(Wire::Closed(id)).await);
    });
    frames
}

/// What a typed line asks of the platform.
pub enum Typed {
    /// Do this.
    Want(Want),
    /// Print the reconciliation so far.
    Summary,
    /// End with the reconciliation.
    Quit,
}

const HELP: &str = "known: start CODE/N [CARD] [vin VIN], stop CODE/N [TXN], list [full|changes], balance CODE/N FEN, recall FIRST LAST, time, \
                    interrogate N, reset ALARM, fault NAME [N], cut, freeze, summary, quit";

/// Reads a typed line. An error says what is known.
pub fn parse(line: &str) -> Result<Typed, String> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let connector = |text: &str| text.parse::<ConnectorId>().map_err(|e| format!("{text:?} is not {e}"));
    let number = |text: &str| text.parse::<u32>().map_err(|_| format!("{text:?} is not a whole number"));
    let order = |order: Order| Typed::Want(Want::Order(order));
    Ok(match words.as_slice() {
        ["start", at, rest @ ..] => {
            let vin = |vin: &str| vin.parse().map_err(|e| format!("{vin:?} is not {e}"));
            let (card, expected_vin) = match rest {
                [] => (None, None),
                ["vin", text] => (None, Some(vin(text)?)),
                [uid] => (Some(*uid), None),
                [uid, "vin", text] => (Some(*uid), Some(vin(text)?)),
                _ => return Err(HELP.to_owned()),
            };
            let credential = match card {
                Some(uid) => Credential::Card(uid.parse().map_err(|e| format!("{uid:?} is not {e}"))?),
                None => Credential::None,
            };
            let connector = connector(at)?;
            let (txn, limit, expires) = (None, (0, 0), 0);
            order(Order::Start { connector, txn, credential, expected_vin, limit, expires })
        }
        ["stop", at] => order(Order::Stop { connector: connector(at)?, txn: None }),
        ["stop", at, txn] => {
            let txn: TransactionNumber = txn.parse().map_err(|e| format!("{txn:?} is not {e}"))?;
            order(Order::Stop { connector: connector(at)?, txn: Some(txn) })
        }
        ["list"] | ["list", "full"] => order(Order::SyncCards { full: true }),
        ["list", "changes"] => order(Order::SyncCards { full: false }),
        ["balance", at, fen] => order(Order::Balance { connector: connector(at)?, balance: number(fen)? }),
        ["recall", first, last] => order(Order::Recall(number(first)?.into(), number(last)?.into())),
        ["time"] => order(Order::Time(None)),
        ["interrogate", what] => order(Order::Interrogate(number(what)?.min(255) as u8)),
        ["reset", id] => {
            let id = id.parse().map_err(|_| format!("{id:?} is not the identity of an alarm"))?;
            order(Order::ResetAlarm(id))
        }
        ["fault", name] => order(Order::Fault(fault(name)?, 1)),
        ["fault", name, times] => order(Order::Fault(fault(name)?, number(times)?)),
        ["cut"] => order(Order::Cut),
        ["cut", seconds] => Typed::Want(Want::Out(Duration::from_secs(number(seconds)?.min(86_400).into()))),
        ["freeze"] => order(Order::Freeze),
        ["summary"] => Typed::Summary,
        ["quit"] => Typed::Quit,
        _ => return Err(HELP.to_owned()),
    })
}

fn fault(name: &str) -> Result<Fault, String> {
    let known = || Fault::NAMES.iter().map(|(word, _)| *word).collect::<Vec<_>>().join(", ");
    Fault::by_name(name).ok_or_else(|| format!("no fault {name:?}; known: {}", known()))
}

/// Asks the platform something from outside its loop. `None` when it has ended.
pub async fn look<T: Send + 'static>(
    wants: &mpsc::Sender<Want>,
    question: impl FnOnce(&mut dyn Platform) -> T + Send + 'static,
) -> Option<T> {
    let (answer, answered) = oneshot::channel();
    let look = move |platform: &mut dyn Platform| drop(answer.send(question(platform)));
    wants.send(Want::Look(Box::new(look))).await.ok()?;
    answered.await.ok()
}
