//! What goes on once it has begun, for one identity or for several: ramps, leaked keys and a shared account.

use std::collections::HashSet;

use datasets::scenario::{LEAK_DAYS, RAMP_DAYS, Scenario, grow, share_account};
use models::event::{Credential, Event, Timestamp};

/// Identities that an attack on several takes, if nobody is named.
const SEVERAL: usize = 5;
const SECONDS_PER_DAY: f64 = 86_400.0;

/// An attack that is under way.
#[derive(Debug)]
pub(super) struct Lasting {
    pub(super) scenario: Scenario,
    since: Timestamp,
    /// Whom it has taken, with the tenant.
    taken: HashSet<(Box<str>, Box<str>)>,
    /// How many it may take.
    most: usize,
    /// Sessions that have their label, as the tenant, identity and name.
    sessions: HashSet<(Box<str>, Box<str>, Box<str>)>,
}

/// Whether a scenario goes on after the session in which it began.
pub(super) fn lasts(scenario: Scenario) -> bool {
    scenario.daily_growth().is_some() || is_on_several(scenario)
}

fn is_on_several(scenario: Scenario) -> bool {
    matches!(scenario, Scenario::LeakedKeys | Scenario::SharedAccount)
}

impl Lasting {
    /// Begins with `host`; without a name, what is done to several goes on to those who act next.
    pub(super) fn begin(scenario: Scenario, host: &Event, is_named: bool) -> Self {
        let most = if is_on_several(scenario) && !is_named { SEVERAL } else { 1 };
        let taken = HashSet::from([of(host)]);
        Self { scenario, since: host.time, taken, most, sessions: HashSet::new() }
    }

    /// Changes an event that it is about. `true` for the first one of a session.
    pub(super) fn take(&mut self, event: &mut Event) -> bool {
        let days = event.time.seconds_since(self.since) / SECONDS_PER_DAY;
        let lasts = match self.scenario {
            Scenario::LeakedKeys => LEAK_DAYS,
            Scenario::SharedAccount => f64::INFINITY,
            _ => RAMP_DAYS,
        };
        if days > lasts {
            return false;
        }
        if self.taken.len() < self.most {
            self.taken.insert(of(event));
        }
        if !self.taken.contains(&of(event)) {
            return false;
        }
        match self.scenario.daily_growth() {
            Some(growth) => *event = grow(event.clone(), (1.0 + growth).powf(days.max(0.0))),
            None if self.scenario == Scenario::SharedAccount => {
                share_account(event.credential.get_or_insert_with(blank_credential));
            }
            None => {}
        }
        let Some(session) = event.session.clone() else { return false };
        let (tenant, identity) = of(event);
        self.sessions.insert((tenant, identity, session))
    }
}

fn of(event: &Event) -> (Box<str>, Box<str>) {
    (event.tenant.clone(), event.identity.clone())
}

/// What a credential is made of where the recording has none.
pub(super) fn blank_credential() -> Credential {
    Credential { id: "".into(), issuer: None, scopes: Vec::new(), issued_at: None, expires_at: None }
}
