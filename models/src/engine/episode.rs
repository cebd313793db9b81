//! Episodes: a run of deviating behaviour of one identity becomes one alert, updated and not repeated.

use super::MODEL_VERSION;
use super::Output;
use super::explain::{Notable, contributions, summary};
use super::handling::{Handling, NOTABLE_NATS};
use super::scoring::Scores;
use super::state::{Episode, LIVE_SESSIONS};
use crate::alert::{Alert, AlertId, AlertKind, Contribution, CredentialRef, Severity};
use crate::assessment::Decision;
use crate::dimension::Dimension;
use crate::event::{Event, Timestamp};
use crate::fingerprint::Kind;

impl Handling<'_> {
    /// Opens the episode or adds the event to it. Returns whether it was opened.
    pub(super) fn extend_episode(
        &mut self,
        at: usize,
        event: &Event,
        time: Timestamp,
        scores: &Scores,
        first_of_session: bool,
        ranked_among: f64,
    ) -> bool {
        let opened = self.state.episode.is_none();
        let fleet_wide = if opened { self.fleet_wide(at) } else { None };
        if opened {
            let alert = self.new_alert(at, event, time, ranked_among);
            self.state.episode = Some(Box::new(Episode { alert, sessions: Vec::new() }));
        }
        let state = &mut *self.state;
        let (Some(episode), Some(session)) = (&mut state.episode, state.live.get(at)) else { return opened };
        if !episode.sessions.contains(&session.key) && episode.sessions.len() < LIVE_SESSIONS {
            episode.sessions.push(session.key);
        }
        let alert = &mut episode.alert;
        alert.updated = alert.updated.max(time);
        alert.event_count += 1;
        alert.evidence = alert.evidence.max(f64::from(session.evidence));
        let side_effect = session.notable.iter().any(|n| n.event.action.is_side_effect());
        let beyond = f64::from(session.evidence) >= (ranked_among + 1.0).ln();
        let severity = match (side_effect, beyond) {
            (true, true) => Severity::High,
            (true, false) => Severity::Medium,
            (false, _) => Severity::Low,
        };
        alert.severity = alert.severity.max(severity);
        let notes = [event.approval.as_ref().map(|a| &a.id), event.break_glass.as_ref().map(|b| &b.id)];
        for note in notes.into_iter().flatten() {
            if !alert.approvals.contains(note) && alert.approvals.len() < Alert::MAX_EVENTS {
                alert.approvals.push(note.clone());
            }
        }
        if event.credential.is_some() {
            alert.credential = credential(event);
        }
        if first_of_session || scores.score() >= NOTABLE_NATS {
            merge_events(alert, &session.notable);
            if opened || f64::from(session.evidence) >= alert.evidence {
                alert.contributions = contributions(&session.notable);
                alert.summary = summary(&alert.contributions) + fleet_wide.as_deref().unwrap_or_default();
                alert.tags = tags(&alert.contributions, &session.notable);
                alert.nearest_session = state.exemplars.nearest_session(&session.tools, self.names);
            }
        }
        opened
    }

    fn new_alert(&self, at: usize, event: &Event, time: Timestamp, ranked_among: f64) -> Alert {
        let state = &*self.state;
        let session = state.live.get(at);
        let evidence = session.map_or(0.0, |s| f64::from(s.evidence));
        let id = self.world.fingerprinter.hex(Kind::Alert, &[&state.tenant, &state.identity, &event.id]);
        Alert {
            id: AlertId(format!("alt_{id}").into()),
            kind: AlertKind::ScopeDrift,
            tenant: state.tenant.clone(),
            identity: state.identity.clone(),
            session: session.map(|s| s.name.clone()).unwrap_or_default(),
            task: event.task.clone(),
            opened: time,
            updated: time,
            closed: false,
            severity: Severity::Low,
            score: evidence,
            p: (-evidence).exp(),
            ranked_among: ranked_among as u64,
            evidence,
            history_sessions: state.history.sessions,
            summary: String::new(),
            contributions: Vec::new(),
            nearest_session: None,
            events: Vec::new(),
            event_count: 0,
            credential: credential(event),
            decision: Decision::Record,
            withheld: None,
            revocation: None,
            tags: Vec::new(),
            approvals: Vec::new(),
            model_version: MODEL_VERSION.into(),
            config_version: self.world.config.version().into(),
        }
    }

    /// Closes the episode if it has been quiet for long enough.
    pub(super) fn close_quiet_episode(&mut self, now: Timestamp, out: &mut Vec<Output>) -> bool {
        let before = now.saturating_sub(self.world.config.settings().episode_quiet.0);
        self.close_episode(before, out)
    }

    /// Closes the episode once its sessions are over and it has been quiet since `before`.
    pub(super) fn close_episode(&mut self, before: Timestamp, out: &mut Vec<Output>) -> bool {
        let state = &mut *self.state;
        let live = |episode: &Episode| {
            state.live.iter().any(|s| s.alarmed && s.last >= before && episode.sessions.contains(&s.key))
        };
        if state.episode.as_ref().is_none_or(|e| live(e) || e.alert.updated >= before) {
            return false;
        }
        if let Some(mut episode) = state.episode.take() {
            episode.alert.closed = true;
            out.push(Output::Alert(Box::new(episode.alert)));
        }
        true
    }
}

fn credential(event: &Event) -> Option<CredentialRef> {
    event.credential.as_ref().map(|c| CredentialRef {
        id: c.id.clone(),
        issuer: c.issuer.clone(),
        scopes: c.scopes.clone(),
        expires_at: c.expires_at,
    })
}

/// Takes the session's notable events into the alert: the strangest [`Alert::MAX_EVENTS`], in order of time.
fn merge_events(alert: &mut Alert, notable: &[Notable]) {
    for note in notable {
        if !alert.events.iter().any(|e| e.id == note.event.id) {
            alert.events.push(note.event.clone());
        }
    }
    while alert.events.len() > Alert::MAX_EVENTS {
        let weakest = alert.events.iter().enumerate().min_by(|a, b| a.1.score.total_cmp(&b.1.score));
        let Some(at) = weakest.map(|(at, _)| at) else { break };
        alert.events.remove(at);
    }
    alert.events.sort_by(|a, b| a.time.cmp(&b.time).then(a.id.cmp(&b.id)));
}

/// Taxonomy tags of what deviated (`standards`, section 10: starting map).
fn tags(contributions: &[Contribution], notable: &[Notable]) -> Vec<Box<str>> {
    let strong = |d: Dimension| contributions.iter().any(|c| c.dimension == d && c.share > 0.15);
    let side_effect = notable.iter().any(|n| n.event.action.is_side_effect());
    let mut tags: Vec<&str> = Vec::new();
    if strong(Dimension::Tool) {
        tags.extend(["ASI03", "MCP02:2025", "NHI5:2025", "AML.T0053"]);
    }
    if strong(Dimension::Target) || strong(Dimension::Volume) {
        tags.extend(["ASI02", "AML.T0086", "T1567"]);
    }
    if strong(Dimension::Chain) && side_effect {
        tags.extend(["ASI01", "AML.T0051"]);
    }
    tags.into_iter().map(Into::into).collect()
}
