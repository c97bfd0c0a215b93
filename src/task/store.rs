//! The store on a thread of its own: SQLite blocks, and a disk may take its time.

use super::Pulse;
use crate::model::batch::Batch;
use crate::model::message::{Entry, Lane};
use crate::store::Store;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};

/// What the store is asked.
pub enum Ask {
    /// Make this batch durable; the outcome goes to the station.
    Commit(Batch),
    /// Entries of a lane after this identity, oldest first; the outcome goes to the link.
    Load(Lane, u64, usize),
    /// Something that people want to know.
    Query(Box<dyn FnOnce(&Store) + Send>),
}

/// What comes of it.
#[derive(Debug)]
pub enum Done {
    /// A batch is durable.
    Committed(u64),
    /// A batch is not, and why.
    CommitFailed(u64, String),
    /// Entries of a lane; `None` when they could not be read.
    Loaded(Lane, Option<Vec<Entry>>),
}

/// A handle for questions of people.
#[derive(Clone)]
pub struct Questions(pub mpsc::Sender<Ask>);

impl Questions {
    /// Runs a question on the thread of the store. `None` when the program is ending.
    pub async fn ask<T: Send + 'static>(&self, question: impl FnOnce(&Store) -> T + Send + 'static) -> Option<T> {
        let (answer, answered) = oneshot::channel();
        let asked = Ask::Query(Box::new(move |store| drop(answer.send(question(store)))));
        self.0.send(asked).await.ok()?;
        answered.await.ok()
    }
}

/// Starts the thread. It ends when every sender of `asks` is gone; what was asked before is done first.
pub fn spawn(
    mut store: Store,
    mut asks: mpsc::Receiver<Ask>,
    done: mpsc::Sender<Done>,
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
            let ask = runtime.block_on(async { tokio::time::timeout(Duration::from_secs(2), asks.recv()).await });
            let outcome = match ask {
                Err(_) => continue,
                Ok(None) => return,
                Ok(Some(Ask::Query(question))) => {
                    question(&store);
                    continue;
                }
                Ok(Some(Ask::Commit(batch))) => match store.apply(&batch) {
                    Ok(()) => Done::Committed(batch.number),
                    Err(error) => {
                        tracing::error!(batch = batch.number, rows = batch.rows.len(), %error, "nothing of it was written");
                        Done::CommitFailed(batch.number, error.to_string())
                    }
                },
                Ok(Some(Ask::Load(lane, after, limit))) => match store.entries(lane, after, limit) {
                    Ok(entries) => Done::Loaded(lane, Some(entries)),
                    Err(error) => {
                        tracing::error!(?lane, %error, "the queue could not be read");
                        Done::Loaded(lane, None)
                    }
                },
            };
            if done.blocking_send(outcome).is_err() {
                return;
            }
        }
    })
}
