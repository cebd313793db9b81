//! A small generated population through the library.
#![expect(clippy::unwrap_used, reason = "a failed step is a failed test")]

use std::num::NonZeroUsize;

use datasets::scenario::Scenario;
use replay::population::page::page;
use replay::population::world::Size;
use replay::population::{Options, measure};

fn options(threads: usize) -> Options {
    Options {
        size: Size { seed: 7, agents: 16, days: 9, sessions_per_day: 10.0 },
        budgets: vec![5.0, 50.0],
        attacked: 6,
        ramped: 2,
        threads: NonZeroUsize::new(threads).unwrap(),
        progress: false,
    }
}

#[test]
fn a_population_is_measured_the_same_on_any_number_of_threads() {
    let measured = measure(&options(2)).unwrap();
    assert_eq!(page(&measured), page(&measure(&options(1)).unwrap()));

    for benign in measured.benign.iter().chain(&measured.at_rates) {
        let of = |count: fn(&replay::population::benign::Tally) -> u64| benign.kinds.values().map(count).sum::<u64>();
        assert_eq!(of(|tally| tally.sessions), benign.all.sessions);
        assert_eq!(of(|tally| tally.alerts), benign.all.alerts);
        assert!(of(|tally| tally.identity_days) >= benign.all.identity_days && benign.all.sessions > 500);
        assert_eq!(benign.identities.values().map(|(alerts, _)| alerts).sum::<u64>(), benign.all.alerts);
    }
    let [tight, loose] = &measured.benign[..] else { panic!("two budgets were asked for") };
    assert!(tight.all.alarmed <= loose.all.alarmed && tight.all.identity_days == loose.all.identity_days);

    let attack = |scenario| measured.attacks.iter().find(|attack| attack.scenario == scenario).unwrap();
    for found in measured.attacks.iter().flat_map(|attack| &attack.engine) {
        assert_eq!(found.sessions, 6);
        assert!(found.at_first <= found.detected && found.revoked <= found.detected);
    }
    // What a session moves that goes on for 60 calls with twenty times the bytes, against one that does not.
    let (large, ordinary) = (attack(Scenario::ExfiltrationX20), attack(Scenario::Control));
    assert!(large.engine[0].total > 20.0 * ordinary.engine[0].total);
    assert!(large.engine[0].evidence > ordinary.engine[0].evidence);
    // The floors know it, too: they see whole sessions.
    assert!(large.floors[1].iter().all(|share| *share > 0.5), "{:?}", large.floors);
    let [first, .., last] = &measured.ramps[..] else { panic!("there are ramps") };
    assert!(first.growth.abs() < 1e-12 && (last.growth - 0.05).abs() < 1e-12 && last.agents == 2);
}
