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
use crate::drive::{Drive, Place, Plan, Role, Stage, Step};
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

/// What is known of the events beside themselves. With any of it there is no checkpoint: none of it is in one.
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
    keeper: Option<Keeper>,
    mark: Mark,
}

impl<'a> Walk<'a> {
    /// Walks to the end.
    pub(super) fn walk(&self, folder: &mut Folder, told: Told) -> Result<Walked, RunError> {
        let Start { mut drive, recorder, keeper, mark } = self.start(folder, told)?;
        let keeps = keeper.is_some();
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
            let due = keeps && (stopped || clock.is_due(handled));
            if (batch.is_full() || due || stopped) && !scribe.batch(&mut batch) {
                break;
            }
            if due {
                let changed = clock.time(|| drive.checkpoint());
                let mark = Mark { place: drive.place(), handled, seconds: seconds() };
                if !scribe.checkpoint(mark, changed) {
                    break;
                }
            }
            reporter.checkpoint(scribe.kept());
            if stopped {
                reporter.finish();
                scribe.finish()?;
                return Err(RunError::Stopped { handled, total, next: how_to_go_on(keeps) });
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
        let keeps = collector.is_none() && verdicts.is_none() && injector.is_none();
        let kept = if *resume && keeps { checkpoint::read(&path, &cause)? } else { None };
        if let Some(kept) = kept {
            let (log, blobs) =
                StateLog::resume(&path, kept.log).map_err(|cause| CheckpointError::damaged(&path, &cause))?;
            let engine = Engine::restore(config.clone(), blobs)?;
            let recorder = Recorder::resume(folder, *scores, self.inputs, kept.recorder)?;
            let drive = Drive::resume(plan, *window, &path, engine, kept.mark.place);
            let keeper = Some(Keeper { folder: path, cause, log });
            return Ok(Start { drive, recorder, keeper, mark: kept.mark });
        }
        folder.forget()?;
        let recorder = Recorder::new(folder, *scores, collector, self.inputs)?;
        let drive = Drive::start(plan, *window, &path).with_verdicts(verdicts).with_injector(injector);
        let keeper = if keeps {
            let log = StateLog::create(&path).map_err(|source| refused(&path, source))?;
            Some(Keeper { folder: path, cause, log })
        } else {
            None
        };
        let place = Place { stage: Stage::Learning, position: None };
        Ok(Start { drive, recorder, keeper, mark: Mark { place, handled: 0, seconds: 0.0 } })
    }

    fn cause(&self) -> Cause {
        let digests = |files: &[Surveyed]| {
            let mut digests: Vec<String> = files.iter().map(|file| file.sha256.clone()).collect();
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
            learn: digests(self.learn),
            events: digests(self.events),
        }
    }

    fn strict(&self, role: Role, rejected: &Rejected) -> RunError {
        let files = if role == Role::Learn { self.learn } else { self.events };
        let file = files.get(rejected.file).map(|file| file.path.display().to_string()).unwrap_or_default();
        RunError::Strict { file, line: rejected.line, detail: rejected.rejection.detail.clone() }
    }
}

fn how_to_go_on(keeps: bool) -> &'static str {
    if keeps {
        "a checkpoint is kept: run the same command with --resume to go on"
    } else {
        "a replay with --labels, --verdicts or changed events keeps no checkpoint: run it again to start anew"
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
