//! Numbers and times as people read them.

use std::fmt;

use askama::filters::HtmlSafe;
use models::event::Timestamp;
use models::view::Kept;

/// Whether a promise is kept, in a word or two.
pub(crate) fn kept(kept: Kept) -> &'static str {
    match kept {
        Kept::Yes => "kept",
        Kept::Unclear => "not to be told yet",
        Kept::No => "broken",
    }
}

/// A time as its distance from now, with the exact time on hover and for machines.
#[derive(Debug, Clone, Copy)]
pub(crate) struct When {
    time: Timestamp,
    now: Timestamp,
}

impl When {
    /// An event time or other exact time.
    pub(crate) fn new(time: Timestamp, now: Timestamp) -> Self {
        Self { time, now }
    }

    /// A wall clock time of the store, in milliseconds.
    pub(crate) fn from_millis(millis: i64, now: Timestamp) -> Self {
        Self { time: Timestamp::from_millis(millis), now }
    }

    /// How far it is from now, in its largest whole unit.
    pub(crate) fn distance(&self) -> String {
        let seconds = self.now.seconds_since(self.time);
        let span = span(seconds.abs());
        match seconds {
            s if s.abs() < 1.0 => "now".to_owned(),
            s if s > 0.0 => format!("{span} ago"),
            _ => format!("in {span}"),
        }
    }

    /// The time to the second, without a distance.
    pub(crate) fn exact(&self) -> String {
        to_second(self.time).replace('T', " ").replace('Z', " UTC")
    }
}

impl fmt::Display for When {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let machine = to_second(self.time);
        write!(f, "<time datetime=\"{machine}\" title=\"{}\">{}</time>", self.exact(), self.distance())
    }
}

// Digits, letters and our own markup only.
impl HtmlSafe for When {}

fn to_second(time: Timestamp) -> String {
    Timestamp::from_seconds(time.as_seconds()).to_string()
}

/// A span of seconds in its largest whole unit.
fn span(seconds: f64) -> String {
    match seconds {
        s if s < 60.0 => format!("{} s", s.floor()),
        s if s < 3_600.0 => format!("{} min", (s / 60.0).floor()),
        s if s < 2.0 * 86_400.0 => format!("{} h", (s / 3_600.0).floor()),
        s => format!("{} d", (s / 86_400.0).floor()),
    }
}

/// A count with its thousands set apart.
pub(crate) fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// Bytes in the largest unit that leaves at least one of them.
pub(crate) fn bytes(n: u64) -> String {
    const UNITS: [&str; 6] = ["B", "kB", "MB", "GB", "TB", "PB"];
    let (mut value, mut unit) = (n as f64, 0);
    while value >= 1_000.0 && unit + 1 < UNITS.len() {
        value /= 1_000.0;
        unit += 1;
    }
    let name = UNITS.get(unit).copied().unwrap_or_default();
    if unit == 0 || value >= 100.0 { format!("{value:.0} {name}") } else { format!("{value:.1} {name}") }
}

/// A share from 0 to 1 in percent, with more digits where it is small.
pub(crate) fn percent(share: f64) -> String {
    match share * 100.0 {
        p if p == 0.0 || p >= 99.95 || (10.0..99.0).contains(&p) => format!("{p:.0}\u{a0}%"),
        p if p >= 1.0 => format!("{p:.1}\u{a0}%"),
        p if p >= 0.01 => format!("{p:.2}\u{a0}%"),
        _ => "< 0.01\u{a0}%".to_owned(),
    }
}

/// Nats as bits.
pub(crate) fn bits(nats: f64) -> String {
    format!("{:.1}", nats / std::f64::consts::LN_2)
}

/// What the rank of a session says, and no more than the number of sessions behind it carries.
pub(crate) fn rank(p: f64, among: u64) -> String {
    if among == 0 {
        return "not ranked yet: no completed sessions to compare with".to_owned();
    }
    let sessions = count(among);
    if p <= 1.0 / (1.0 + among as f64) {
        format!("stranger than all {sessions} past sessions")
    } else {
        format!("among the strangest {} of {sessions} past sessions", percent(p))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_show_their_distance_and_keep_the_exact_value() {
        let now = Timestamp::from_seconds(1_777_888_800);
        let shown = When::new(Timestamp::from_seconds(1_777_888_800 - 200), now).to_string();
        assert_eq!(shown, "<time datetime=\"2026-05-04T09:56:40Z\" title=\"2026-05-04 09:56:40 UTC\">3 min ago</time>");
        assert!(When::new(Timestamp::from_seconds(1_777_892_400), now).to_string().contains(">in 1 h<"));
    }

    #[test]
    fn numbers_read_well_at_every_size() {
        assert_eq!([count(0), count(999), count(1_000), count(12_345_678)], ["0", "999", "1,000", "12,345,678"]);
        assert_eq!(
            [bytes(999), bytes(1_500), bytes(250_000), bytes(u64::MAX)],
            ["999 B", "1.5 kB", "250 kB", "18447 PB"]
        );
        assert_eq!(
            [0.0, 0.5, 0.012, 0.0005, 1e-9, 0.996, 1.0].map(|share| percent(share).replace('\u{a0}', " ")),
            ["0 %", "50 %", "1.2 %", "0.05 %", "< 0.01 %", "99.6 %", "100 %"]
        );
    }

    #[test]
    fn a_rank_never_claims_more_than_its_sessions_carry() {
        assert_eq!(rank(0.0002, 4_999), "stranger than all 4,999 past sessions");
        assert_eq!(rank(0.01, 4_999), "among the strangest 1.0\u{a0}% of 4,999 past sessions");
        assert!(rank(1.0, 0).starts_with("not ranked yet"));
    }
}
