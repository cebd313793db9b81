//! Words for what is around a call: its pace, its hour, where it comes from, who stands behind it, what its credential
//! grants, and what leaves with it.

use super::{Explainer, percent, shown};
use crate::baseline::{Grant, Minute, Taint};
use crate::event::ActionOutcome;

impl Explainer<'_> {
    pub(super) fn rate(&self) -> (String, String) {
        let [calls, on_one] = Minute::counts(self.scores.minute).map(f64::round);
        let own = &self.baseline.rate;
        let failed = match self.event.outcome {
            ActionOutcome::Success => "",
            ActionOutcome::Denied => ", this one denied",
            ActionOutcome::Error => ", this one failed",
        };
        let gap = if self.step.gap >= 0.0 {
            format!("{} after the call before; ", seconds(f64::from(self.step.gap)))
        } else {
            String::new()
        };
        let actual = format!("{gap}{calls} calls within the minute, {on_one} of them on one target{failed}");
        let failures = percent(own.failure_rate(&self.group.rate));
        let typical = match (own.usual_gap(), own.usual_per_minute()) {
            (Some(gap), Some(calls)) => {
                format!("a call every {}, {calls:.1} in a busy minute, {failures} fail", seconds(gap))
            }
            _ => format!("no pace known yet; {failures} of the peers' calls fail"),
        };
        (actual, typical)
    }

    pub(super) fn schedule(&self) -> (String, String) {
        let Some(start) = self.setting.and_then(crate::baseline::Setting::start) else {
            return <(String, String)>::default();
        };
        let day = if start.weekend { "a weekend" } else { "a weekday" };
        let own = self.baseline.hours.over(&self.group.hours.over(&crate::estimator::hours::Hours::uniform()));
        let share = own.probability(start);
        let n = self.baseline.hours.n();
        (
            format!("a session that starts at {:02}:00 UTC on {day}", start.hour),
            format!("{} of its sessions start then; {n:.0} starts known", percent(share)),
        )
    }

    pub(super) fn context(&self) -> (String, String) {
        let Some(setting) = self.setting else { return <(String, String)>::default() };
        let [workload, network, client] = self.baseline.context.novelties(setting.context);
        let source = self.event.source.as_ref();
        let text = |text: Option<&Box<str>>| text.map_or_else(|| "none told".to_owned(), |t| format!("`{}`", shown(t)));
        let parts = [
            (workload, "workload", text(source.and_then(|s| s.workload.as_ref()))),
            (network, "network of", text(source.and_then(|s| s.ip.as_ref()))),
            (client, "client", text(source.and_then(|s| s.user_agent.as_ref()))),
        ];
        let new: Vec<String> =
            parts.iter().filter(|(new, ..)| *new).map(|(_, what, value)| format!("{what} {value}")).collect();
        let changed = if setting.start.is_none() { "; the source changed within the session" } else { "" };
        let source = if new.is_empty() {
            "a known source".to_owned()
        } else {
            format!("never seen with this identity: {}", new.join(", "))
        };
        let shared =
            if setting.credential_shared == Some(true) { "another identity used its credential last; " } else { "" };
        let actual = format!("{shared}{source}{changed}");
        (actual, "the workloads, networks and clients of its past sessions, one throughout a session".to_owned())
    }

    pub(super) fn delegation(&self) -> (String, String) {
        let Some(setting) = self.setting else { return <(String, String)>::default() };
        let keys = setting.delegation;
        let parent = match &self.event.parent {
            Some(parent) => format!("delegated by `{}`", shown(&parent.identity)),
            None => "delegated by nobody".to_owned(),
        };
        let new_parent = if self.baseline.delegation.knows_parent(keys) { "" } else { ", which is new" };
        let person = match &self.event.on_behalf_of {
            Some(person) if !self.baseline.knows_person(keys) => {
                format!("; on behalf of `{}`, who is new", shown(person))
            }
            Some(person) => format!("; on behalf of `{}`", shown(person)),
            None => String::new(),
        };
        let beyond = if keys.beyond_parent == Some(true) { "; it was granted what its parent was not" } else { "" };
        (format!("{parent}{new_parent}{person}{beyond}"), "the parents and people of its past sessions".to_owned())
    }

    pub(super) fn scope(&self) -> (String, String) {
        let name = self.tool_name();
        let granted = self.event.credential.as_ref().map_or(&[][..], |c| &c.scopes);
        let list: Vec<String> = granted.iter().take(8).map(|s| format!("`{}`", shown(s))).collect();
        let actual = match self.step.grant {
            Grant::Uncovered => format!("`{name}` is covered by no granted scope"),
            Grant::Covered(scope) if self.baseline.scope.exercised(scope) <= 0.0 => {
                format!("`{name}` uses a granted scope that was never exercised before")
            }
            _ => format!("`{name}` is inside the grant"),
        };
        (actual, format!("granted: {}", if list.is_empty() { "nothing told".to_owned() } else { list.join(", ") }))
    }

    pub(super) fn flow(&self) -> (String, String) {
        let name = self.tool_name();
        let read = match self.step.leaving {
            Taint::Restricted => "after restricted data was read",
            Taint::Confidential => "after confidential data was read",
            _ => "with nothing sensitive read before",
        };
        let [any, _] = self.baseline.flow.rates(&self.group.flow);
        (
            format!("`{name}` sends outside {read} in this session"),
            format!("{} of its calls outside follow a sensitive read", percent(any)),
        )
    }
}

fn seconds(seconds: f64) -> String {
    match seconds {
        s if s < 1.0 => format!("{:.0} ms", s * 1e3),
        s if s < 120.0 => format!("{s:.1} s"),
        s if s < 7200.0 => format!("{:.0} min", s / 60.0),
        s => format!("{:.0} h", s / 3600.0),
    }
}
