//! Peer groups for identities that nobody has grouped: who uses the same tools in the same proportions.
//!
//! k-means (`linfa`) on the centred log-ratio of each identity's tool distribution (Aitchison, 1982; `model-notes`,
//! section 11). Rebuilt per epoch and constant in between; the same profiles in any order give the same groups.

use std::collections::BTreeMap;

use linfa::DatasetBase;
use linfa::traits::Fit;
use linfa_clustering::{KMeans, KMeansInit};
use ndarray::Array2;
use rand_xoshiro::Xoshiro256Plus;
use rand_xoshiro::rand_core::SeedableRng;
use serde::{Deserialize, Serialize};

/// Tools that are compared, the most widely used ones.
const TOOLS: usize = 64;
/// Share that is added to every tool, so that unused ones have a logarithm.
const PSEUDO_SHARE: f64 = 0.01;
/// Members that a group needs, so that what they do is what peers do.
const LEAST_MEMBERS: usize = 20;
const MOST_GROUPS: usize = 32;
/// How far apart two groups are at least, in standard deviations along the line between them. Halves of one group reach
/// 2.7 if it is normal and 3.5 if it is uniform.
const LEAST_SEPARATION: f64 = 4.0;
/// Starts and steps of each k-means, and identities that it sees: with them a build takes seconds, however many there are.
const RUNS: usize = 4;
const ITERATIONS: u64 = 30;
const SAMPLE: usize = 1024;
const SEED: u64 = 0x6472_6966_7477_6174;

/// Which tools an identity uses, and how much.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Profile {
    /// Whose it is; unique among the profiles of a build.
    pub identity: u64,
    /// Fingerprints of tools and their shares of its calls. Scaled to sum 1; what is no positive number counts as 0.
    pub shares: Vec<(u32, f32)>,
}

/// Peer groups of one epoch. The default has none yet, and assigns everybody to group 0.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Clusters {
    /// Fingerprints of the tools that are compared, ascending.
    tools: Vec<u32>,
    /// By id.
    groups: Vec<Group>,
    next: u32,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Group {
    id: u32,
    /// Mean centred log-ratio of its members, one value per tool.
    centre: Vec<f64>,
}

/// Groups profiles anew. Returns the groups and the id of each profile's, in the order given.
///
/// The number of groups is the largest `k <= min(32, sqrt(n/2))` such that each has 20 members and any two are told apart
/// along the line between them (Ashman, Bird, Zepf, 1994: `D >= 4`); fewer than 40 identities are one group. Profiles
/// without tools do not count, and are assigned afterwards. Centres are sought in a sample of 1024 identities; members are
/// counted, told apart and averaged over all.
///
/// A group keeps the id of the nearest `previous` one among those that would be assigned to it; others get the next number.
pub(crate) fn cluster(profiles: &[Profile], previous: &Clusters) -> (Clusters, Vec<u32>) {
    let tools = common_tools(profiles);
    let mut sorted: Vec<&Profile> = profiles.iter().filter(|profile| total(&profile.shares) > 0.0).collect();
    sorted.sort_by_key(|profile| profile.identity);
    let points: Vec<Vec<f64>> = sorted.iter().map(|profile| log_ratio(&tools, &profile.shares)).collect();
    let centres = partition(&points, tools.len());

    let old: Vec<Vec<f64>> = previous.groups.iter().map(|g| log_ratio(&tools, &previous.shares_of(g))).collect();
    let mut next = previous.next;
    let mut groups: Vec<Group> = kept_ids(&centres, &old)
        .into_iter()
        .zip(centres)
        .map(|(kept, centre)| {
            let id = kept.and_then(|at| previous.groups.get(at)).map(|group| group.id);
            let id = id.unwrap_or_else(|| {
                next += 1;
                next - 1
            });
            Group { id, centre }
        })
        .collect();
    groups.sort_by_key(|group| group.id);
    let clusters = Clusters { tools, groups, next };
    let ids = profiles.iter().map(|profile| clusters.assign(profile)).collect();
    (clusters, ids)
}

impl Clusters {
    /// Id of the group whose centre is nearest; of several, the smallest.
    pub(crate) fn assign(&self, profile: &Profile) -> u32 {
        let point = log_ratio(&self.tools, &profile.shares);
        let nearest = nearest(self.groups.iter().map(|group| group.centre.as_slice()), &point);
        nearest.and_then(|(at, _)| self.groups.get(at)).map_or(0, |group| group.id)
    }

    /// Id of the group whose centre is nearest; `None` where there is one group, which is that of everybody already.
    pub(crate) fn group_of(&self, profile: &Profile) -> Option<u32> {
        self.are_several().then(|| self.assign(profile))
    }

    /// Whether identities differ enough to be told apart.
    pub(crate) fn are_several(&self) -> bool {
        self.groups.len() > 1
    }

    /// Ids of the groups, ascending.
    pub(crate) fn ids(&self) -> impl Iterator<Item = u32> {
        self.groups.iter().map(|group| group.id)
    }

    /// Which tools are typical of a group, and with which share, largest first: what it is, for people.
    pub(crate) fn typical(&self, id: u32) -> Vec<(u32, f32)> {
        let mut shares = self.groups.iter().find(|group| group.id == id).map(|g| self.shares_of(g)).unwrap_or_default();
        shares.retain(|(_, share)| *share > 0.0);
        shares.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        shares
    }

    /// The shares whose log-ratio is the centre.
    fn shares_of(&self, group: &Group) -> Vec<(u32, f32)> {
        let sum: f64 = group.centre.iter().map(|x| x.exp()).sum();
        let scale = 1.0 + PSEUDO_SHARE * self.tools.len() as f64;
        let share = |x: &f64| (x.exp() / sum * scale - PSEUDO_SHARE).max(0.0) as f32;
        self.tools.iter().copied().zip(group.centre.iter().map(share)).collect()
    }
}

fn valid(share: f32) -> f64 {
    if share.is_finite() { f64::from(share).max(0.0) } else { 0.0 }
}

fn total(shares: &[(u32, f32)]) -> f64 {
    shares.iter().map(|(_, share)| valid(*share)).sum()
}

/// The tools that most identities use, ascending. Not the most called ones: one loud identity has one vote.
fn common_tools(profiles: &[Profile]) -> Vec<u32> {
    let mut users: BTreeMap<u32, usize> = BTreeMap::new();
    for (tool, share) in profiles.iter().flat_map(|profile| &profile.shares) {
        if valid(*share) > 0.0 {
            *users.entry(*tool).or_default() += 1;
        }
    }
    let mut tools: Vec<(u32, usize)> = users.into_iter().collect();
    tools.sort_by_key(|(tool, users)| (std::cmp::Reverse(*users), *tool));
    let mut tools: Vec<u32> = tools.into_iter().take(TOOLS).map(|(tool, _)| tool).collect();
    tools.sort_unstable();
    tools
}

/// Centred log-ratio `ln(x_j + 0.01) - mean`, one value per tool; all 0 without shares.
fn log_ratio(tools: &[u32], shares: &[(u32, f32)]) -> Vec<f64> {
    let sum = total(shares);
    let mut point = vec![PSEUDO_SHARE; tools.len()];
    for (tool, share) in shares {
        if let Some(x) = tools.binary_search(tool).ok().and_then(|at| point.get_mut(at)) {
            *x += if sum > 0.0 { valid(*share) / sum } else { 0.0 };
        }
    }
    let logs: Vec<f64> = point.into_iter().map(f64::ln).collect();
    let mean = logs.iter().sum::<f64>() / logs.len().max(1) as f64;
    logs.into_iter().map(|x| x - mean).collect()
}

fn squared_distance(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(x, y)| (x - y) * (x - y)).sum()
}

/// Index and squared distance of the nearest; of several, the first.
fn nearest<'a>(centres: impl Iterator<Item = &'a [f64]>, point: &[f64]) -> Option<(usize, f64)> {
    centres.map(|centre| squared_distance(centre, point)).enumerate().min_by(|a, b| a.1.total_cmp(&b.1))
}

/// Centres of the groups, largest group first; at least one.
fn partition(points: &[Vec<f64>], width: usize) -> Vec<Vec<f64>> {
    let n = points.len();
    let most = ((n as f64 / 2.0).sqrt() as usize).min(n / LEAST_MEMBERS).min(MOST_GROUPS);
    // Identities are ordered by a keyed hash, so every so many of them are a fair sample.
    let sample: Vec<&[f64]> = points.iter().step_by(n.div_ceil(SAMPLE).max(1)).map(Vec::as_slice).collect();
    let records = Array2::from_shape_vec((sample.len(), width), sample.concat()).map(DatasetBase::from);
    if let Ok(records) = records {
        for k in (2..=most).rev() {
            let rng = Xoshiro256Plus::seed_from_u64(SEED);
            let params = KMeans::params_with_rng(k, rng).n_runs(RUNS).max_n_iterations(ITERATIONS).tolerance(1e-3);
            // Not k-means||: it draws from one generator per thread, so the machine would have a say.
            let Ok(fitted) = params.init_method(KMeansInit::KMeansPlusPlus).fit(&records) else { continue };
            let centres: Vec<Vec<f64>> = fitted.centroids().rows().into_iter().map(|row| row.to_vec()).collect();
            if let Some(groups) = told_apart(points, &centres) {
                return groups;
            }
        }
    }
    vec![mean(points.iter(), width)]
}

fn mean<'a>(points: impl Iterator<Item = &'a Vec<f64>> + Clone, width: usize) -> Vec<f64> {
    let n = points.clone().count().max(1) as f64;
    let mut mean = vec![0.0; width];
    for point in points {
        mean.iter_mut().zip(point).for_each(|(m, x)| *m += x / n);
    }
    mean
}

/// The means of the points nearest to each centre, largest group first, if all groups are large enough and apart.
fn told_apart(points: &[Vec<f64>], centres: &[Vec<f64>]) -> Option<Vec<Vec<f64>>> {
    let mut members: Vec<Vec<&Vec<f64>>> = vec![Vec::new(); centres.len()];
    for point in points {
        let (at, _) = nearest(centres.iter().map(Vec::as_slice), point)?;
        members.get_mut(at)?.push(point);
    }
    if members.iter().any(|group| group.len() < LEAST_MEMBERS) {
        return None;
    }
    members.sort_by_key(|group| std::cmp::Reverse(group.len()));
    let width = centres.first()?.len();
    let groups: Vec<_> = members.iter().map(|group| (mean(group.iter().copied(), width), group)).collect();
    let pairs = groups.iter().enumerate().flat_map(|(i, a)| groups.iter().skip(i + 1).map(move |b| (a, b)));
    let apart = pairs.into_iter().all(|((a, in_a), (b, in_b))| {
        let distance = squared_distance(a, b).sqrt();
        let variance = variance_along(in_a, a, b, distance) + variance_along(in_b, b, a, distance);
        // D = sqrt(2) |a - b| / sqrt(variances), without dividing by a spread of 0.
        distance > 0.0 && std::f64::consts::SQRT_2 * distance >= LEAST_SEPARATION * variance.sqrt()
    });
    apart.then(|| groups.into_iter().map(|(centre, _)| centre).collect())
}

/// Variance of a group's members on the line from its centre to another.
fn variance_along(members: &[&Vec<f64>], centre: &[f64], other: &[f64], distance: f64) -> f64 {
    let along = |point: &&Vec<f64>| -> f64 {
        point.iter().zip(centre).zip(other).map(|((x, c), o)| (x - c) * (o - c)).sum::<f64>() / distance
    };
    members.iter().map(|point| along(point).powi(2)).sum::<f64>() / members.len().max(1) as f64
}

/// For every new centre the index of the old one whose id it keeps.
fn kept_ids(centres: &[Vec<f64>], old: &[Vec<f64>]) -> Vec<Option<usize>> {
    let mut kept: Vec<Option<(usize, f64)>> = vec![None; centres.len()];
    for (index, centre) in old.iter().enumerate() {
        let Some((at, distance)) = nearest(centres.iter().map(Vec::as_slice), centre) else { continue };
        if let Some(best) = kept.get_mut(at)
            && best.is_none_or(|(_, least)| distance < least)
        {
            *best = Some((index, distance));
        }
    }
    kept.into_iter().map(|best| best.map(|(index, _)| index)).collect()
}

#[cfg(test)]
mod tests;
