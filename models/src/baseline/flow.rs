//! `flow`: has this session read sensitive data and is it now sending outside?
//!
//! Stored: 16 bytes. Exact where events say how sensitive and whether external; where they do not, there is no opinion.
//! Score, at each call that crosses the boundary: the ordered outcome {nothing sensitive read so far, confidential,
//! restricted}, each at a learned rate: an agent that mails reports all day does so every time. With little data the peers'
//! rates decide. What a session has read stays with it to its end, also when it is cut into blocks.

use serde::{Deserialize, Serialize};

use super::Step;
use crate::estimator::novelty::{NoveltyRate, surprise};
use crate::event::{Action, ActionOutcome, Event, Sensitivity};

/// What a session has read so far, and whether a call sends outside after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
pub(crate) enum Taint {
    /// Not told.
    #[default]
    Unknown,
    /// Nothing sensitive.
    Clean,
    /// Confidential data.
    Confidential,
    /// Restricted data.
    Restricted,
}

impl Taint {
    /// With what an event reads on top.
    pub(crate) fn after(self, event: &Event, action: Action) -> Self {
        let read = match event.sensitivity {
            Some(Sensitivity::Restricted) => Taint::Restricted,
            Some(Sensitivity::Confidential) => Taint::Confidential,
            Some(_) => Taint::Clean,
            None => return self,
        };
        let reads = event.outcome == ActionOutcome::Success && !action.is_side_effect();
        self.max(if reads { read } else { Taint::Clean })
    }

    /// What leaves with an event, if it crosses the boundary.
    pub(crate) fn leaving(self, event: &Event) -> Self {
        let leaves = event.external == Some(true) && event.outcome == ActionOutcome::Success;
        if leaves { self } else { Taint::Unknown }
    }
}

/// How often calls across the boundary follow sensitive reads: confidential or more, and restricted among those.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Flow([NoveltyRate; 2]);

impl Flow {
    /// Surprise in nats; `None` if the call does not cross the boundary or the session's reads are not told.
    pub(crate) fn score(&self, step: &Step, peers: &Flow) -> Option<f64> {
        Some(surprise(&self.rates(peers), level(step.leaving)?))
    }

    /// Rates of a confidential read before a call across the boundary, and of a restricted one among those.
    pub(crate) fn rates(&self, peers: &Flow) -> [f64; 2] {
        let ([own_any, own_most], [any, most]) = (self.0, peers.0);
        [own_any.shrunk(any.alone()), own_most.shrunk(most.alone())]
    }

    /// Learns one call.
    pub(crate) fn learn(&mut self, leaving: Taint) {
        let Some(level) = level(leaving) else { return };
        let [any, most] = &mut self.0;
        any.push(level > 0);
        if level > 0 {
            most.push(level > 1);
        }
    }

    pub(crate) fn decay(&mut self, factor: f64) {
        self.0.iter_mut().for_each(|rate| rate.decay(factor));
    }
}

fn level(leaving: Taint) -> Option<usize> {
    match leaving {
        Taint::Unknown => None,
        Taint::Clean => Some(0),
        Taint::Confidential => Some(1),
        Taint::Restricted => Some(2),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sending_out_after_a_restricted_read_surprises_who_never_does() {
        let (mut never, mut always) = (Flow::default(), Flow::default());
        for _ in 0..200 {
            never.learn(Taint::Clean);
            always.learn(Taint::Restricted);
        }
        let step = |leaving| Step { leaving, ..Step::default() };
        let score = |flow: &Flow, leaving| flow.score(&step(leaving), flow).unwrap();
        assert!(score(&never, Taint::Restricted) > score(&never, Taint::Confidential) + 0.2);
        assert!(score(&never, Taint::Confidential) > 5.0 && score(&never, Taint::Clean) < 0.7);
        assert!(score(&always, Taint::Restricted) < 0.8);
        assert_eq!(never.score(&step(Taint::Unknown), &never), None);
    }
}
