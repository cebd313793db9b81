//! Isolation forest (Liu, Ting & Zhou, ICDM 2008): what random cuts set apart quickly is odd.

use rand::seq::index::sample;
use rand::{Rng, SeedableRng};
use rand_pcg::Pcg64Mcg;
use serde::{Deserialize, Serialize};

const TREES: usize = 100;
const SUBSAMPLE: usize = 256;
const SEED: u64 = 20_081_215;

/// A fitted forest. Same rows, same forest.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Forest {
    trees: Vec<Node>,
    /// Rows that each tree was grown from.
    grown_from: usize,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
enum Node {
    /// Rows that ended here.
    Leaf(usize),
    /// Below `at` of a feature, and the rest.
    Cut { feature: usize, at: f64, below: Box<Node>, rest: Box<Node> },
}

impl Forest {
    /// Grows 100 trees, each from 256 rows drawn without replacement (all, if there are fewer); `None` with fewer than two
    /// rows. Rows have one number a feature.
    pub fn fit<const F: usize>(rows: &[[f64; F]]) -> Option<Self> {
        if rows.len() < 2 {
            return None;
        }
        let grown_from = rows.len().min(SUBSAMPLE);
        let depth = (grown_from as f64).log2().ceil() as usize;
        let mut rng = Pcg64Mcg::seed_from_u64(SEED);
        let trees = (0..TREES).map(|_| {
            let drawn = sample(&mut rng, rows.len(), grown_from);
            let mut drawn: Vec<[f64; F]> = drawn.iter().filter_map(|i| rows.get(i).copied()).collect();
            grow(&mut drawn, depth, &mut rng)
        });
        Some(Self { trees: trees.collect(), grown_from })
    }

    /// `2^(-mean path / c(n))`: near 1 is odd, below 0.5 is usual.
    pub fn score<const F: usize>(&self, row: &[f64; F]) -> f64 {
        let paths: f64 = self.trees.iter().map(|tree| path(tree, row)).sum();
        (-paths / self.trees.len() as f64 / usual_path(self.grown_from)).exp2()
    }
}

/// `c(n)`: mean path of an unsuccessful search in a binary search tree of `n` rows, `2 H(n-1) - 2 (n-1)/n`.
fn usual_path(n: usize) -> f64 {
    match n {
        0 | 1 => 0.0,
        2 => 1.0,
        _ => {
            let before = (n - 1) as f64;
            2.0 * (before.ln() + 0.577_215_664_901_532_9) - 2.0 * before / n as f64
        }
    }
}

fn grow<const F: usize>(rows: &mut [[f64; F]], depth: usize, rng: &mut Pcg64Mcg) -> Node {
    let range = |feature: usize| {
        let values = rows.iter().filter_map(|row| row.get(feature).copied());
        values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), x| (low.min(x), high.max(x)))
    };
    // A feature in which all rows agree cuts nothing off.
    let cuts: Vec<(usize, f64, f64)> =
        (0..F).map(|f| (f, range(f))).filter(|(_, (low, high))| low < high).map(|(f, (l, h))| (f, l, h)).collect();
    if depth == 0 || rows.len() < 2 || cuts.is_empty() {
        return Node::Leaf(rows.len());
    }
    let Some((feature, low, high)) = cuts.get(rng.random_range(0..cuts.len())).copied() else {
        return Node::Leaf(rows.len());
    };
    let at = low + (high - low) * rng.random_range(f64::EPSILON..1.0);
    rows.sort_by(|a, b| value(a, feature).total_cmp(&value(b, feature)));
    let split = rows.partition_point(|row| value(row, feature) < at);
    let (below, rest) = rows.split_at_mut(split);
    let (below, rest) = (grow(below, depth - 1, rng), grow(rest, depth - 1, rng));
    Node::Cut { feature, at, below: Box::new(below), rest: Box::new(rest) }
}

fn value<const F: usize>(row: &[f64; F], feature: usize) -> f64 {
    row.get(feature).copied().unwrap_or(0.0)
}

fn path<const F: usize>(tree: &Node, row: &[f64; F]) -> f64 {
    let (mut node, mut length) = (tree, 0.0);
    loop {
        match node {
            Node::Leaf(rows) => return length + usual_path(*rows),
            Node::Cut { feature, at, below, rest } => {
                node = if value(row, *feature) < *at { below } else { rest };
                length += 1.0;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usual_path_is_that_of_the_paper() {
        assert_eq!((usual_path(1), usual_path(2)), (0.0, 1.0));
        // 2 (ln 255 + .5772156649) - 2 · 255/256.
        assert!((usual_path(256) - 10.244_770_920).abs() < 1e-6, "{}", usual_path(256));
    }

    #[test]
    fn path_counts_cuts_and_adds_what_a_full_leaf_would_take() {
        let leaf = |n| Box::new(Node::Leaf(n));
        let inner = Node::Cut { feature: 1, at: 2.0, below: leaf(1), rest: leaf(256) };
        let tree = Node::Cut { feature: 0, at: 5.0, below: leaf(2), rest: Box::new(inner) };
        assert_eq!(path(&tree, &[4.0, 0.0]).to_string(), "2");
        assert_eq!(path(&tree, &[5.0, 1.0]).to_string(), "2");
        assert!((path(&tree, &[5.0, 2.0]) - (2.0 + usual_path(256))).abs() < 1e-12);
    }

    #[test]
    fn what_lies_apart_scores_higher_and_the_forest_is_the_same_again() {
        let mut rows: Vec<[f64; 2]> = (0..300).map(|i| [f64::from(i % 17), f64::from(i % 13)]).collect();
        rows.push([60.0, -40.0]);
        let forest = Forest::fit(&rows).unwrap();
        let (odd, usual) = (forest.score(&[60.0, -40.0]), forest.score(&[8.0, 6.0]));
        assert!(odd > 0.6 && usual < 0.5, "{odd} {usual}");
        assert_eq!(odd.to_string(), Forest::fit(&rows).unwrap().score(&[60.0, -40.0]).to_string());
        assert!(Forest::fit(&rows[..1]).is_none());
        // Rows that all agree cannot be told apart: every tree is one leaf.
        let same = Forest::fit(&[[1.0]; 9]).unwrap().score(&[5.0]);
        assert!((same - 0.5).abs() < 1e-12, "{same}");
    }
}
