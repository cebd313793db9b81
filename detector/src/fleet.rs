//! Several processes that share one topic of events: Kafka spreads its partitions over them and carries their state.

pub mod topics;
