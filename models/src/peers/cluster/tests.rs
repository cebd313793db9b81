use super::*;
use crate::fingerprint::mix;

/// A number in 0..1 from two others.
fn chance(a: u64, b: u64) -> f64 {
    (mix(mix(a, b), 0x5eed) >> 11) as f64 / (1_u64 << 53) as f64
}

/// An identity of one of three professions: five tools of its own and two that all use, in proportions of its own.
fn worker(profession: u32, identity: u64, day: u64) -> Profile {
    let own = (0..5).map(|i| profession * 100 + i).chain([900, 901]);
    let share = |tool: u32| 0.5 + chance(identity, u64::from(tool)) + 0.1 * chance(identity ^ day, u64::from(tool));
    Profile { identity, shares: own.map(|tool| (tool, share(tool) as f32)).collect() }
}

fn staff(sizes: [u64; 3], day: u64) -> Vec<Profile> {
    let people = (1_u32..).zip(sizes).flat_map(|(profession, size)| (0..size).map(move |i| (profession, i)));
    people.map(|(profession, i)| worker(profession, mix(u64::from(profession), i), day)).collect()
}

/// Id of each profession if all its members share one.
fn ids_of(ids: &[u32], sizes: [u64; 3]) -> Vec<u32> {
    let mut rest = ids;
    let mut found = Vec::new();
    for size in sizes {
        let (group, after) = rest.split_at(size as usize);
        assert!(group.iter().all(|id| *id == group[0]), "{group:?}");
        found.push(group[0]);
        rest = after;
    }
    found
}

#[test]
fn three_professions_are_found_and_newcomers_join_theirs() {
    let sizes = [120, 60, 30];
    let (clusters, ids) = cluster(&staff(sizes, 0), &Clusters::default());
    // Numbered by size.
    assert_eq!(ids_of(&ids, sizes), [0, 1, 2]);
    assert_eq!(clusters.ids().collect::<Vec<_>>(), [0, 1, 2]);
    for (id, profession) in [(0, 1), (1, 2), (2, 3)] {
        assert_eq!(clusters.assign(&worker(profession, 77, 0)), id);
        let typical: Vec<u32> = clusters.typical(id).iter().take(7).map(|(tool, _)| *tool).collect();
        assert!((0..5).all(|i| typical.contains(&(profession * 100 + i))), "{typical:?}");
    }
}

#[test]
fn the_order_of_profiles_does_not_matter() {
    let mut profiles = staff([50, 50, 50], 0);
    let (clusters, ids) = cluster(&profiles, &Clusters::default());
    profiles.reverse();
    let (again, mut reversed) = cluster(&profiles, &Clusters::default());
    reversed.reverse();
    assert_eq!((again, reversed), (clusters, ids));
}

#[test]
fn ids_survive_a_rebuild_and_a_new_profession_gets_a_new_one() {
    // The third profession is the largest at first, so it is number 0.
    let (first, ids) = cluster(&staff([0, 50, 70], 0), &Clusters::default());
    assert_eq!((ids[0], ids[50]), (1, 0));
    // Everybody drifts a little, and one in twenty changes the profession.
    let mut later = staff([0, 50, 70], 1);
    for (i, profile) in later.iter_mut().enumerate().step_by(20) {
        *profile = worker(if i < 50 { 3 } else { 2 }, profile.identity, 1);
    }
    let (second, ids) = cluster(&later, &first);
    assert_eq!((ids[1], ids[51]), (1, 0));
    assert_eq!((ids[0], ids[60]), (0, 1), "those who changed go with their new peers");
    // A new profession, the largest of all, with tools that were not compared before.
    let sizes = [100, 70, 70];
    let (third, ids) = cluster(&staff(sizes, 2), &second);
    assert_eq!(ids_of(&ids, sizes), [2, 1, 0]);
    // The number of one that is gone is not given again.
    let (fourth, ids) = cluster(&staff([0, 70, 70], 3), &third);
    assert_eq!((ids[0], ids[70]), (1, 0));
    assert_eq!(fourth.next, 3);
}

#[test]
fn few_identities_are_one_group_and_so_are_many_of_one_kind() {
    let (clusters, ids) = cluster(&staff([13, 13, 13], 0), &Clusters::default());
    assert!(ids.iter().all(|id| *id == 0) && clusters.ids().count() == 1);
    let (clusters, _) = cluster(&staff([300, 0, 0], 0), &Clusters::default());
    assert_eq!(clusters.ids().count(), 1);
}

#[test]
fn empty_and_broken_profiles_give_no_nan() {
    let broken = |identity, share| Profile { identity, shares: vec![(1, share)] };
    let mut profiles: Vec<Profile> = (0..50).map(|identity| Profile { identity, shares: vec![] }).collect();
    let sound = |clusters: &Clusters| clusters.groups.iter().all(|g| g.centre.iter().all(|x| x.is_finite()));
    let (clusters, ids) = cluster(&profiles, &Clusters::default());
    assert!(sound(&clusters) && ids.iter().all(|id| *id == 0));
    profiles.extend([broken(90, f32::NAN), broken(91, f32::INFINITY), broken(92, -1.0), broken(93, 0.0)]);
    profiles.extend(staff([40, 40, 0], 0));
    let (clusters, ids) = cluster(&profiles, &clusters);
    assert!(sound(&clusters) && ids.len() == profiles.len() && clusters.ids().count() == 2);
    assert_eq!(cluster(&[], &Clusters::default()).1, Vec::<u32>::new());
    assert_eq!(Clusters::default().assign(&broken(1, 1.0)), 0);
}

#[test]
fn shares_and_centres_are_two_views_of_one_thing() {
    let (clusters, _) = cluster(&[worker(1, 7, 0)], &Clusters::default());
    let total: f32 = worker(1, 7, 0).shares.iter().map(|(_, share)| share).sum();
    for (tool, share) in worker(1, 7, 0).shares {
        let (_, typical) = clusters.typical(0).into_iter().find(|(t, _)| *t == tool).unwrap();
        assert!((typical - share / total).abs() < 1e-5);
    }
}

#[test]
fn sixty_calls_each_tell_four_roles_apart() {
    // Ten tools a role, the first ones more often; neighbours share six, and all share four.
    let tool = |identity: u64, role: u64, call: u64| {
        let rank = ((chance(identity, call) * 3.0).exp() / 2.0) as u64;
        (if chance(!identity, call) < 0.3 { 1000 + rank % 4 } else { role * 4 + rank }) as u32
    };
    let profile = |i: u64| {
        let identity = mix(i, 9);
        Profile { identity, shares: (0..60).map(|call| (tool(identity, i % 4, call), 1.0)).collect() }
    };
    let (clusters, ids) = cluster(&(0..200).map(profile).collect::<Vec<_>>(), &Clusters::default());
    assert_eq!(clusters.ids().count(), 4);
    assert!((0..200).all(|i| ids[i] == ids[i % 4]), "{ids:?}");
}
