//! Walks through the files: the loop around the engine, with what a person may ask of it on the way.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use models::engine::Engine;

use super::checkpoint::{self, Cause, CheckpointError, Mark};
use super::folder::{Folder, refused};
use super::pace::Pacer;
use super::progress::Reporter;
use super::recorder::Recorder;
use super::scribe::{Batch, Keeper, Scribe};
use super::state_log::StateLog;
use super::{Checkpoints, Options, RunError};
use crate::drive::{Drive, Place, Plan, Role, Step};
use crate::inject::Injector;
use crate::provenance::InputFile;
use crate::quality::Collector;
use crate::trace::{Rejected, Surveyed};
use crate::verdict::{Handed, Verdicts};

/// How often a checkpoint is written, at most, and how small a part of the time that may take.
const CHECKPOINT_EVERY: Duration = Duration::from_secs(30);
const CHECKPOINT_SHARE: u32 = 20;
/// Steps after which it is worth looking at the clock.
const CLOCK_STEP: u64 = 256;

/// The files that are walked through.
pub(super) struct Walk<'a> {
    pub(super) options: &'a Options,
    pub(super) learn: &'a [Surveyed],
    pub(super) events: &'a [Surveyed],
    pub(super) inputs: &'a [InputFile],
}

/// What is known of the events beside themselves, as it is at the beginning.
pub(super) struct Told {
    pub(super) collector: Option<Collector>,
    pub(super) verdicts: Option<Verdicts>,
    pub(super) injector: Option<Injector>,
}

/// What a walk comes to.
pub(super) struct Walked {
    /// What was written down.
    pub(super) recorder: Recorder,
    /// Over all processes.
    pub(super) seconds: f64,
    pub(super) verdicts: Option<Handed>,
}

/// Where a walk begins.
struct Start<'a> {
    drive: Drive<'a>,
    recorder: Recorder,
    keeper: Keeper,
    mark: Mark,
}

impl<'a> Walk<'a> {
    /// Walks to the end.
    pub(super) fn walk(&self, folder: &mut Folder, told: Told) -> Result<Walked, RunError> {
        let Start { mut drive, recorder, keeper, mark } = self.start(folder, told)?;
        let scribe = Scribe::start(recorder, keeper);
        let started = Instant::now();
        let seconds = || mark.seconds + started.elapsed().as_secs_f64();
        let total = self.learn.iter().chain(self.events).map(|file| file.lines).sum();
        let mut reporter = Reporter::new(self.options.progress, drive.place().stage, mark.handled, total);
        let (mut pacer, mut clock) = (Pacer::new(self.options.pace), Clock::new(self.options.checkpoints));
        let (mut batch, mut handled) = (Batch::default(), mark.handled);

        while let Some(step) = drive.next(&mut batch.outputs)? {
            if let Step::Rejected { role, rejected } = &step
                && self.options.strict
            {
                return Err(self.strict(*role, rejected));
            }
            if pacer.waits()
                && let Step::Handled { role: Role::Events, event } = &step
            {
                pacer.wait(event.time, &self.options.stop);
            }
            handled += u64::from(!matches!(step, Step::Published | Step::Labelled(_)));
            batch.push(step);
            reporter.step(drive.place().stage, handled);
            let stopped = self.options.stop.load(Ordering::Relaxed);
            let due = stopped || clock.is_due(handled);
            if (batch.is_full() || due) && !scribe.batch(&mut batch) {
                break;
            }
            if due {
                let (changed, verdicts) = clock.time(|| (drive.checkpoint(), drive.verdicts().cloned()));
                let mark = Mark { place: drive.place(), verdicts, handled, seconds: seconds() };
                if !scribe.checkpoint(mark, changed) {
                    break;
                }
            }
            reporter.checkpoint(scribe.kept());
            if stopped {
                reporter.finish();
                scribe.finish()?;
                return Err(RunError::Stopped { handled, total });
            }
        }
        scribe.batch(&mut batch);
        reporter.finish();
        Ok(Walked { recorder: scribe.finish()?, seconds: seconds(), verdicts: drive.handed() })
    }

    fn start(&self, folder: &mut Folder, told: Told) -> Result<Start<'a>, RunError> {
        let Told { collector, verdicts, injector } = told;
        let Options { config, scores, resume, window, .. } = self.options;
        let plan = Plan {
            config,
            policies: &[],
            learn: self.learn,
            events: self.events,
            as_recorded: self.options.as_recorded,
            freeze: self.options.freeze,
            without_task: false,
            new_tasks: None,
            shift: Duration::ZERO,
            threads: self.options.threads,
        };
        let (path, cause) = (folder.path().to_path_buf(), self.cause());
        let kept = if *resume { checkpoint::read(&path, &cause)? } else { None };
        if let Some(kept) = kept {
            let (log, blobs) =
                StateLog::resume(&path, kept.log).map_err(|cause| CheckpointError::damaged(&path, &cause))?;
            let engine = Engine::restore(config.clone(), blobs)?;
            let mut mark = kept.mark;
            let verdicts = verdicts.zip(mark.verdicts.take()).map(|(verdicts, stood)| verdicts.resume(stood));
            let mut drive =
                Drive::resume(plan, *window, &path, engine, mark.place).with_verdicts(verdicts).with_injector(injector);
            let made = drive.catch_up()?;
            let recorder = Recorder::resume(folder, *scores, collector, self.inputs, made, kept.recorder)?;
            return Ok(Start { drive, recorder, keeper: Keeper { folder: path, cause, log }, mark });
        }
        folder.forget()?;
        let recorder = Recorder::new(folder, *scores, collector, self.inputs)?;
        let drive = Drive::start(plan, *window, &path).with_verdicts(verdicts).with_injector(injector);
        let log = StateLog::create(&path).map_err(|source| refused(&path, source))?;
        let mark = Mark { place: Place::START, verdicts: None, handled: 0, seconds: 0.0 };
        Ok(Start { drive, recorder, keeper: Keeper { folder: path, cause, log }, mark })
    }

    fn cause(&self) -> Cause {
        let digests = |role: &str| {
            let files = self.inputs.iter().filter(|file| file.role == role);
            let mut digests: Vec<String> = files.map(|file| file.sha256.clone()).collect();
            digests.sort_unstable();
            digests
        };
        Cause {
            program: env!("CARGO_PKG_VERSION").to_owned(),
            config: self.options.config.version().to_owned(),
            as_recorded: self.options.as_recorded,
            freeze: self.options.freeze,
            scores: self.options.scores,
            from: self.options.window.from,
            until: self.options.window.until,
            warmup: self.options.window.warmup,
            seed: self.options.seed,
            what_if: format!("{:?}", self.options.what_if),
            label_delay: self.options.label_delay,
            learn: digests("learn"),
            events: digests("events"),
            labels: digests("labels"),
            verdicts: digests("verdicts"),
        }
    }

    fn strict(&self, role: Role, rejected: &Rejected) -> RunError {
        let files = if role == Role::Learn { self.learn } else { self.events };
        let file = files.get(rejected.file).map(|file| file.path.display().to_string()).unwrap_or_default();
        RunError::Strict { file, line: rejected.line, detail: rejected.rejection.detail.clone() }
    }
}

/// Says when a checkpoint is due.
struct Clock {
    when: Checkpoints,
    last: Instant,
    pause: Duration,
}

impl Clock {
    fn new(when: Checkpoints) -> Self {
        Self { when, last: Instant::now(), pause: CHECKPOINT_EVERY }
    }

    fn is_due(&self, handled: u64) -> bool {
        match self.when {
            Checkpoints::Every(lines) => handled.is_multiple_of(lines.max(1)),
            Checkpoints::Timed => handled.is_multiple_of(CLOCK_STEP) && self.last.elapsed() >= self.pause,
        }
    }

    /// Runs what a checkpoint costs the engine, and spaces the next one accordingly.
    fn time<T>(&mut self, work: impl FnOnce() -> T) -> T {
        let started = Instant::now();
        let done = work();
        self.last = Instant::now();
        self.pause = CHECKPOINT_EVERY.max(started.elapsed() * CHECKPOINT_SHARE);
        done
    }
}
