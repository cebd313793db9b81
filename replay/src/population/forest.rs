//! Isolation forest (Liu, Ting, Zhou 2008): what few random cuts separate from the rest is odd.

use datasets::generator::Dice;

use super::features::{FEATURES, Features};

const TREES: usize = 100;
const SAMPLE: usize = 256;
/// `ceil(log2 SAMPLE)`.
const DEPTH: usize = 8;

#[derive(Debug, Clone)]
enum Node {
    Leaf(f64),
    Cut { feature: usize, at: f64, below: Box<Node>, above: Box<Node> },
}

/// A fitted forest.
#[derive(Debug, Clone)]
pub struct Forest {
    trees: Vec<Node>,
    usual: f64,
}

/// Mean path length of an unsuccessful search among `n` values in a binary tree.
fn path_length(n: usize) -> f64 {
    const EULER: f64 = 0.577_215_664_901_532_9;
    match n {
        0 | 1 => 0.0,
        2 => 1.0,
        _ => 2.0 * ((n as f64 - 1.0).ln() + EULER) - 2.0 * (n as f64 - 1.0) / n as f64,
    }
}

impl Forest {
    /// Fits a hundred trees of 256 sessions each.
    pub fn fit(sessions: &[Features], seed: u64) -> Self {
        let mut dice = Dice::new(seed, 0xf04e57);
        let trees = (0..TREES)
            .map(|_| {
                let sample: Vec<Features> = (0..SAMPLE).filter_map(|_| dice.pick(sessions).copied()).collect();
                grow(&sample, 0, &mut dice)
            })
            .collect();
        Self { trees, usual: path_length(SAMPLE.min(sessions.len())).max(1.0) }
    }

    /// From 0 to 1; half is ordinary, higher is odder.
    pub fn score(&self, session: &Features) -> f64 {
        let depth: f64 = self.trees.iter().map(|tree| depth(tree, session)).sum();
        (-depth / self.trees.len().max(1) as f64 / self.usual).exp2()
    }
}

fn grow(sample: &[Features], depth: usize, dice: &mut Dice) -> Node {
    if sample.len() <= 1 || depth >= DEPTH {
        return Node::Leaf(depth as f64 + path_length(sample.len()));
    }
    // A feature on which all agree cannot be cut.
    let ranges: Vec<(usize, f64, f64)> = (0..FEATURES)
        .filter_map(|feature| {
            let values = || sample.iter().filter_map(move |s| s.get(feature).copied());
            let (low, high) = (values().fold(f64::INFINITY, f64::min), values().fold(f64::NEG_INFINITY, f64::max));
            (low < high).then_some((feature, low, high))
        })
        .collect();
    let Some(&(feature, low, high)) = dice.pick(&ranges) else {
        return Node::Leaf(depth as f64 + path_length(sample.len()));
    };
    let at = low + (high - low) * dice.unit();
    let is_below = |s: &&Features| s.get(feature).is_some_and(|x| *x < at);
    let below: Vec<Features> = sample.iter().filter(is_below).copied().collect();
    let above: Vec<Features> = sample.iter().filter(|s| !is_below(s)).copied().collect();
    Node::Cut {
        feature,
        at,
        below: Box::new(grow(&below, depth + 1, dice)),
        above: Box::new(grow(&above, depth + 1, dice)),
    }
}

fn depth(tree: &Node, session: &Features) -> f64 {
    let mut node = tree;
    loop {
        match node {
            Node::Leaf(depth) => return *depth,
            Node::Cut { feature, at, below, above } => {
                node = if session.get(*feature).is_some_and(|x| x < at) { below } else { above };
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lies_outside_is_odder_than_what_lies_within() {
        let mut dice = Dice::new(1, 1);
        let mut cloud = || -> Features { std::array::from_fn(|_| dice.normal()) };
        let forest = Forest::fit(&(0..500).map(|_| cloud()).collect::<Vec<_>>(), 1);
        let within = (0..50).map(|_| forest.score(&cloud())).sum::<f64>() / 50.0;
        let mut outside = [0.0; FEATURES];
        outside[3] = 8.0;
        outside[7] = 8.0;
        assert!(within < 0.55 && forest.score(&outside) > within + 0.08, "{within} {}", forest.score(&outside));
    }

    #[test]
    fn path_lengths_are_those_of_the_paper() {
        // c(256) = 2 H(255) - 2 * 255 / 256, with H approximated by ln + Euler's constant.
        assert!((path_length(256) - 10.244).abs() < 0.01);
    }
}
