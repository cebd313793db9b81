//! Laws of the scores, on traffic that the tests make up.

#![expect(
    clippy::cast_possible_wrap,
    clippy::unwrap_used,
    reason = "small numbers; a state that cannot be restored fails the test"
)]

use models::config::EngineConfig;
use models::decision::Mode;
use models::dimension::Dimension;
use models::engine::Phase;
use models::event::{Event, Timestamp};
use proptest::prelude::*;

mod fleet;

use fleet::{AGENTS, Dice, NEXT, config, engine, feed, history, learned, session};

fn watching() -> EngineConfig {
    EngineConfig { mode: Mode::Warn, ..config() }
}

/// The strongest evidence of each of `count` sessions that the engine has never seen, with the chance of one so strange.
fn ranks(engine: &mut models::engine::Engine, seed: u64, count: usize) -> Vec<f64> {
    let mut dice = Dice(seed);
    (0..count)
        .map(|n| {
            let number = NEXT + (n / AGENTS) as i64;
            let seen = feed(engine, &session("default", n % AGENTS, number, &mut dice), Phase::Live);
            (-seen.last().evidence).exp()
        })
        .collect()
}

/// Every text of an identity but its workload, replaced.
fn renamed(mut event: Event) -> Event {
    let name = event.identity.rsplit("bot-").next().unwrap_or_default();
    event.identity = format!("spiffe://acme.example/bots/renamed-{name}").into();
    event
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 6, ..ProptestConfig::default() })]

    // A session's p-value is valid: among honest sessions that were never seen, no more than a share alpha lies below alpha.
    // Four standard deviations of a binomial count and the resolution of 2,000 ranks are allowed.
    #[test]
    fn p_values_are_super_uniform_on_honest_sessions(seed in any::<u64>()) {
        let mut engine = learned(watching());
        let ranks = ranks(&mut engine, seed, 60 * AGENTS);
        for alpha in [0.5, 0.2, 0.1, 0.05, 0.01] {
            let n = ranks.len() as f64;
            let below = ranks.iter().filter(|p| **p <= alpha).count() as f64;
            let allowed = alpha * n + 4.0 * (alpha * (1.0 - alpha) * n).sqrt() + n / 2000.0;
            prop_assert!(below <= allowed, "{below} of {n} at {alpha}: {allowed} allowed");
        }
    }

    // Names carry no information: renaming all identities of a workload changes no score. The tables are summed in another
    // order then, so equality is up to rounding.
    #[test]
    fn scores_do_not_depend_on_names(seed in any::<u64>(), agents in 3_usize..8) {
        let mut dice = Dice(seed);
        let mut events = history("default", agents, 4);
        for number in 48..60 {
            for agent in 0..agents {
                events.extend(session("default", agent, number, &mut dice));
            }
        }
        events.sort_by(|a, b| a.time.cmp(&b.time).then(a.id.cmp(&b.id)));
        let others: Vec<Event> = events.iter().cloned().map(renamed).collect();
        let (one, other) = (feed(&mut engine(watching()), &events, Phase::Live), feed(&mut engine(watching()), &others, Phase::Live));
        for (a, b) in one.assessed.iter().zip(&other.assessed) {
            prop_assert!((a.score - b.score).abs() < 1e-3 && (a.evidence - b.evidence).abs() < 1e-3, "{a:?} {b:?}");
        }
    }

    // More bytes are never less strange, and no number that an event can carry leaves the range of a score.
    #[test]
    fn volume_is_monotone_and_every_score_is_a_number(
        bytes in prop::collection::vec(prop_oneof![0_u64..1 << 20, any::<u64>()], 2..6),
        seconds in any::<i32>(),
    ) {
        let mut bytes = bytes;
        bytes.sort_unstable();
        let base = learned_once();
        let mut last = 0.0;
        for bytes in bytes {
            let mut event = base.1.clone();
            event.bytes_in = Some(bytes);
            event.bytes_out = Some(bytes);
            let mut engine = restored(&base.0);
            let seen = feed(&mut engine, &[event.clone()], Phase::Live);
            let volume = seen.last().dimensions.get(Dimension::Volume as usize).copied().flatten().unwrap_or(0.0);
            prop_assert!(volume >= last, "{bytes}: {volume} after {last}");
            last = volume;
            event.id = "later".into();
            event.time = event.time.saturating_add(std::time::Duration::from_secs(seconds.unsigned_abs().into()));
            event.time = event.time.max(Timestamp::EPOCH);
            for a in &feed(&mut engine, &[event], Phase::Live).assessed {
                let numbers = a.dimensions.iter().flatten().chain([&a.score, &a.p, &a.evidence, &a.maturity]);
                prop_assert!(numbers.clone().all(|x| x.is_finite() && *x >= 0.0), "{a:?}");
                prop_assert!((0.0..=1.0).contains(&a.p));
            }
        }
    }
}

type Blobs = Vec<(Vec<u8>, Vec<u8>)>;

/// A learned engine as blobs, and an ordinary event for it.
fn learned_once() -> (Blobs, Event) {
    static ONCE: std::sync::OnceLock<(Blobs, Event)> = std::sync::OnceLock::new();
    let once = ONCE.get_or_init(|| {
        let event = session("default", 3, NEXT, &mut Dice(5)).swap_remove(0);
        (learned(watching()).checkpoint().put, event)
    });
    once.clone()
}

fn restored(blobs: &Blobs) -> models::engine::Engine {
    models::engine::Engine::restore(watching().check().unwrap(), blobs.clone()).unwrap()
}
