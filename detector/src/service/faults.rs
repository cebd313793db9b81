//! Simulated faults without a broker, for a process that runs alone: the engine, the database and the outbox as they are, on a disk
//! that fills up, fails and loses power, with receivers that come and go and a process that dies anywhere. Time is a number, and a
//! seed chooses every step, so the same seed does the same again:
//!
//! `FAULT_SEED=7 cargo test -p detector --lib service::faults`

mod disk;
mod input;
mod oracle;
mod receivers;
mod tally;
mod world;

// The little fleet of the engine's stories.
#[path = "../../../models/tests/fleet/mod.rs"]
mod fleet;

use std::time::Instant;

use self::tally::{Fault, Tally};
use self::world::{Base, World};

const SEEDS: u64 = 1_000;

#[test]
#[allow(clippy::disallowed_methods, reason = "one seed is chosen by the environment")]
fn whatever_fails_what_is_committed_and_delivered_is_what_an_undisturbed_run_decides() {
    let seeds = match std::env::var("FAULT_SEED").ok().and_then(|seed| seed.parse().ok()) {
        Some(seed) => seed..seed + 1,
        None => 0..SEEDS,
    };
    let (base, began) = (Base::new(), Instant::now());
    let (mut tally, mut revocations, mut deliveries) = (Tally::default(), 0, 0);
    for seed in seeds.clone() {
        let mut world = World::new(&base, seed);
        world.run();
        world.end();
        tally.add(&world.tally());
        revocations += world.revocations();
        deliveries += world.deliveries();
    }
    println!("{revocations} revocations, {deliveries} deliveries, {tally:?}, {:?}", began.elapsed());
    if seeds.end - seeds.start > 1 {
        let rare: Vec<Fault> = Fault::ALL.into_iter().filter(|fault| tally.of(*fault) < 50).collect();
        assert!(rare.is_empty(), "these hardly ever happen: {rare:?}");
        assert!(revocations > 1_000 && deliveries > 3_000, "{revocations} {deliveries}");
    }
}
