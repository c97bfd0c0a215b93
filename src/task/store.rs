//! The store on a thread of its own: SQLite blocks, and a disk may take its time.

use super::{IDLE_TURN, Pulse};
use crate::model::batch::Batch;
use crate::model::ident::DeviceCode;
use crate::model::message::{Entry, Lane};
use crate::model::time::Utc;
use crate::store::{Error, Store};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};

/// What the store is asked.
pub enum Ask {
    /// Make this batch durable; the outcome goes to the station.
    Commit(Batch),
    /// Entries of a lane after this identity, oldest first, all or those of one pile; the outcome goes to the link.
    Load(Lane, u64, usize, Option<DeviceCode>),
    /// Something that people want to know.
    Query(Box<dyn FnOnce(&Store) + Send>),
    /// Acknowledged records older than this may go.
    Prune(Utc, Duration),
    /// Everything asked before is done; close the database.
    End,
}

/// What comes of it.
#[derive(Debug)]
pub enum Done {
    /// A batch is durable.
    Committed(u64),
    /// A batch is not, and why.
    CommitFailed(u64, String),
    /// A batch contradicts what is stored, and how.
    Refused(u64, String),
    /// Entries of a lane; `None` when they could not be read.
    Loaded(Lane, Option<Vec<Entry>>),
}

/// Who is told.
pub struct Outcomes {
    /// Of batches.
    pub station: mpsc::Sender<Done>,
    /// Of reads of a lane.
    pub link: mpsc::Sender<Done>,
}

/// A handle for questions of people.
#[derive(Clone)]
pub struct Questions(pub mpsc::Sender<Ask>);

impl Questions {
    /// Runs a question on the thread of the store. `None` when the program is ending.
    pub async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&Store) -> T + Send + 'static,
    ) -> Option<T> {
        let (answer, answered) = oneshot::channel();
        let asked = Ask::Query(Box::new(move |store| drop(answer.send(question(store)))));
        self.0.send(asked).await.ok()?;
        answered.await.ok()
    }
}

/// Starts the thread. It ends when it is told so or every sender of `asks` is gone; what was asked before is done first.
pub fn spawn(
    mut store: Store,
    mut asks: mpsc::Receiver<Ask>,
    outcomes: Outcomes,
    pulse: Pulse,
) -> std::io::Result<std::thread::JoinHandle<()>> {
    std::thread::Builder::new().name("store".to_owned()).stack_size(512 * 1024).spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
        let Ok(runtime) = runtime else {
            tracing::error!("the store thread got no timer");
            return;
        };
        loop {
            pulse.beat();
            let ask = runtime.block_on(async { tokio::time::timeout(IDLE_TURN, asks.recv()).await });
            let told = match ask {
                Err(_) => Ok(()),
                Ok(None | Some(Ask::End)) => return,
                Ok(Some(Ask::Query(question))) => {
                    question(&store);
                    Ok(())
                }
                Ok(Some(Ask::Prune(now, keep))) => {
                    match store.prune(now, keep) {
                        Ok(pruned) if pruned.records == 0 => {}
                        Ok(pruned) => tracing::info!(
                            records = pruned.records,
                            "acknowledged records older than keep_records removed"
                        ),
                        Err(error) => tracing::warn!(%error, "old records were not removed: {error}"),
                    }
                    Ok(())
                }
                Ok(Some(Ask::Commit(batch))) => outcomes.station.blocking_send(commit(&mut store, &batch)),
                Ok(Some(Ask::Load(lane, after, limit, of))) => {
                    // without a platform nobody listens
                    let _unheard = outcomes.link.blocking_send(load(&store, lane, after, limit, of));
                    Ok(())
                }
            };
            if told.is_err() {
                return;
            }
        }
    })
}

fn commit(store: &mut Store, batch: &Batch) -> Done {
    match store.apply(batch) {
        Ok(()) => Done::Committed(batch.number),
        Err(error) => {
            tracing::error!(batch = batch.number, rows = batch.rows.len(), %error, "nothing of batch {} was written: {error}", batch.number);
            match error {
                Error::Refused { .. } => Done::Refused(batch.number, error.to_string()),
                Error::Trouble { .. } => Done::CommitFailed(batch.number, error.to_string()),
            }
        }
    }
}

fn load(store: &Store, lane: Lane, after: u64, limit: usize, of: Option<DeviceCode>) -> Done {
    match store.entries_of(lane, of, after, limit) {
        Ok(entries) => Done::Loaded(lane, Some(entries)),
        Err(error) => {
            tracing::error!(?lane, %error, "the queue of {lane:?} could not be read: {error}");
            Done::Loaded(lane, None)
        }
    }
}
