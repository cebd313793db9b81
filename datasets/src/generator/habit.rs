//! What differs from session to session of one agent: style, how busy it is, and which token it takes.

use std::time::Duration;

use models::event::{Credential, Timestamp};

use super::dice::Dice;

/// Standard deviation of the logarithm of how busy a session is.
const BUSY_SPREAD: f64 = 0.35;

/// One of an agent's ways to run a session.
#[derive(Debug, Clone, Copy)]
pub(super) struct Style {
    /// How often, against the other styles.
    weight: f64,
    /// Chance to leave a step of the task out.
    skip: f64,
    /// Factor on staying with a tool.
    again: f64,
    /// Factor on the volumes.
    volume: f64,
    /// Factor on the pauses.
    pace: f64,
}

impl Style {
    /// Two or three styles: the usual one, a brief one, and for some agents a thorough one.
    pub(super) fn some(dice: &mut Dice) -> Vec<Self> {
        let usual = Self { weight: 1.0, skip: 0.0, again: 1.0, volume: 1.0, pace: 1.0 };
        let brief = Self {
            weight: 0.15 + 0.25 * dice.unit(),
            skip: 0.15 + 0.2 * dice.unit(),
            again: 0.5,
            volume: dice.log_normal(0.6, 0.15),
            pace: dice.log_normal(0.6, 0.15),
        };
        let thorough = Self {
            weight: 0.1 + 0.2 * dice.unit(),
            skip: 0.0,
            again: dice.log_normal(2.2, 0.15),
            volume: dice.log_normal(1.7, 0.15),
            pace: dice.log_normal(1.4, 0.15),
        };
        let mut styles = vec![usual, brief];
        styles.extend(dice.chance(0.6).then_some(thorough));
        styles
    }
}

/// How one session goes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Mood {
    pub(super) skip: f64,
    pub(super) again: f64,
    pub(super) volume: f64,
    pub(super) pace: f64,
    /// Factor on the chance of new targets.
    pub(super) eager: f64,
}

impl Mood {
    /// A busy session has more calls, more new targets and more bytes: all follow from one number.
    pub(super) fn of(styles: &[Style], dice: &mut Dice) -> Self {
        let weights: [f64; 3] = std::array::from_fn(|i| styles.get(i).map_or(0.0, |style| style.weight));
        let style = styles.get(dice.weighted(&weights)).copied();
        let style = style.unwrap_or(Style { weight: 1.0, skip: 0.0, again: 1.0, volume: 1.0, pace: 1.0 });
        let busy = dice.log_normal(1.0, BUSY_SPREAD);
        Self { skip: style.skip, again: style.again * busy, volume: style.volume * busy, pace: style.pace, eager: busy }
    }
}

/// An agent's habit with tokens: how long they live, and whether sessions share one.
#[derive(Debug, Clone)]
pub(super) struct Tokens {
    life: Duration,
    shared: bool,
    held: Option<Credential>,
}

impl Tokens {
    pub(super) fn new(dice: &mut Dice) -> Self {
        let (hours, shared) = match dice.unit() {
            u if u < 0.55 => (1, false),
            u if u < 0.85 => (8, true),
            _ => (24, true),
        };
        Self { life: Duration::from_hours(hours), shared, held: None }
    }

    /// The token it holds, if its habit is to use it again and it lasts for another session.
    pub(super) fn held(&self, now: Timestamp) -> Option<Credential> {
        let held = self.held.as_ref().filter(|_| self.shared)?;
        let fits = held.issued_at? <= now && held.expires_at? >= now.saturating_add(Duration::from_hours(1));
        fits.then(|| held.clone())
    }

    pub(super) fn keep(&mut self, token: Credential) {
        self.held = self.shared.then_some(token);
    }

    /// A new token, issued shortly before `now`.
    pub(super) fn issue(&self, now: Timestamp, scopes: Vec<Box<str>>, domain: &str, dice: &mut Dice) -> Credential {
        let issued_at = now.saturating_sub(Duration::from_millis(dice.between(200, 5000)));
        Credential {
            id: format!("tok-{:016x}", dice.bits()).into(),
            issuer: Some(format!("https://sts.{domain}").into()),
            scopes,
            issued_at: Some(issued_at),
            expires_at: Some(issued_at.saturating_add(self.life)),
        }
    }
}
