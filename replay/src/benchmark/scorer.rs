//! The engine, one event in and one assessment out.

use models::assessment::Assessment;
use models::config::CheckedConfig;
use models::engine::{Engine, Input, Output, Phase, Trust};
use models::event::Event;

use super::BenchmarkError;
use crate::drive::DriveError;

/// What an engine has learned, to start others from.
#[derive(Debug, Clone)]
pub(super) struct Learned {
    config: CheckedConfig,
    blobs: Vec<(Vec<u8>, Vec<u8>)>,
}

impl Learned {
    /// An engine that has learned this, and nothing since.
    pub(super) fn scorer(&self) -> Result<Scorer, BenchmarkError> {
        let engine = Engine::restore(self.config.clone(), self.blobs.iter().cloned())?;
        Ok(Scorer { config: self.config.clone(), engine, outputs: Vec::new(), handled: 0 })
    }
}

/// An engine that is told events and asked nothing else.
#[derive(Debug)]
pub(super) struct Scorer {
    config: CheckedConfig,
    engine: Engine,
    outputs: Vec<Output>,
    /// Events handled.
    pub handled: u64,
}

impl Scorer {
    /// An engine that knows nothing.
    pub(super) fn new(config: CheckedConfig) -> Self {
        Self { engine: Engine::new(config.clone()), config, outputs: Vec::new(), handled: 0 }
    }

    /// Hands over one event.
    pub(super) fn handle(&mut self, event: &Event, phase: Phase) -> Result<Assessment, BenchmarkError> {
        let input = Input::recorded(event, Trust::Revoke, phase);
        self.engine.handle(input, &mut self.outputs);
        self.handled += 1;
        let mut assessed: Vec<Assessment> = Vec::with_capacity(1);
        for output in self.outputs.drain(..) {
            if let Output::Assessed(assessment) = output {
                assessed.push(assessment);
            }
        }
        let count = assessed.len();
        match assessed.pop() {
            Some(assessment) if count == 1 => Ok(assessment),
            _ => Err(DriveError::Assessed { id: event.id.to_string(), assessed: count }.into()),
        }
    }

    /// Ends the history: every session is complete, and what was learned takes effect.
    pub(super) fn publish(&mut self) {
        self.engine.publish(&mut self.outputs);
        self.outputs.clear();
    }

    /// Ends this engine and keeps what it has learned.
    pub(super) fn into_learned(mut self) -> Learned {
        Learned { blobs: self.engine.checkpoint().put, config: self.config }
    }
}
