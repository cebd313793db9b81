//! Two simple methods beside the engine, one number a session: an isolation forest and summed z-scores.

use std::collections::HashMap;

use models::event::Event;

use super::features::{Features, Pasts};
use super::world::World;
use crate::floor::Forest;

/// Past sessions of an identity from which a session is fit to train on.
const MATURE: f64 = 20.0;

/// A simple method.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Floor {
    /// Isolation forest over the standardised numbers of a session.
    Forest,
    /// Sum of the positive standardised numbers.
    Sums,
}

impl Floor {
    /// Both.
    pub const ALL: [Floor; 2] = [Floor::Forest, Floor::Sums];

    /// Its name on the page.
    pub fn name(self) -> &'static str {
        match self {
            Floor::Forest => "isolation forest",
            Floor::Sums => "z-sums",
        }
    }
}

/// Both methods after an honest population, with what they thought of it.
#[derive(Debug)]
pub struct Floors {
    pasts: Pasts,
    /// `None` where the warm-up has too few sessions to fit one.
    forest: Option<Forest>,
    /// Scores of every honest session after the warm-up, in ascending order, by method.
    honest: [Vec<f64>; 2],
    /// Events after the warm-up.
    pub events: u64,
    /// Days on which an identity was active after the warm-up.
    pub identity_days: u64,
}

/// Nothing is odd to a forest that was not fitted.
fn oddness(forest: Option<&Forest>, features: &Features) -> f64 {
    forest.map_or(0.0, |forest| forest.score(features))
}

fn sums(features: &Features) -> f64 {
    features.iter().map(|z| z.max(0.0)).sum()
}

impl Floors {
    /// Lives through a world: learns every session, fits on the warm-up, scores what comes after it. Identities keep
    /// learning, so the floors know as much as the engine does.
    pub fn fit(world: &World) -> Self {
        let mut stream = world.stream();
        let mut pasts = Pasts::default();
        let mut running: HashMap<Box<str>, (u64, Vec<Event>)> = HashMap::new();
        let (mut training, mut forest) = (Vec::new(), None);
        let mut honest = [Vec::new(), Vec::new()];
        let mut days = std::collections::HashSet::new();
        let (mut events, mut identity_days) = (0, 0);
        while let Some(event) = stream.next_before(world.end) {
            for label in stream.take_labels() {
                running.insert(label.session.into(), (label.events.unwrap_or(0), Vec::new()));
            }
            let live = event.time >= world.warm;
            if live {
                events += 1;
                let day = event.time.as_seconds().div_euclid(86_400);
                identity_days += u64::from(days.insert((event.identity.clone(), day)));
            }
            let Some(name) = event.session.clone() else { continue };
            let Some((expected, so_far)) = running.get_mut(&name) else { continue };
            so_far.push(event);
            if so_far.len() as u64 != *expected {
                continue;
            }
            let Some((_, session)) = running.remove(&name) else { continue };
            let features = pasts.features(&session);
            if live {
                let forest = forest.get_or_insert_with(|| Forest::fit(&training));
                let [of_forest, of_sums] = &mut honest;
                of_forest.push(oddness(forest.as_ref(), &features));
                of_sums.push(sums(&features));
            } else if pasts.sessions(&session) >= MATURE {
                training.push(features);
            }
            pasts.learn(&session);
        }
        for scores in &mut honest {
            scores.sort_unstable_by(f64::total_cmp);
        }
        let forest = forest.unwrap_or_else(|| Forest::fit(&training));
        Self { pasts, forest, honest, events, identity_days }
    }

    /// The score above which this share of the honest sessions lies.
    pub fn cut(&self, floor: Floor, share: f64) -> f64 {
        let [of_forest, of_sums] = &self.honest;
        let scores = if floor == Floor::Forest { of_forest } else { of_sums };
        let above = (share * scores.len() as f64).round() as usize;
        let at = scores.len().checked_sub(above + 1);
        at.and_then(|at| scores.get(at)).copied().unwrap_or(f64::INFINITY)
    }

    /// How odd a whole session is.
    pub fn score(&self, floor: Floor, session: &[Event]) -> f64 {
        let features = self.pasts.features(session);
        if floor == Floor::Forest { oddness(self.forest.as_ref(), &features) } else { sums(&features) }
    }
}
