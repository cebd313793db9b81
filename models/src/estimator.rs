//! Online estimators: one a file, bounded memory, `push` to learn, the rest reads.

pub mod calibrator;
pub mod counts;
pub mod drift;
pub mod exceedance;
pub mod histogram;
pub mod hours;
pub mod normal;
pub mod novelty;
pub mod pitman_yor;
pub mod rate;
pub mod recent;
mod scale;
pub mod small_set;
