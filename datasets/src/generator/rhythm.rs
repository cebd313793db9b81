//! When an agent works: how busy each hour and each day of the week is.

use models::event::Timestamp;

use super::dice::Dice;

pub(crate) const NANOS_PER_DAY: i64 = 86_400_000_000_000;
const MILLIS_PER_HOUR: u64 = 3_600_000;

/// The day of the week of a day since the Unix epoch; Monday is 0.
pub(crate) fn weekday(day: i64) -> i64 {
    // 1970-01-01 was a Thursday.
    (day + 3).rem_euclid(7)
}

/// A daily and weekly rhythm, in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rhythm {
    /// Monday to Friday, mostly 8 to 18 with a dip at noon; a few late ones.
    OfficeHours,
    /// Every night around 2.
    NightlyBatch,
    /// Always; quieter at night and at weekends.
    RoundTheClock,
}

impl Rhythm {
    fn hours(self) -> [f64; 24] {
        match self {
            Rhythm::OfficeHours => [
                0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.1, 0.8, 3.0, 5.0, 6.0, 5.0, 2.5, 4.0, 5.5, 5.0, 4.0, 2.5, 0.8, 0.3,
                0.15, 0.1, 0.05, 0.0,
            ],
            Rhythm::NightlyBatch => {
                let mut hours = [0.0; 24];
                hours[1] = 1.0;
                hours[2] = 6.0;
                hours[3] = 2.0;
                hours
            }
            Rhythm::RoundTheClock => [
                1.0, 0.8, 0.7, 0.6, 0.7, 0.9, 1.3, 2.0, 3.0, 3.5, 3.5, 3.2, 3.0, 3.2, 3.4, 3.3, 3.0, 2.8, 2.6, 2.4,
                2.2, 1.9, 1.6, 1.2,
            ],
        }
    }

    /// How busy a day is; Monday is 0.
    fn weekday(self, weekday: i64) -> f64 {
        match self {
            Rhythm::OfficeHours => [1.1, 1.1, 1.0, 1.0, 0.8, 0.02, 0.01][weekday as usize % 7],
            Rhythm::NightlyBatch => 1.0,
            Rhythm::RoundTheClock => [1.1, 1.1, 1.1, 1.1, 1.1, 0.8, 0.7][weekday as usize % 7],
        }
    }

    /// An hour at which it is at rest, if it has one: nights for offices, the early afternoon for batches.
    pub(crate) fn off_hour(self) -> i64 {
        match self {
            Rhythm::OfficeHours | Rhythm::RoundTheClock => 3,
            Rhythm::NightlyBatch => 14,
        }
    }

    /// The starts of the sessions of one day (days since the Unix epoch), in order, to the millisecond. `shift` is by how many
    /// hours the agent is later than its role.
    pub(crate) fn starts(self, day: i64, sessions: f64, shift: u64, dice: &mut Dice) -> Vec<Timestamp> {
        let count = dice.poisson(sessions * self.weekday(weekday(day)));
        let hours = self.hours();
        let mut starts: Vec<Timestamp> = (0..count)
            .map(|_| {
                let hour = (dice.weighted(&hours) as u64 + shift) % 24;
                let millis = hour * MILLIS_PER_HOUR + dice.below(MILLIS_PER_HOUR);
                Timestamp::from_nanos(
                    day.saturating_mul(NANOS_PER_DAY).saturating_add(millis.cast_signed() * 1_000_000),
                )
            })
            .collect();
        starts.sort_unstable();
        starts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offices_are_empty_on_sundays_and_batches_run_at_night() {
        // 2026-03-02 was a Monday: day 20 514.
        let (monday, sunday) = (20_514, 20_520);
        assert_eq!(Timestamp::from_nanos(monday * NANOS_PER_DAY).to_string(), "2026-03-02T00:00:00Z");
        let mut dice = Dice::new(3, 3);
        let busy = Rhythm::OfficeHours.starts(monday, 200.0, 0, &mut dice).len();
        let empty = Rhythm::OfficeHours.starts(sunday, 200.0, 0, &mut dice).len();
        assert!(busy > 150 && empty < 15, "{busy} and {empty}");
        let night = Rhythm::NightlyBatch.starts(monday, 50.0, 0, &mut dice);
        let hours = night.iter().map(|t| t.as_seconds().rem_euclid(86_400) / 3600);
        assert!(hours.clone().all(|h| (1..4).contains(&h)), "{:?}", hours.collect::<Vec<_>>());
        assert!(night.is_sorted());
    }
}
