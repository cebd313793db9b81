//! When to try again: exponential backoff with full jitter (M. Brooker, "Exponential Backoff And Jitter", AWS
//! Architecture Blog, 2015), `delay = uniform(0, min(cap, first * 2^(failures - 1)))`.
//!
//! The first retry comes after about a second, for the tokens in question live an hour. The jitter is a hash of what is
//! retried instead of a random number, so that a schedule can be reproduced from the database.

use std::time::Duration;

use sha2::{Digest as _, Sha256};

/// Upper bound of the first delay; its mean is half of that.
pub(super) const FIRST: Duration = Duration::from_secs(2);
/// Upper bound of every delay of one message.
pub(super) const MESSAGE_CAP: Duration = Duration::from_mins(5);
/// Upper bound of the pause between two probes of an endpoint that does not answer: what is waiting for it is worth
/// nothing in an hour.
pub(super) const ENDPOINT_CAP: Duration = Duration::from_mins(1);
/// Longest `retry-after` that is honoured. A receiver that asks for more would silently lose revocations.
pub(super) const RETRY_AFTER_CAP: Duration = Duration::from_mins(15);

/// The pause after `failures` (at least 1) failures in a row; `jitter` from 0 (inclusive) to 1.
pub(super) fn delay(failures: u32, cap: Duration, jitter: f64) -> Duration {
    ceiling(failures, cap).mul_f64(jitter.clamp(0.0, 1.0))
}

fn ceiling(failures: u32, cap: Duration) -> Duration {
    let factor = 2_u32.saturating_pow(failures.saturating_sub(1));
    FIRST.saturating_mul(factor).min(cap)
}

/// A number from 0 (inclusive) to 1 (exclusive) that depends on nothing but its arguments, and on each of them.
pub(super) fn jitter(endpoint: &str, id: &str, failures: u32) -> f64 {
    let hash = Sha256::new()
        .chain_update(endpoint)
        .chain_update([0])
        .chain_update(id)
        .chain_update(failures.to_be_bytes())
        .finalize();
    let bits = hash.iter().take(4).fold(0_u32, |bits, byte| (bits << 8) | u32::from(*byte));
    f64::from(bits) / (f64::from(u32::MAX) + 1.0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn first_retry_comes_after_a_second_on_average() {
        assert_eq!(delay(1, MESSAGE_CAP, 0.5), Duration::from_secs(1));
    }

    #[test]
    fn bound_doubles_until_the_cap() {
        let bounds: Vec<_> = (1..=10).map(|failures| ceiling(failures, MESSAGE_CAP).as_secs()).collect();
        assert_eq!(bounds, [2, 4, 8, 16, 32, 64, 128, 256, 300, 300]);
    }

    #[test]
    fn jitter_spreads_evenly_over_messages() {
        let mut quarters = [0; 4];
        for id in 0..4_000 {
            quarters[(jitter("broker", &id.to_string(), 1) * 4.0) as usize] += 1;
        }
        // Binomial(4000, 1/4) has a standard deviation of 27: 5 of them on each side.
        assert!(quarters.iter().all(|count| (863..=1137).contains(count)), "{quarters:?}");
    }

    proptest! {
        // 0 <= delay <= min(cap, 2 s * 2^(n-1)), for every n.
        #[test]
        fn delay_never_leaves_its_bounds(failures: u32, jitter in 0.0..1.0, cap in 1_u64..1_000) {
            let cap = Duration::from_secs(cap);
            let delay = delay(failures, cap, jitter);
            prop_assert!(delay <= ceiling(failures, cap) && delay <= cap);
        }

        // More failures never mean a shorter bound.
        #[test]
        fn bound_never_shrinks(failures in 1_u32..u32::MAX) {
            prop_assert!(ceiling(failures, MESSAGE_CAP) <= ceiling(failures + 1, MESSAGE_CAP));
        }

        #[test]
        fn jitter_is_a_fraction_and_depends_on_the_attempt(id in "[a-z0-9_]{1,40}", failures in 1_u32..1_000) {
            let one = jitter("broker", &id, failures);
            prop_assert!((0.0..1.0).contains(&one));
            prop_assert!((one - jitter("broker", &id, failures)).abs() < f64::EPSILON);
            prop_assert!((one - jitter("other", &id, failures)).abs() > 0.0 || (one - jitter("third", &id, failures)).abs() > 0.0);
        }
    }
}
