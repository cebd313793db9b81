//! The lanes in which evidence is gathered, and how much each may claim.

use std::sync::LazyLock;

/// Logarithms of the shares below, taken once: more than twenty an event otherwise.
static LN_SHARES: LazyLock<[f64; Lane::COUNT]> = LazyLock::new(|| Lane::ALL.map(|lane| lane.share().ln()));
static LN_EVENT_SHARES: LazyLock<[Option<f64>; Lane::COUNT]> =
    LazyLock::new(|| Lane::ALL.map(|lane| lane.event_share().map(f64::ln)));

/// An accumulator of evidence within a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(usize)]
pub(crate) enum Lane {
    // The first are the dimensions, in their order.
    Tool,
    Target,
    Chain,
    Volume,
    Rate,
    Schedule,
    Context,
    Delegation,
    Scope,
    Flow,
    /// Tool, order and target of the same call together, weighed by what the call does: what a hijack looks like.
    Joint,
    /// The strangest event of the session.
    Peak,
    /// Bytes summed over the session.
    Level,
    /// Mean surprise of the order of calls.
    Mean,
    /// How much more the calls look like those of a peer than like its own.
    Kin,
    /// All lanes together.
    Fused,
}

impl Lane {
    pub(crate) const COUNT: usize = 16;
    /// Lanes that are fed by single events.
    pub(crate) const EVENT: usize = 11;
    pub(crate) const ALL: [Lane; Self::COUNT] = [
        Lane::Tool,
        Lane::Target,
        Lane::Chain,
        Lane::Volume,
        Lane::Rate,
        Lane::Schedule,
        Lane::Context,
        Lane::Delegation,
        Lane::Scope,
        Lane::Flow,
        Lane::Joint,
        Lane::Peak,
        Lane::Level,
        Lane::Mean,
        Lane::Kin,
        Lane::Fused,
    ];

    /// `ln` of the lane's share of a session's error level.
    pub(crate) fn ln_share(self) -> f64 {
        LN_SHARES.get(self as usize).copied().unwrap_or_default()
    }

    /// `ln` of the lane's share of a single event's error level. `None`: the joint lane speaks for it.
    pub(crate) fn ln_event_share(self) -> Option<f64> {
        LN_EVENT_SHARES.get(self as usize).copied().flatten()
    }

    /// The lane's share of a session's error level; shares sum to 1 (`model-notes`, section 7.5). The strangest event
    /// has the most: in recorded hijacks one or two calls do the harm, and what accumulates over the others hides them.
    fn share(self) -> f64 {
        match self {
            Lane::Peak => 0.60,
            Lane::Joint => 0.08,
            Lane::Volume | Lane::Level | Lane::Context => 0.05,
            Lane::Fused | Lane::Target => 0.03,
            Lane::Rate | Lane::Kin | Lane::Scope | Lane::Flow => 0.02,
            Lane::Tool => 0.01,
            Lane::Chain | Lane::Mean | Lane::Delegation | Lane::Schedule => 0.005,
        }
    }

    /// The lane's share of a single event's error level; shares sum to 1.
    fn event_share(self) -> Option<f64> {
        let share = match self {
            Lane::Joint => 0.84,
            Lane::Context => 0.05,
            Lane::Flow => 0.03,
            Lane::Rate | Lane::Delegation | Lane::Scope => 0.02,
            Lane::Volume | Lane::Schedule => 0.01,
            _ => return None,
        };
        Some(share)
    }

    /// Whether its events multiply. What is said once a session, or again only when it changes, counts by its strongest.
    pub(crate) fn accumulates(self) -> bool {
        matches!(self, Lane::Tool | Lane::Target | Lane::Chain | Lane::Volume | Lane::Rate | Lane::Joint)
    }

    /// Whether a session's maximum is compared with the identity's own past first. What counts by its strongest event is
    /// already relative to the identity.
    pub(crate) fn is_standardised(self) -> bool {
        self.accumulates() || matches!(self, Lane::Level | Lane::Mean | Lane::Kin | Lane::Fused)
    }

    /// Whether its scores follow from few cases, so that many events share one.
    pub(super) fn is_tied(self) -> bool {
        matches!(self, Lane::Schedule | Lane::Context | Lane::Delegation | Lane::Scope | Lane::Flow)
    }

    /// Nats of the score that make one nat of surprise before anything has been learned: scores that add up several
    /// surprises which are not independent.
    pub(super) fn nominal_scale(self) -> f64 {
        match self {
            Lane::Joint => 4.0,
            Lane::Context => 2.0,
            _ => 1.0,
        }
    }
}
