//! What other policies would have decided of the same events.
//!
//! A policy decides about responses and nothing else: what is scored, which sessions alarm and what is learned does not
//! depend on it. So any number of policies can look at one engine, each with a governor of its own, and each says what an
//! engine with that policy would have said.

use std::collections::BTreeMap;

use super::governor::Governor;
use super::respond::{self, Case};
use super::review::Review;
use super::shard::Alarm;
use super::{Engine, Output, Timestamp};
use crate::alert::{Alert, AlertId, Severity};
use crate::assessment::Decision;
use crate::config::CheckedConfig;
use crate::decision::{RevocationId, Verdict, Withheld};

/// What a policy made of the newest event.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Considered {
    /// Its decision about the event.
    pub decision: Decision,
    /// Its alerts and revocations, as the engine would have put them out after the assessment.
    pub outputs: Vec<Output>,
}

/// What a policy has written on an alert.
#[derive(Debug, Clone)]
struct Response {
    critical: bool,
    decision: Decision,
    withheld: Option<Withheld>,
    revocation: Option<RevocationId>,
}

#[derive(Debug)]
struct Alternative {
    config: CheckedConfig,
    governor: Governor,
    /// By open alert.
    responses: BTreeMap<AlertId, Response>,
}

/// Policies that look on. Memory: a governor and the open alerts, for each.
#[derive(Debug, Default)]
pub(super) struct Alternatives {
    each: Vec<Alternative>,
    pub(super) considered: Vec<Considered>,
}

impl Engine {
    /// Has these policies look on from now on: they may differ from the engine's settings in what
    /// [`EngineConfig::without_policy`](crate::config::EngineConfig::without_policy) sets aside, and the engine itself must
    /// have none. They have no effect on it and are not part of a checkpoint.
    pub fn consider(&mut self, policies: Vec<CheckedConfig>) {
        self.alternatives = Alternatives::new(policies);
    }

    /// What each of those policies made of the newest event, in their order.
    pub fn considered(&self) -> &[Considered] {
        &self.alternatives.considered
    }
}

/// The alert as it would be under a policy. The engine's own policy must be one that writes nothing on alerts.
fn own(alert: &Alert, config: &CheckedConfig, response: Option<&Response>) -> Alert {
    let mut own = Alert { config_version: config.version().into(), ..alert.clone() };
    if let Some(response) = response {
        own.decision = response.decision;
        own.withheld = response.withheld;
        own.revocation.clone_from(&response.revocation);
        own.severity = if response.critical { Severity::Critical } else { own.severity };
    }
    own
}

impl Alternatives {
    pub(super) fn new(policies: Vec<CheckedConfig>) -> Self {
        let each: Vec<Alternative> = policies
            .into_iter()
            .map(|config| Alternative { config, governor: Governor::default(), responses: BTreeMap::new() })
            .collect();
        Self { considered: vec![Considered::default(); each.len()], each }
    }

    fn each(&mut self) -> impl Iterator<Item = (&mut Alternative, &mut Considered)> {
        self.each.iter_mut().zip(&mut self.considered)
    }

    /// Begins an event before which these alerts were closed.
    pub(super) fn begin(&mut self, closed: &[Output]) {
        for (Alternative { config, responses, .. }, considered) in self.each() {
            considered.decision = Decision::None;
            considered.outputs.clear();
            for output in closed {
                let Output::Alert(alert) = output else { continue };
                let response = responses.remove(&alert.id);
                considered.outputs.push(Output::Alert(Box::new(own(alert, config, response.as_ref()))));
            }
        }
    }

    /// Decides about an event of an open episode.
    pub(super) fn decide(&mut self, case: &Case<'_>, alarm: &Alarm, alert: &Alert) {
        for (Alternative { config, governor, responses }, considered) in self.each() {
            let known = responses.get(&alert.id);
            let was_critical = known.is_some_and(|response| response.critical);
            let mut own = own(alert, config, known);
            let before = own.severity;
            let mut effects = Vec::new();
            considered.decision = respond::decide(governor, &Case { config, ..*case }, alarm, &mut own, &mut effects);
            let response = Response {
                critical: was_critical || own.severity > before,
                decision: own.decision,
                withheld: own.withheld,
                revocation: own.revocation.clone(),
            };
            responses.insert(alert.id.clone(), response);
            considered.outputs.push(Output::Alert(Box::new(own)));
            considered.outputs.append(&mut effects);
        }
    }

    /// Looks at a scored event for what needs no episode.
    pub(super) fn observe(&mut self, case: &Case<'_>, last_seen: Option<Timestamp>, reviews: &[Review]) {
        for (Alternative { config, governor, .. }, considered) in self.each() {
            let case = Case { config, ..*case };
            governor.activity.acted(case.time, config.settings(), last_seen);
            let used = respond::watch(governor, &case);
            let reviewed = reviews.iter().filter_map(|r| respond::review(governor, &case, r));
            let alerts: Vec<Alert> = used.into_iter().chain(reviewed).collect();
            considered.outputs.extend(alerts.into_iter().map(|alert| Output::Alert(Box::new(alert))));
        }
    }

    pub(super) fn fill(&mut self, identity_days: f64) {
        for Alternative { config, governor, .. } in &mut self.each {
            governor.fill(identity_days, config.settings());
        }
    }

    pub(super) fn settle(&mut self, alert: &AlertId, verdict: Verdict) {
        self.each.iter_mut().for_each(|alternative| alternative.governor.settle(alert, verdict));
    }

    pub(super) fn release_brake(&mut self) {
        self.each.iter_mut().for_each(|alternative| alternative.governor.release_brake());
    }
}
