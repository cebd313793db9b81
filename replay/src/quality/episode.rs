//! Attacked sessions that belong together are one episode: found once or not at all.
//!
//! There is no point adjustment: an alarm counts from the event it was raised at, and nothing before it is called found.

use std::time::Duration;

use serde::Serialize;

use super::track::{Place, Track};

/// Silence after which the same attack on the same identity is another episode: as long as an alert stays open by default.
const QUIET: Duration = Duration::from_hours(24);

/// One attack on one identity.
#[derive(Debug, Clone)]
pub(super) struct Episode<'a> {
    pub(super) identity: u32,
    pub(super) attack: &'a str,
    /// In order of time.
    sessions: Vec<&'a Track>,
}

/// How long an attack went on before it was found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Elapsed {
    /// Events of the attacked sessions from the first malicious one to the one with the alarm; 0 is that event.
    pub(super) events: f64,
    /// Minutes from the first malicious event to the alarm.
    pub(super) minutes: f64,
}

/// Delay of what was found, from the first malicious event to the alarm.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Delays {
    /// Median in events; 0 is the first malicious one.
    pub events_median: f64,
    /// 95 % quantile (nearest rank) in events.
    pub events_p95: f64,
    /// Median in minutes of event time.
    pub minutes_median: f64,
    /// 95 % quantile in minutes.
    pub minutes_p95: f64,
}

/// Attacked sessions as episodes.
pub(super) fn episodes<'a>(attacked: impl Iterator<Item = &'a Track>) -> Vec<Episode<'a>> {
    let mut sessions: Vec<&Track> = attacked.collect();
    sessions.sort_by(|a, b| (a.identity, &a.attack, a.first).cmp(&(b.identity, &b.attack, b.first)));
    let mut episodes: Vec<Episode<'a>> = Vec::new();
    for session in sessions {
        let attack = session.attack.as_deref().unwrap_or("attack");
        let goes_on = episodes.last_mut().filter(|episode| {
            let end = episode.sessions.last().map(|last| last.last.saturating_add(QUIET));
            episode.identity == session.identity
                && episode.attack == attack
                && end.is_some_and(|end| session.first <= end)
        });
        match goes_on {
            Some(episode) => episode.sessions.push(session),
            None => episodes.push(Episode { identity: session.identity, attack, sessions: vec![session] }),
        }
    }
    episodes
}

impl Episode<'_> {
    /// When it was found by alarms at these places of its sessions; an alarm before the attack counts as one at its start.
    pub(super) fn found(&self, alarm: impl Fn(&Track) -> Option<Place>) -> Option<Elapsed> {
        let begin = |track: &Track| track.malicious.unwrap_or(Place { event: 0, time: track.first });
        let start = self.sessions.first().map(|track| begin(track))?.time;
        let mut before = 0;
        for track in &self.sessions {
            let begin = begin(track);
            if let Some(at) = alarm(track) {
                return Some(Elapsed {
                    events: f64::from(before + at.event.saturating_sub(begin.event)),
                    minutes: at.time.max(begin.time).seconds_since(start).max(0.0) / 60.0,
                });
            }
            before += track.events.saturating_sub(begin.event);
        }
        None
    }
}

/// Quantiles over what was found, each episode as often as its identity was drawn.
pub(super) fn delays(found: &[(u32, Elapsed)], drawn: impl Fn(u32) -> u32) -> Option<Delays> {
    let quantiles = |of: fn(&Elapsed) -> f64| {
        let mut values: Vec<(f64, u32)> = found.iter().map(|(who, elapsed)| (of(elapsed), drawn(*who))).collect();
        values.sort_by(|a, b| a.0.total_cmp(&b.0));
        let all: u32 = values.iter().map(|(_, times)| times).sum();
        let at = |q: f64| {
            let mut left = ((q * f64::from(all)).ceil() as u32).max(1);
            let reached = |(_, times): &&(f64, u32)| {
                let here = *times >= left;
                left = left.saturating_sub(*times);
                here
            };
            values.iter().find(reached).map(|(value, _)| *value)
        };
        Some((at(0.5)?, at(0.95)?))
    };
    let (events_median, events_p95) = quantiles(|elapsed| elapsed.events)?;
    let (minutes_median, minutes_p95) = quantiles(|elapsed| elapsed.minutes)?;
    Some(Delays { events_median, events_p95, minutes_median, minutes_p95 })
}

#[cfg(test)]
mod tests {
    use models::event::Timestamp;

    use super::*;
    use crate::label::Class;

    /// A session of ten events, a minute apart, whose attack begins at its third.
    fn session(identity: u32, attack: &str, hour: i64) -> Track {
        let at = |minute: i64| Timestamp::from_seconds(3600 * hour + 60 * minute);
        let mut track = Track::new(Class::Positive, Some(attack), identity, at(0));
        for minute in 0..10 {
            let place = track.count(at(minute));
            track.malicious = track.malicious.or((minute == 2).then_some(place));
        }
        track
    }

    #[test]
    fn sessions_of_one_attack_within_a_day_are_one_episode() {
        let tracks = [
            session(0, "ramp", 0),
            session(0, "ramp", 20),
            session(0, "ramp", 60),
            session(0, "x", 1),
            session(1, "ramp", 2),
        ];
        let episodes = episodes(tracks.iter());
        let of = |identity, attack| episodes.iter().filter(|e| (e.identity, e.attack) == (identity, attack)).count();
        assert_eq!([of(0, "ramp"), of(0, "x"), of(1, "ramp")], [2, 1, 1]);
    }

    #[test]
    fn delay_runs_from_the_first_malicious_event_through_the_sessions_that_were_missed() {
        let (missed, mut caught) = (session(0, "ramp", 0), session(0, "ramp", 1));
        caught.found = caught
            .malicious
            .map(|place| Place { event: place.event + 1, time: place.time.saturating_add(Duration::from_mins(1)) });
        let tracks = [missed, caught];
        let found = episodes(tracks.iter())[0].found(|track| track.found).unwrap();
        // Eight events of the first session, then the second malicious one of the other.
        assert_eq!(found, Elapsed { events: 9.0, minutes: 61.0 });
        assert_eq!(episodes(tracks[..1].iter())[0].found(|track| track.found), None);
    }

    #[test]
    fn an_alarm_before_the_attack_counts_as_one_at_its_start() {
        let track = session(0, "x", 0);
        let early =
            episodes(std::iter::once(&track))[0].found(|track| Some(Place { event: 0, time: track.first })).unwrap();
        assert_eq!(early, Elapsed { events: 0.0, minutes: 0.0 });
    }

    #[test]
    fn quantiles_count_an_episode_as_often_as_its_identity_was_drawn() {
        let elapsed = |n: f64| Elapsed { events: n, minutes: 10.0 * n };
        let found = [(0, elapsed(1.0)), (1, elapsed(5.0)), (2, elapsed(9.0))];
        let delays = |drawn: [u32; 3]| delays(&found, |who| drawn[who as usize]);
        let all = delays([1, 1, 1]).unwrap();
        assert_eq!((all.events_median, all.events_p95, all.minutes_p95), (5.0, 9.0, 90.0));
        let last = delays([0, 0, 1]).unwrap();
        assert_eq!((last.events_median, last.events_p95), (9.0, 9.0));
        assert_eq!(delays([0, 0, 0]), None);
    }
}
