//! Which file comes first within one instant.

use super::Surveyed;

/// For each file its rank. See [`super`] for what it follows from.
///
/// Files without a known order of time come first: they are read whole before the stream begins.
pub(super) fn ranks(files: &[Surveyed]) -> Vec<u32> {
    let mut by_rank: Vec<(usize, &Surveyed)> = files.iter().enumerate().collect();
    by_rank.sort_by(|(a, left), (b, right)| {
        let key = |file: &Surveyed| (file.is_in_order(), file.span);
        key(left).cmp(&key(right)).then_with(|| left.sha256.cmp(&right.sha256)).then(a.cmp(b))
    });
    let mut ranks = vec![0; files.len()];
    for (rank, (file, _)) in (0..).zip(by_rank) {
        if let Some(place) = ranks.get_mut(file) {
            *place = rank;
        }
    }
    ranks
}
