//! All that is kept of one identity, in bounded memory.

use serde::{Deserialize, Serialize};

use super::exemplar::Exemplars;
use super::session::{CHECKPOINTS, Session};
use super::verdict::{Case, Verdicts};
use crate::alert::{Alert, AlertId};
use crate::baseline::{Baseline, Minute};
use crate::calibration::{Lane, SessionRecord};
use crate::estimator::drift::FrozenReference;
use crate::estimator::exceedance::Exceedances;
use crate::estimator::normal::Moments;
use crate::estimator::recent::RecentSet;
use crate::event::Timestamp;

/// Event ids remembered to recognise a second delivery (4 bytes each).
pub(super) const ID_SLOTS: usize = 128;
/// Live sessions of one identity; the oldest is completed when another starts.
pub(super) const LIVE_SESSIONS: usize = 8;
/// Sessions that wait to be cleared; the oldest is dropped unlearned when another comes.
pub(super) const WAITING_SESSIONS: usize = 2;

/// Scopes kept of a credential.
pub(super) const GRANTED: usize = 16;

/// How past sessions of an identity went.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct History {
    /// Sessions completed.
    pub sessions: u32,
    /// `ln(1 + bytes)` of a session.
    pub totals: Moments,
    /// Mean surprise of the order of calls after 8, 16, .. 256 of them.
    pub means: [Moments; CHECKPOINTS],
    /// Exponentially weighted mean and variance of each lane's maximum.
    lanes: [[f32; 2]; Lane::COUNT],
}

/// Sessions of the fleet that weigh as much as the identity's own.
const FLEET_WEIGHT: f64 = 10.0;
/// Sessions over which an identity's lane mean is taken.
const LANE_MEMORY: f64 = 100.0;

impl History {
    /// Mean and scale of a lane's maximum, shrunk towards the fleet's; the scale is at least half the fleet's.
    pub(super) fn lane(&self, lane: usize, (fleet_mean, fleet_scale): (f64, f64)) -> (f64, f64) {
        let n = f64::from(self.sessions).min(LANE_MEMORY);
        let [mean, variance] = self.lanes.get(lane).copied().unwrap_or_default().map(f64::from);
        let shrunk = |fleet: f64, own: f64| (FLEET_WEIGHT * fleet + n * own) / (FLEET_WEIGHT + n);
        let scale = shrunk(fleet_scale * fleet_scale, variance).sqrt().max(fleet_scale / 2.0);
        (shrunk(fleet_mean, mean), scale)
    }

    /// How much the identity's own history counts against the fleet's, 0 to 1.
    pub(super) fn maturity(&self) -> f64 {
        let n = f64::from(self.sessions);
        n / (n + FLEET_WEIGHT)
    }

    /// Learns one completed session.
    pub(super) fn learn(&mut self, record: &SessionRecord, session: &Session) {
        let rate = 1.0 / (f64::from(self.sessions).min(LANE_MEMORY) + 1.0);
        for ([mean, variance], raw) in self.lanes.iter_mut().zip(record.raw) {
            let delta = f64::from(raw) - f64::from(*mean);
            *mean += (rate * delta) as f32;
            *variance += (rate * (delta * delta * (1.0 - rate) - f64::from(*variance))) as f32;
        }
        let own = std::iter::once((&mut self.totals, Some((1.0 + session.bytes).ln())));
        let means = session.means.map(|mean| mean.map(f64::from));
        for (moments, y) in own.chain(self.means.iter_mut().zip(means)) {
            let Some(y) = y else { continue };
            moments.push_winsorised(y);
            if moments.n() > LANE_MEMORY {
                moments.decay(0.5);
            }
        }
        self.sessions = self.sessions.saturating_add(1);
    }
}

/// An open alert, and when its newest event was.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Episode {
    pub alert: Alert,
    /// Keys of the sessions that belong to it.
    pub sessions: Vec<u64>,
}

/// A session that is kept from being learned.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Waiting {
    /// When time clears it; never, if it alarmed: then a verdict does.
    pub until: Option<Timestamp>,
    /// The alert it belongs to, if it alarmed.
    pub alert: Option<AlertId>,
    pub case: Case,
}

/// All that is kept of one identity.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct IdentityState {
    pub fingerprint: u64,
    /// Partition of its newest event, whose clock tells when its sessions are idle.
    pub partition: u32,
    pub identity: Box<str>,
    pub tenant: Box<str>,
    pub tenant_fingerprint: u64,
    pub group: u64,
    /// Number of the group that it was found to behave like, where none is declared.
    pub behaviour: Option<u32>,
    pub first_seen: Timestamp,
    pub last_seen: Timestamp,
    pub decayed: Timestamp,
    /// Day (since the epoch) of its newest event.
    pub day: i64,
    pub events: u64,
    /// The running minute.
    pub minute: Minute,
    pub baseline: Baseline,
    pub history: History,
    pub ids: RecentSet,
    /// Evidence across sessions: alerts, revocations.
    pub across: [f64; 2],
    /// How strange its past sessions were, by their ranks.
    pub habits: Exceedances,
    /// Past sessions that stand for the kinds of session it has.
    pub exemplars: Exemplars,
    /// Volume against weeks that stay as they were.
    pub drift: FrozenReference,
    /// Fingerprint of the revision it declares, 0 for none, and until when deviations may belong to that change.
    pub revision: u64,
    pub regime_until: Option<Timestamp>,
    /// Scopes of its newest credential, the upper halves of their fingerprints.
    pub granted: Vec<u32>,
    /// What has been said once: notices to people, and oddities to the group.
    pub notices: RecentSet,
    #[expect(
        clippy::vec_box,
        reason = "sessions come and go and are searched by their keys: a pointer moves, not half a kilobyte"
    )]
    pub live: Vec<Box<Session>>,
    pub waiting: Vec<Waiting>,
    pub verdicts: Verdicts,
    pub episode: Option<Box<Episode>>,
}

impl IdentityState {
    /// Memory in bytes.
    pub(super) fn bytes(&self) -> usize {
        size_of::<Self>()
            + self.identity.len()
            + self.tenant.len()
            + self.baseline.bytes()
            + self.ids.bytes()
            + self.exemplars.bytes()
            + self.notices.bytes()
            + self.granted.capacity() * size_of::<u32>()
            + self.live.capacity() * size_of::<Box<Session>>()
            + self.live.iter().map(|session| session.bytes()).sum::<usize>()
            + self.waiting.iter().map(|w| size_of::<Waiting>() + w.case.bytes()).sum::<usize>()
            + self.verdicts.bytes()
            + self.episode.as_ref().map_or(0, |_| size_of::<Episode>())
    }
}
