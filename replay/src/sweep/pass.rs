//! One pass over history: one engine, and every policy that can look on.

use std::collections::HashSet;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use models::alert::{Alert, AlertId};
use models::assessment::Assessment;
use models::config::CheckedConfig;
use models::decision::Revocation;
use models::engine::{Considered, Output};
use models::event::Event;
use serde::Serialize;

use super::grid::Pass;
use crate::drive::{DriveError, Plan, Role, Watch, Window, drive};
use crate::label::Labels;
use crate::quality::{Collector, Delays, Estimate, RightOrWrong};
use crate::trace::{Rejected, Surveyed};

/// What all passes have in common.
pub(super) struct Frame<'a> {
    pub(super) learn: &'a [Surveyed],
    pub(super) events: &'a [Surveyed],
    pub(super) window: Window,
    pub(super) freeze: bool,
    pub(super) labels: Option<&'a Arc<Labels>>,
    pub(super) seed: u64,
}

/// What one setting would have done.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Counted {
    /// Alerts opened.
    pub alerts: u64,
    /// Revocations requested.
    pub revocations: u64,
    /// Times the brake opened.
    pub brakes: u64,
    /// Identity-days.
    pub identity_days: u64,
    /// What labels say; absent without labels.
    pub judged: Option<Judged>,
}

/// What labels say of one setting.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Judged {
    /// Episodes of attack.
    pub episodes: usize,
    /// Episodes found.
    pub found: usize,
    /// Share found.
    pub recall: Option<Estimate>,
    /// Alerts by what caused them.
    pub alerts: RightOrWrong,
    /// Revocations by what caused them.
    pub revocations: RightOrWrong,
    /// Wrong alerts in 1,000 identity-days.
    pub false_alerts_per_1000_identity_days: Option<Estimate>,
    /// From the first malicious event to the alarm.
    pub delay: Option<Delays>,
}

/// Counts for one policy.
struct Counter {
    collector: Collector,
    alerts: HashSet<AlertId>,
    revocations: u64,
    brakes: u64,
}

struct Counters {
    of: Vec<Counter>,
    newest: Option<Assessment>,
}

/// Runs a pass and gives what each of its policies would have done.
pub(super) fn run(frame: &Frame<'_>, pass: &Pass) -> Result<Vec<Counted>, DriveError> {
    let labels = frame.labels.cloned().unwrap_or_default();
    let counter = |_: &CheckedConfig| Counter {
        collector: Collector::of_alarms(Arc::clone(&labels)).with_seed(frame.seed),
        alerts: HashSet::new(),
        revocations: 0,
        brakes: 0,
    };
    let mut counters = Counters { of: pass.policies.iter().map(counter).collect(), newest: None };
    let plan = Plan {
        config: &pass.config,
        policies: &pass.policies,
        learn: frame.learn,
        events: frame.events,
        as_recorded: false,
        freeze: frame.freeze,
        without_task: false,
        new_tasks: None,
        shift: Duration::ZERO,
        threads: NonZeroUsize::MIN,
    };
    drive(&plan, frame.window, &mut counters)?;
    Ok(counters.of.iter().map(|counter| counter.counted(frame.labels.is_some())).collect())
}

impl Counter {
    fn take(&mut self, output: &Output) {
        match output {
            Output::Alert(alert) => {
                if self.alerts.insert(alert.id.clone()) {
                    self.brakes += u64::from(alert.kind == models::alert::AlertKind::BrakeOpened);
                }
                self.collector.alerted(alert);
            }
            Output::Revocation(revocation) => {
                self.revocations += 1;
                self.collector.revoked(revocation);
            }
            Output::Assessed(_) => {}
        }
    }

    fn counted(&self, labelled: bool) -> Counted {
        let judgement = self.collector.judgement();
        let engine = judgement.engine();
        let judged = engine.map(|rule| Judged {
            episodes: judgement.episodes,
            found: rule.found,
            recall: rule.recall,
            alerts: judgement.alerts,
            revocations: judgement.revocations,
            false_alerts_per_1000_identity_days: judgement.false_alerts_per_1000_identity_days,
            delay: rule.delay,
        });
        Counted {
            alerts: self.alerts.len() as u64,
            revocations: self.revocations,
            brakes: self.brakes,
            identity_days: judgement.identity_days,
            judged: judged.filter(|_| labelled),
        }
    }
}

impl Watch for Counters {
    type Error = DriveError;

    fn learned(&mut self, _: &Event, _: &Assessment) -> Result<(), DriveError> {
        Ok(())
    }

    fn published(&mut self) -> Result<(), DriveError> {
        Ok(())
    }

    fn assessed(&mut self, _: &Event, assessment: &Assessment) -> Result<(), DriveError> {
        self.newest = Some(assessment.clone());
        Ok(())
    }

    fn alerted(&mut self, _: Alert) -> Result<(), DriveError> {
        Ok(())
    }

    fn revoked(&mut self, _: Revocation) -> Result<(), DriveError> {
        Ok(())
    }

    fn considered(&mut self, event: &Event, considered: &[Considered]) -> Result<(), DriveError> {
        let Some(mut assessment) = self.newest.take() else { return Ok(()) };
        for (counter, considered) in self.of.iter_mut().zip(considered) {
            assessment.decision = considered.decision;
            counter.collector.push(event, &assessment);
            considered.outputs.iter().for_each(|output| counter.take(output));
        }
        Ok(())
    }

    fn rejected(&mut self, _: Role, _: &Rejected) -> Result<(), DriveError> {
        Ok(())
    }
}
