//! What an endpoint's worker does now: which rows are over, which are attempted, and when to look again. Pure.

use std::collections::BTreeSet;

/// A row that waits, as far as planning needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Waiting {
    pub(crate) id: String,
    pub(super) tenant: String,
    pub(super) identity: String,
    /// Attempts that failed.
    pub(super) attempts: u32,
    /// Not before.
    pub(super) next_at: i64,
    /// Not from then on.
    pub(super) deadline: i64,
    /// The receiver answered it with a refusal, so it holds nobody back.
    pub(super) rejected: bool,
}

impl Waiting {
    pub(super) fn subject(&self) -> (&str, &str) {
        (&self.tenant, &self.identity)
    }
}

/// What an endpoint may take at the moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Capacity {
    /// Attempts that may be started.
    pub(super) slots: usize,
    /// Nothing is started before: the endpoint asked for a pause, or does not answer.
    pub(super) hold_until: i64,
}

/// What to do.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Plan {
    /// Ids of rows whose time is over.
    pub(crate) expired: Vec<String>,
    /// Rows to attempt at once, at most one of an identity.
    pub(crate) start: Vec<Waiting>,
    /// When something is to be done that nobody else will wake us for.
    pub(crate) wake_at: Option<i64>,
}

/// Plans over `waiting`, in order of creation, while the rows in `flying` are being attempted. Costs O(n log n).
pub(super) fn plan(waiting: Vec<Waiting>, flying: &[Waiting], capacity: Capacity, now_ms: i64) -> Plan {
    let mut plan = Plan::default();
    let in_flight = |row: &Waiting| flying.iter().any(|flight| flight.id == row.id);
    let (over, alive): (Vec<_>, Vec<_>) =
        waiting.into_iter().filter(|row| !in_flight(row)).partition(|row| row.deadline <= now_ms);
    plan.expired = over.into_iter().map(|row| row.id).collect();
    let mut wake_at = alive.iter().map(|row| row.deadline).min();

    // The oldest message of each identity goes first, and those that were refused only beside it.
    let mut taken: BTreeSet<(String, String)> = flying.iter().map(owned).collect();
    let mut heads = taken.clone();
    let (refused, ordered): (Vec<_>, Vec<_>) = alive.into_iter().partition(|row| row.rejected);
    let mut due = Vec::new();
    for row in ordered.into_iter().filter(|row| heads.insert(owned(row))).collect::<Vec<_>>().into_iter().chain(refused)
    {
        let start_at = row.next_at.max(capacity.hold_until);
        if start_at > now_ms {
            wake_at = Some(wake_at.map_or(start_at, |at| at.min(start_at)));
        } else if taken.insert(owned(&row)) {
            due.push(row);
        }
    }
    // What was never attempted is worth most; the sort is stable, so age decides among equals.
    due.sort_by_key(|row| row.attempts);
    due.truncate(capacity.slots);
    plan.start = due;
    plan.wake_at = wake_at;
    plan
}

fn owned(row: &Waiting) -> (String, String) {
    let (tenant, identity) = row.subject();
    (tenant.to_owned(), identity.to_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const OPEN: Capacity = Capacity { slots: 8, hold_until: 0 };

    fn row(id: &str, identity: &str) -> Waiting {
        Waiting {
            id: id.to_owned(),
            tenant: "default".to_owned(),
            identity: identity.to_owned(),
            attempts: 0,
            next_at: 0,
            deadline: 1_000,
            rejected: false,
        }
    }

    fn started(plan: &Plan) -> Vec<&str> {
        plan.start.iter().map(|row| &*row.id).collect()
    }

    #[test]
    fn later_message_of_an_identity_waits_for_the_earlier_one() {
        let mut first = row("a", "bot");
        assert_eq!(started(&plan(vec![first.clone(), row("b", "bot"), row("c", "other")], &[], OPEN, 10)), ["a", "c"]);
        first.next_at = 50;
        let plan = plan(vec![first, row("b", "bot")], &[], OPEN, 10);
        assert!(plan.start.is_empty());
        assert_eq!(plan.wake_at, Some(50));
    }

    #[test]
    fn refused_message_holds_nobody_back_and_goes_second() {
        let mut refused = row("a", "bot");
        refused.rejected = true;
        refused.attempts = 1;
        assert_eq!(started(&plan(vec![refused.clone(), row("b", "bot")], &[], OPEN, 10)), ["b"]);
        assert_eq!(started(&plan(vec![refused], &[], OPEN, 10)), ["a"]);
    }

    #[test]
    fn identity_with_an_attempt_in_flight_waits() {
        let flying = [row("a", "bot")];
        let plan = plan(vec![row("a", "bot"), row("b", "bot"), row("c", "other")], &flying, OPEN, 10);
        assert_eq!(started(&plan), ["c"]);
    }

    #[test]
    fn row_whose_time_is_over_is_expired_and_frees_the_next() {
        let mut old = row("a", "bot");
        old.deadline = 10;
        let plan = plan(vec![old, row("b", "bot")], &[], OPEN, 10);
        assert_eq!(plan.expired, ["a"]);
        assert_eq!(started(&plan), ["b"]);
    }

    #[test]
    fn what_was_never_attempted_comes_before_what_failed() {
        let mut failed = row("a", "one");
        failed.attempts = 3;
        let capacity = Capacity { slots: 1, ..OPEN };
        assert_eq!(started(&plan(vec![failed, row("b", "two")], &[], capacity, 10)), ["b"]);
    }

    #[test]
    fn held_endpoint_starts_nothing_and_wakes_when_the_hold_ends() {
        let plan = plan(vec![row("a", "bot")], &[], Capacity { slots: 8, hold_until: 200 }, 10);
        assert!(plan.start.is_empty());
        assert_eq!(plan.wake_at, Some(200));
    }

    fn rows() -> impl Strategy<Value = Vec<Waiting>> {
        let one = (0_u8..4, 0_u32..3, 0_i64..40, 1_i64..40, any::<bool>());
        proptest::collection::vec(one, 0..20).prop_map(|rows| {
            let numbered = rows.into_iter().enumerate();
            numbered
                .map(|(at, (identity, attempts, next_at, deadline, rejected))| Waiting {
                    attempts,
                    next_at,
                    deadline,
                    rejected,
                    ..row(&format!("{at:02}"), &identity.to_string())
                })
                .collect()
        })
    }

    proptest! {
        // Whatever waits: nothing is lost, order is kept, the limits hold, and there is always a reason to wake.
        #[test]
        fn plan_keeps_its_promises(rows in rows(), slots in 0_usize..4, hold_until in 0_i64..40, now in 0_i64..40) {
            let plan = plan(rows.clone(), &[], Capacity { slots, hold_until }, now);
            prop_assert!(plan.start.len() <= slots);
            let identities: BTreeSet<_> = plan.start.iter().map(Waiting::subject).collect();
            prop_assert_eq!(identities.len(), plan.start.len());
            for started in &plan.start {
                prop_assert!(started.next_at <= now && hold_until <= now && started.deadline > now);
                let earlier = rows.iter().filter(|row| row.subject() == started.subject() && row.id < started.id);
                let blocked = earlier.filter(|row| !row.rejected && row.deadline > now).count() > 0;
                prop_assert!(started.rejected || !blocked, "{} overtakes", started.id);
            }
            for row in &rows {
                prop_assert_eq!(plan.expired.contains(&row.id), row.deadline <= now);
            }
            let alive = rows.iter().filter(|row| row.deadline > now).count();
            prop_assert_eq!(plan.wake_at.is_some(), alive > 0);
            prop_assert!(plan.wake_at.is_none_or(|at| at > now));
        }
    }
}
