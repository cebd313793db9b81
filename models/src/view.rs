//! Read-only pictures of the engine's state, for people: the console, the API and reports.

use serde::Serialize;

use crate::decision::Mode;
use crate::event::{Action, Timestamp};

/// What is known of one identity.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct IdentityView {
    /// Tenant.
    pub tenant: Box<str>,
    /// The identity.
    pub identity: Box<str>,
    /// Its peer group.
    pub group: Box<str>,
    /// Event time of its first and of its newest event.
    pub first_seen: Timestamp,
    /// Event time of its newest event.
    pub last_seen: Timestamp,
    /// Events scored.
    pub events: u64,
    /// Sessions completed.
    pub sessions: u32,
    /// Whether it has enough history to be revoked on learned surprise.
    pub mature: bool,
    /// How much its own history counts against that of the fleet, 0 to 1: `n / (n + 10)` after `n` sessions.
    pub maturity: f64,
    /// Its tools, most used first.
    pub tools: Vec<ToolView>,
    /// The scopes of its newest credential, most exercised first. Those never exercised are what it could do without: the
    /// least-privilege proposal.
    pub scopes: Vec<ScopeView>,
    /// Its most usual steps from one tool to the next.
    pub steps: Vec<StepView>,
    /// Distinct targets remembered (bounded; the oldest are forgotten).
    pub known_targets: u32,
    /// Events kept from being learned until their session is cleared.
    pub waiting: u32,
    /// Live sessions.
    pub live_sessions: u32,
    /// Memory of its state, in bytes.
    pub bytes: usize,
}

/// One tool of a baseline.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ToolView {
    /// Server and tool, as `server/tool`, or the tool alone.
    pub name: Box<str>,
    /// The action.
    pub action: Action,
    /// Share of the identity's calls, 0 to 1.
    pub share: f64,
    /// Decayed number of calls.
    pub calls: f64,
    /// Share of calls that meet a target new for this tool, 0 to 1.
    pub new_target_rate: f64,
    /// Typical bytes sent to the tool (the middle 90 %); absent with fewer than 5 calls.
    pub bytes_in: Option<(u64, u64)>,
    /// Typical bytes received from the tool (the middle 90 %); absent with fewer than 5 calls.
    pub bytes_out: Option<(u64, u64)>,
}

/// One granted scope.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ScopeView {
    /// The scope as the credential names it.
    pub name: Box<str>,
    /// Decayed number of calls that it covered; 0 if none ever did.
    pub exercised: f64,
}

/// A usual step from one tool to the next.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StepView {
    /// The tool before.
    pub from: Box<str>,
    /// The tool after.
    pub to: Box<str>,
    /// Share of the steps out of `from`, 0 to 1.
    pub share: f64,
}

/// Whether a budget is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kept {
    /// Even if every unsettled alert were false, there would not be surely more than accepted.
    Yes,
    /// It depends on alerts that nobody has settled, or fewer than three false ones would be accepted so far.
    Unclear,
    /// More have been called false than chance explains (Poisson, 5 %).
    No,
}

/// A budget against what became of it in the last thirty days of event time.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct PromiseView {
    /// Whether it is kept.
    pub kept: Kept,
    /// Days on which an identity acted, summed over identities.
    pub identity_days: u64,
    /// False ones that the budget accepts over these identity-days.
    pub accepted: f64,
    /// How many there were, true and false.
    pub raised: u64,
    /// How many an analyst called false: there are at least so many.
    pub refuted: u64,
    /// How many nobody has settled: there are at most so many more.
    pub unsettled: u64,
}

/// The engine as a whole.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EngineView {
    /// Identities with a baseline.
    pub identities: u64,
    /// Identities with enough history to be revoked on learned surprise.
    pub mature: u64,
    /// Largest event time seen.
    pub event_time: Timestamp,
    /// Version of the shared knowledge (group tables, session ranks) in use; grows by one an epoch.
    pub snapshot: u64,
    /// Past sessions that ranks are taken among, all maturity classes.
    pub ranked_sessions: u64,
    /// Mode where no rule matches.
    pub mode: Mode,
    /// False alerts that the operator accepts per 1,000 identity-days.
    pub promised_alerts_per_1000_identity_days: f64,
    /// Alerts opened per 1,000 identity-days so far, true and false; absent before one identity-day.
    pub alerts_per_1000_identity_days: Option<f64>,
    /// Whether the budget of false alerts is kept.
    pub alert_promise: PromiseView,
    /// Whether the budget of false revocations is kept.
    pub revocation_promise: PromiseView,
    /// Automatic revocations that the ledger still allows.
    pub ledger: f64,
    /// Whether the brake is open.
    pub brake_open: bool,
    /// Memory of all identities, in bytes.
    pub bytes: usize,
}
