//! The engine's state for people.

use super::explain::typical_bytes;
use super::persist::bytes_of;
use super::shard::{Shard, shard_of};
use super::state::IdentityState;
use super::{Engine, SHARDS};
use crate::fingerprint::Kind;
use crate::view::{EngineView, IdentityView, ScopeView, StepView, ToolView};

/// Steps shown of one identity.
const STEPS: usize = 12;

impl Engine {
    /// What is known of one identity; `None` if it has no baseline.
    pub fn identity(&self, tenant: &str, identity: &str) -> Option<IdentityView> {
        let fingerprint = self.fingerprinter.of(Kind::Identity, &[tenant, identity]);
        let shard = self.shards.get(shard_of(fingerprint, SHARDS))?;
        let state = &shard.find(fingerprint)?.state;
        let calls = state.baseline.calls().max(1e-9);
        let peers = self.snapshot.tenant(state.tenant_fingerprint).unwrap_or(&self.nobody).group(state.group);
        let mut tools: Vec<ToolView> = state
            .baseline
            .tools()
            .iter()
            .map(|tool| {
                let [sent, received] = &tool.bytes;
                let peers = shard.names.fingerprint(tool.key).map(|f| peers.novelty(f).new).unwrap_or_default();
                ToolView {
                    name: shard.names.tool(tool.key),
                    action: shard.names.action(tool.key),
                    share: f64::from(tool.count) / calls,
                    calls: f64::from(tool.count),
                    new_target_rate: tool.novelty.shrunk(peers.alone()),
                    bytes_in: typical_bytes(sent),
                    bytes_out: typical_bytes(received),
                }
            })
            .collect();
        tools.sort_by(|a, b| b.calls.total_cmp(&a.calls).then(a.name.cmp(&b.name)));
        Some(IdentityView {
            tenant: state.tenant.clone(),
            identity: state.identity.clone(),
            group: self.group_label(state, shard).into(),
            first_seen: state.first_seen,
            last_seen: state.last_seen,
            events: state.events,
            sessions: state.history.sessions,
            maturity: state.history.maturity(),
            scopes: scopes(state, shard),
            mature: state.history.sessions >= self.config.settings().mature_sessions,
            tools,
            steps: self.steps(fingerprint),
            known_targets: state.baseline.known_targets() as u32,
            waiting: state.waiting.iter().map(|w| w.case.lesson.steps.len() as u32).sum(),
            live_sessions: state.live.len() as u32,
            bytes: state.bytes(),
        })
    }

    /// Name of the peer group; one that was found is told by what is typical of it.
    fn group_label(&self, state: &IdentityState, shard: &Shard) -> String {
        let (Some(number), Some(tenant)) = (state.behaviour, self.snapshot.tenant(state.tenant_fingerprint)) else {
            return state.group_name();
        };
        let typical = tenant.clusters.typical(number);
        let names: Vec<_> = typical.iter().take(3).map(|(key, _)| String::from(shard.names.tool(*key))).collect();
        format!("{} ({})", state.group_name(), names.join(", "))
    }

    fn steps(&self, fingerprint: u64) -> Vec<StepView> {
        let Some(shard) = self.shards.get(shard_of(fingerprint, SHARDS)) else { return Vec::new() };
        let Some(slot) = shard.find(fingerprint) else { return Vec::new() };
        let baseline = &slot.state.baseline;
        let own: Vec<(u64, &str)> = shard.names.tools().filter(|(tool, _)| baseline.tool(*tool).is_some()).collect();
        let mut steps = Vec::new();
        for (from, from_name) in &own {
            for (to, to_name) in &own {
                let share = baseline.share_after(*from, *to);
                if share >= 0.05 {
                    let weight = share * baseline.tool(*from).map_or(0.0, |t| f64::from(t.count));
                    steps.push((weight, StepView { from: (*from_name).into(), to: (*to_name).into(), share }));
                }
            }
        }
        steps.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| (&a.1.from, &a.1.to).cmp(&(&b.1.from, &b.1.to))));
        steps.into_iter().take(STEPS).map(|(_, step)| step).collect()
    }

    /// The engine as a whole. O(identities).
    pub fn view(&self) -> EngineView {
        let settings = self.config.settings();
        let mature = |shard: &super::shard::Shard| {
            shard.slots.iter().filter(|s| s.state.history.sessions >= settings.mature_sessions).count() as u64
        };
        EngineView {
            identities: self.shards.iter().map(|s| s.slots.len() as u64).sum(),
            mature: self.shards.iter().map(mature).sum(),
            event_time: self.clocks.latest(),
            snapshot: self.snapshot.version,
            ranked_sessions: self.snapshot.ranked_sessions(),
            mode: settings.mode,
            promised_alerts_per_1000_identity_days: settings.budget.false_alerts_per_1000_identity_days,
            alerts_per_1000_identity_days: (self.live_identity_days >= 1.0)
                .then(|| self.governor.alerts_opened as f64 / self.live_identity_days * 1e3),
            alert_promise: self.governor.promise.alerts(settings.budget.false_alerts_per_1000_identity_days),
            revocation_promise: (self.governor.promise)
                .revocations(settings.budget.false_revocations_per_million_identity_days),
            ledger: self.governor.ledger(),
            brake_open: self.governor.brake_open(),
            bytes: self.shards.iter().map(bytes_of).sum(),
        }
    }
}

fn scopes(state: &IdentityState, shard: &Shard) -> Vec<ScopeView> {
    let view = |key: &u32| ScopeView {
        name: shard.names.scope(*key),
        exercised: state.baseline.scope.exercised(u64::from(*key) << 32),
    };
    let mut scopes: Vec<ScopeView> = state.granted.iter().map(view).collect();
    scopes.sort_by(|a, b| b.exercised.total_cmp(&a.exercised).then(a.name.cmp(&b.name)));
    scopes
}
