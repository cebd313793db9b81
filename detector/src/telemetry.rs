//! Every metric, in one place, as Prometheus text.
//!
//! The exposition is written here rather than by a client library: sixteen families whose labels all come from closed
//! sets need no registry, and nothing that a sender wrote can become a label.

mod histogram;

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use models::alert::Severity;
use models::event::{RejectionCode, Timestamp};

use crate::app::SourceState;
use crate::outcome::Counts;
use histogram::Histogram;

/// Bounds for one event: a microsecond to 100 ms.
const SCORE_BOUNDS: [f64; 8] = [1e-6, 1e-5, 2.5e-5, 5e-5, 1e-4, 1e-3, 1e-2, 1e-1];
/// Bounds for one commit: half a millisecond to 10 s.
const COMMIT_BOUNDS: [f64; 8] = [5e-4, 1e-3, 5e-3, 2e-2, 1e-1, 5e-1, 2.0, 1e1];

/// Every metric of the process.
#[derive(Debug)]
pub struct Telemetry {
    families: Mutex<Families>,
    score: Histogram<8>,
    commit: Histogram<8>,
    identities: AtomicU64,
    state_bytes: AtomicU64,
}

#[derive(Debug, Default)]
struct Families {
    counts: Counts,
    quarantined: BTreeMap<&'static str, u64>,
    alerts: BTreeMap<&'static str, u64>,
    revocations: BTreeMap<&'static str, u64>,
    attempts: BTreeMap<&'static str, u64>,
    flow: BTreeMap<String, Flow>,
    owned: Option<Owned>,
}

/// The partitions of a process in a fleet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owned {
    /// How many are scored.
    pub scored: usize,
    /// How many wait for the fleet's log.
    pub waiting: usize,
    /// Those that are restored: number, records of the changelog that were read, and how many there are.
    pub restoring: Vec<(i32, u64, u64)>,
}

/// How far behind one source is.
#[derive(Debug, Default)]
struct Flow {
    lag: Option<i64>,
    /// Age of the oldest event that is not scored, by its arrival and by its own time, in seconds; 0 if none waits.
    age: [f64; 2],
    stalled: usize,
}

impl Telemetry {
    /// Metrics that go on from the durable counts of earlier runs.
    pub fn new(counts: Counts) -> Self {
        Self {
            families: Mutex::new(Families { counts, ..Families::default() }),
            score: Histogram::new(SCORE_BOUNDS),
            commit: Histogram::new(COMMIT_BOUNDS),
            identities: AtomicU64::new(0),
            state_bytes: AtomicU64::new(0),
        }
    }

    fn families(&self) -> MutexGuard<'_, Families> {
        self.families.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Events ended so, and that is durable.
    pub fn committed(&self, counts: Counts, took: Duration) {
        self.families().counts.add(counts);
        self.commit.observe(took);
    }

    /// How all events of this database ended.
    pub fn counts(&self) -> Counts {
        self.families().counts
    }

    /// One input was no event.
    pub fn quarantined(&self, code: RejectionCode) {
        *self.families().quarantined.entry(code.as_str()).or_default() += 1;
    }

    /// Alerts were opened.
    pub fn alerts(&self, severity: Severity, n: u64) {
        *self.families().alerts.entry(severity.as_str()).or_default() += n;
    }

    /// Revocations came into a state: `requested`, `delivered`, …
    pub fn revocations(&self, state: &'static str, n: u64) {
        *self.families().revocations.entry(state).or_default() += n;
    }

    /// A webhook was tried, and ended so: `delivered`, `retry`, …
    pub fn webhook_attempt(&self, outcome: &'static str) {
        *self.families().attempts.entry(outcome).or_default() += 1;
    }

    /// The engine took this long for one event.
    pub fn scored(&self, took: Duration) {
        self.score.observe(took);
    }

    /// How far behind the configured sources are at `now`.
    pub fn sources(&self, sources: &[SourceState], now: Timestamp) {
        let age = |time: Option<Timestamp>| time.map_or(0.0, |time| now.seconds_since(time).max(0.0));
        let flow = |s: &SourceState| Flow {
            lag: s.lag,
            age: [age(s.oldest_arrival_at), age(s.oldest_event_at)],
            stalled: s.stalled.len(),
        };
        self.families().flow = sources.iter().map(|s| (s.name.clone(), flow(s))).collect();
    }

    /// In a fleet: what the partitions of this process are doing.
    pub fn owned(&self, owned: Owned) {
        self.families().owned = Some(owned);
    }

    /// Size of the engine's state.
    pub fn state(&self, identities: u64, bytes: u64) {
        self.identities.store(identities, Relaxed);
        self.state_bytes.store(bytes, Relaxed);
    }

    /// Every metric in the Prometheus text format, version 0.0.4.
    pub fn render(&self) -> String {
        let mut text = Text::default();
        let families = self.families();
        let counts = families.counts;
        text.family("events_consumed_total", "counter", "Events taken from all sources.");
        text.value("events_consumed_total", "", counts.consumed);
        text.family("events_total", "counter", "Events by how they ended.");
        for (outcome, value) in [
            ("scored", counts.scored),
            ("duplicate", counts.duplicate),
            ("late", counts.late),
            ("quarantined", counts.quarantined),
        ] {
            text.value("events_total", &label("outcome", outcome), value);
        }
        text.family("accounting_gap", "gauge", "Events whose end is not known; anything but 0 is a fault.");
        text.value("accounting_gap", "", counts.gap());
        for (name, key, help, values) in [
            ("quarantined_total", "code", "Input set aside, by reason.", &families.quarantined),
            ("alerts_total", "severity", "Alerts opened.", &families.alerts),
            ("revocations_total", "state", "Revocations by the state they came into.", &families.revocations),
            ("webhook_attempts_total", "outcome", "Webhook deliveries tried.", &families.attempts),
        ] {
            text.family(name, "counter", help);
            for (value_of, value) in values {
                text.value(name, &label(key, value_of), *value);
            }
        }
        text.family("consumer_lag_events", "gauge", "Events that are there, but not taken yet.");
        let with_lag = || families.flow.iter().filter_map(|(source, flow)| Some((source, flow, flow.lag?)));
        for (source, _, lag) in with_lag() {
            text.value("consumer_lag_events", &label("source", source), lag);
        }
        text.family("oldest_unscored_age_seconds", "gauge", "Age of the oldest event that is read and not scored.");
        for (source, flow, _) in with_lag() {
            for (by, age) in ["arrival", "event_time"].into_iter().zip(flow.age) {
                text.value("oldest_unscored_age_seconds", &labels([("source", source), ("by", by)]), age);
            }
        }
        text.family("stalled_partitions", "gauge", "Partitions in which events wait and none is taken.");
        for (source, flow, _) in with_lag() {
            text.value("stalled_partitions", &label("source", source), flow.stalled);
        }
        if let Some(Owned { scored, waiting, restoring }) = &families.owned {
            text.family("partitions", "gauge", "Partitions of this process by what it does with them.");
            for (state, count) in [("scored", *scored), ("restoring", restoring.len()), ("waiting", *waiting)] {
                text.value("partitions", &label("state", state), count);
            }
            text.family("restore_records", "gauge", "Records of the changelog of a partition that is being restored.");
            for (partition, read, of) in restoring {
                let partition = partition.to_string();
                for (which, count) in [("read", read), ("all", of)] {
                    text.value("restore_records", &labels([("partition", &partition), ("which", which)]), count);
                }
            }
        }
        drop(families);
        text.family("identities", "gauge", "Identities with a baseline.");
        text.value("identities", "", self.identities.load(Relaxed));
        text.family("state_bytes", "gauge", "Memory of all baselines.");
        text.value("state_bytes", "", self.state_bytes.load(Relaxed));
        text.family("event_score_duration_seconds", "histogram", "Time of the engine for one event.");
        self.score.render("event_score_duration_seconds", &mut text);
        text.family("commit_duration_seconds", "histogram", "Time of one commit to the database.");
        self.commit.render("commit_duration_seconds", &mut text);
        text.family("build_info", "gauge", "Always 1; the version is in the label.");
        text.value("build_info", &label("version", env!("CARGO_PKG_VERSION")), 1);
        text.0
    }
}

/// Prometheus text in the making.
#[derive(Debug, Default)]
struct Text(String);

impl Text {
    fn family(&mut self, name: &str, kind: &str, help: &str) {
        self.line(format_args!("# HELP driftwatch_{name} {help}\n# TYPE driftwatch_{name} {kind}"));
    }

    fn value(&mut self, name: &str, labels: &str, value: impl std::fmt::Display) {
        self.line(format_args!("driftwatch_{name}{labels} {value}"));
    }

    fn line(&mut self, line: std::fmt::Arguments<'_>) {
        // Writing to a String cannot fail.
        let _ = writeln!(self.0, "{line}");
    }
}

fn label(key: &str, value: &str) -> String {
    labels([(key, value)])
}

fn labels<const N: usize>(pairs: [(&str, &str); N]) -> String {
    let escaped = |value: &str| value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
    format!("{{{}}}", pairs.map(|(key, value)| format!("{key}=\"{}\"", escaped(value))).join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_whose_end_is_unknown_shows_in_the_gap() {
        let telemetry = Telemetry::new(Counts { consumed: 5, scored: 1, duplicate: 1, late: 1, ..Counts::default() });
        assert!(telemetry.render().contains("\ndriftwatch_accounting_gap 2\n"));
        telemetry.committed(Counts { quarantined: 2, ..Counts::default() }, Duration::ZERO);
        assert!(telemetry.render().contains("\ndriftwatch_accounting_gap 0\n"));
    }

    #[test]
    fn every_sample_belongs_to_a_declared_family() {
        let telemetry = Telemetry::new(Counts::default());
        telemetry.quarantined(RejectionCode::NotJson);
        telemetry.webhook_attempt("delivered");
        telemetry.scored(Duration::from_micros(20));
        let text = telemetry.render();
        for line in text.lines().filter(|l| !l.starts_with('#')) {
            let name = line.split(['{', ' ']).next().unwrap_or_default();
            let family = ["_bucket", "_sum", "_count"].iter().find_map(|s| name.strip_suffix(s)).unwrap_or(name);
            assert!(text.contains(&format!("# TYPE {family} ")), "{line}");
        }
        assert!(text.contains("driftwatch_quarantined_total{code=\"not_json\"} 1"));
    }

    #[test]
    fn how_far_behind_a_source_is_shows_by_both_clocks() {
        let telemetry = Telemetry::new(Counts::default());
        let source = SourceState {
            name: "kafka:t".to_owned(),
            lag: Some(7),
            oldest_arrival_at: Some(Timestamp::from_seconds(990)),
            oldest_event_at: Some(Timestamp::from_seconds(400)),
            stalled: vec![1, 4],
            ..SourceState::default()
        };
        telemetry.sources(
            &[source, SourceState { name: "store".to_owned(), ..SourceState::default() }],
            Timestamp::from_seconds(1_000),
        );
        let text = telemetry.render();
        for line in [
            "consumer_lag_events{source=\"kafka:t\"} 7",
            "oldest_unscored_age_seconds{source=\"kafka:t\",by=\"arrival\"} 10",
            "oldest_unscored_age_seconds{source=\"kafka:t\",by=\"event_time\"} 600",
            "stalled_partitions{source=\"kafka:t\"} 2",
        ] {
            assert!(text.contains(&format!("\ndriftwatch_{line}\n")), "{line}\n{text}");
        }
        assert!(!text.contains("store"), "what has no events has no lag");
        telemetry.sources(&[], Timestamp::from_seconds(1_000));
        assert!(!telemetry.render().contains("kafka:t"));
    }

    #[test]
    fn a_partition_that_is_restored_shows_how_far_it_is() {
        let telemetry = Telemetry::new(Counts::default());
        assert!(!telemetry.render().contains("driftwatch_partitions"), "alone there are none");
        telemetry.owned(Owned { scored: 3, waiting: 1, restoring: vec![(4, 250, 1_000)] });
        let text = telemetry.render();
        for line in [
            "partitions{state=\"scored\"} 3",
            "partitions{state=\"restoring\"} 1",
            "partitions{state=\"waiting\"} 1",
            "restore_records{partition=\"4\",which=\"read\"} 250",
            "restore_records{partition=\"4\",which=\"all\"} 1000",
        ] {
            assert!(text.contains(&format!("\ndriftwatch_{line}\n")), "{line}\n{text}");
        }
    }

    #[test]
    fn a_file_name_cannot_break_out_of_its_label() {
        let telemetry = Telemetry::new(Counts::default());
        let source = SourceState { name: "file:a\"} 1\nx".to_owned(), lag: Some(3), ..SourceState::default() };
        telemetry.sources(&[source], Timestamp::EPOCH);
        assert!(telemetry.render().contains("{source=\"file:a\\\"} 1\\nx\"} 3\n"));
    }
}
