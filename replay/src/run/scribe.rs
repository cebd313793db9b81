//! The thread that writes down what the engine says, so that the engine does not wait for it.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use models::engine::{Checkpoint, Output};

use super::RunError;
use super::checkpoint::{self, Cause, Kept, Mark};
use super::folder::refused;
use super::recorder::Recorder;
use super::state_log::StateLog;
use crate::drive::{Step, Watch, deliver};

/// Steps handed over together. Memory of more than 64 KiB, given back by another thread, makes the allocator tidy up.
const BATCH_STEPS: usize = 128;
/// Batches under way. When it is full, the engine waits.
const BATCHES: usize = 64;

/// Some steps with what the engine said of them.
#[derive(Default)]
pub(super) struct Batch {
    /// Each with how many of the outputs are of it.
    steps: Vec<(Step, usize)>,
    /// Outputs of all of them, in order.
    pub(super) outputs: Vec<Output>,
    /// Outputs that belong to a step already.
    taken: usize,
}

impl Batch {
    /// Adds a step; the outputs that no step has yet are of it.
    pub(super) fn push(&mut self, step: Step) {
        let new = self.outputs.len() - std::mem::replace(&mut self.taken, self.outputs.len());
        self.steps.push((step, new));
    }

    pub(super) fn is_full(&self) -> bool {
        self.steps.len() >= BATCH_STEPS
    }
}

enum Note {
    Batch(Batch),
    Checkpoint(Box<(Mark, Checkpoint)>),
}

/// Keeps checkpoints in a folder.
pub(super) struct Keeper {
    pub(super) folder: PathBuf,
    pub(super) cause: Cause,
    pub(super) log: StateLog,
}

impl Keeper {
    fn keep(&mut self, mark: Mark, engine: Checkpoint, recorder: &mut Recorder) -> Result<(), RunError> {
        let log = self.log.append(engine).map_err(|source| refused(&self.folder, source))?;
        let kept = Kept { mark, log, recorder: recorder.state()? };
        checkpoint::write(&self.folder, &self.cause, &kept)?;
        Ok(self.log.settle().map_err(|source| refused(&self.folder, source))?)
    }
}

pub(super) struct Scribe {
    notes: SyncSender<Note>,
    thread: JoinHandle<Result<Recorder, RunError>>,
    /// How many lines were handled at the last checkpoint that is durable.
    kept: Arc<AtomicU64>,
}

impl Scribe {
    pub(super) fn start(recorder: Recorder, keeper: Keeper) -> Self {
        let (notes, received) = sync_channel(BATCHES);
        let kept = Arc::new(AtomicU64::new(0));
        let thread = std::thread::spawn({
            let kept = Arc::clone(&kept);
            move || write_down(&received, recorder, keeper, &kept)
        });
        Self { notes, thread, kept }
    }

    /// Hands over a batch. `false` when the thread has ended: [`Scribe::finish`] says why.
    pub(super) fn batch(&self, batch: &mut Batch) -> bool {
        self.notes.send(Note::Batch(std::mem::take(batch))).is_ok()
    }

    /// Asks for a checkpoint of everything handed over so far.
    pub(super) fn checkpoint(&self, mark: Mark, engine: Checkpoint) -> bool {
        self.notes.send(Note::Checkpoint(Box::new((mark, engine)))).is_ok()
    }

    pub(super) fn kept(&self) -> u64 {
        self.kept.load(Ordering::Relaxed)
    }

    /// Waits until everything is written down.
    pub(super) fn finish(self) -> Result<Recorder, RunError> {
        drop(self.notes);
        self.thread.join().unwrap_or(Err(RunError::Scribe))
    }
}

fn write_down(
    notes: &Receiver<Note>,
    mut recorder: Recorder,
    mut keeper: Keeper,
    kept: &AtomicU64,
) -> Result<Recorder, RunError> {
    for note in notes {
        match note {
            Note::Batch(batch) => write_batch(batch, &mut recorder)?,
            Note::Checkpoint(checkpoint) => {
                let (mark, engine) = *checkpoint;
                let handled = mark.handled;
                keeper.keep(mark, engine, &mut recorder)?;
                kept.store(handled, Ordering::Relaxed);
            }
        }
    }
    Ok(recorder)
}

fn write_batch(batch: Batch, recorder: &mut Recorder) -> Result<(), RunError> {
    let mut outputs = batch.outputs.into_iter();
    let mut said = Vec::new();
    for (step, count) in batch.steps {
        said.extend(outputs.by_ref().take(count));
        match step {
            Step::Handled { role, event } => deliver(role, &event, &mut said, recorder)?,
            Step::Rejected { role, rejected } => recorder.rejected(role, &rejected)?,
            Step::Labelled(made) => recorder.labelled(&made)?,
            Step::Published => recorder.published()?,
        }
    }
    Ok(())
}
