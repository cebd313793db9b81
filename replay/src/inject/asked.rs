//! What is asked for, as the command line says it.

use std::str::FromStr;
use std::time::Duration;

use datasets::scenario::Scenario;
use models::config::Span;
use models::event::Timestamp;

use crate::report::shown;

/// Characters of a name that are shown.
const NAME: usize = 120;

/// One attack to put in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Injection {
    pub(super) scenario: Scenario,
    pub(super) at: Timestamp,
    /// Whoever acts next, if nobody is named.
    pub(super) identity: Option<String>,
}

impl FromStr for Injection {
    type Err = String;

    /// `SCENARIO@TIME` or `SCENARIO@TIME:IDENTITY`.
    fn from_str(text: &str) -> Result<Self, String> {
        let (name, rest) = text.split_once('@').ok_or_else(|| format!("`{text}` is not SCENARIO@TIME[:IDENTITY]"))?;
        let scenario: Scenario = name.parse().map_err(|error| format!("{error}"))?;
        if !scenario.is_attack() {
            return Err(format!(
                "`{name}` is no attack and needs a generated population; `driftwatch-datasets generate` makes one"
            ));
        }
        // Times and identities both hold colons: the first part that is a time is the time.
        let ends = rest.match_indices(':').map(|(place, _)| place).chain([rest.len()]);
        let mut split = ends.filter_map(|end| Some((rest.get(..end)?.parse::<Timestamp>().ok()?, rest.get(end + 1..))));
        let (at, identity) =
            split.next_back().ok_or_else(|| format!("`{rest}` does not begin with an RFC 3339 time"))?;
        Ok(Self { scenario, at, identity: identity.map(ToOwned::to_owned) })
    }
}

/// A share of events that come later than they happened.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Delay {
    pub(super) share: f64,
    pub(super) by: Duration,
}

impl FromStr for Delay {
    type Err = String;

    /// `SHARE:SPAN`, such as `0.1:10m`.
    fn from_str(text: &str) -> Result<Self, String> {
        let (number, span) =
            text.split_once(':').ok_or_else(|| format!("`{text}` is not SHARE:SPAN, such as `0.1:10m`"))?;
        Ok(Self { share: share(number)?, by: span.parse::<Span>()?.0 })
    }
}

/// Identities whose clock is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skew {
    pub(super) prefix: String,
    pub(super) ahead: bool,
    pub(super) by: Duration,
}

impl FromStr for Skew {
    type Err = String;

    /// `IDENTITY-PREFIX:SPAN`, the span with a minus for a clock that is slow.
    fn from_str(text: &str) -> Result<Self, String> {
        let (prefix, span) = text.rsplit_once(':').ok_or_else(|| format!("`{text}` is not IDENTITY-PREFIX:SPAN"))?;
        let slow = span.strip_prefix('-');
        let by = slow.unwrap_or(span).parse::<Span>()?.0;
        Ok(Self { prefix: prefix.to_owned(), ahead: slow.is_none(), by })
    }
}

/// Reads a share of events.
///
/// # Errors
/// When it is no number from 0 to 1.
pub fn share(text: &str) -> Result<f64, String> {
    let share = text.parse::<f64>().ok().filter(|share| (0.0..=1.0).contains(share));
    share.ok_or_else(|| format!("`{text}` is not a share from 0 to 1"))
}

/// What is changed about the scored events.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct WhatIf {
    /// Attacks to put in.
    pub injections: Vec<Injection>,
    /// Share of the events that never come.
    pub drop: f64,
    /// Events that come late.
    pub delay: Option<Delay>,
    /// Clocks that are wrong.
    pub skew: Vec<Skew>,
    /// Everything follows from it.
    pub seed: u64,
}

impl WhatIf {
    /// What is changed, for people.
    pub fn words(&self) -> Vec<String> {
        let mut words: Vec<String> = self
            .injections
            .iter()
            .map(|i| {
                let who = i.identity.as_deref().map_or_else(|| "whoever acts next".to_owned(), |who| shown(who, NAME));
                format!("{} was put in from {} on, into {who}", i.scenario.name(), i.at)
            })
            .collect();
        words.extend((self.drop > 0.0).then(|| format!("a share of {} never comes", self.drop)));
        words.extend(self.delay.map(|d| format!("a share of {} comes {} late", d.share, Span(d.by))));
        words.extend(self.skew.iter().map(|skew| {
            let direction = if skew.ahead { "ahead" } else { "behind" };
            format!("the clock of `{}…` is {} {direction}", shown(&skew.prefix, NAME), Span(skew.by))
        }));
        words
    }

    /// Whether nothing is changed.
    pub fn is_nothing(&self) -> bool {
        self.injections.is_empty() && self.drop <= 0.0 && self.delay.is_none() && self.skew.is_empty()
    }
}
