//! What can go wrong with the fleet's topics, and what to do then.

use rdkafka::error::KafkaError;

/// Why a topic of the fleet could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum FleetError {
    /// The broker.
    #[error("topic `{topic}`: {error}; `driftwatch doctor` says what is wrong with it")]
    Kafka {
        /// The topic.
        topic: String,
        /// What the client says.
        error: KafkaError,
    },
    /// Nothing came.
    #[error("topic `{0}`: the broker did not answer in time")]
    Silent(String),
    /// There is nothing to share.
    #[error("there is no topic `{0}`; create it with `driftwatch topics create --partitions N`")]
    NoTopic(String),
    /// The changelog.
    #[error(transparent)]
    Changelog(#[from] models::changelog::ChangelogError),
    /// Somebody else owns the partition.
    #[error(transparent)]
    Fenced(#[from] models::changelog::Fenced),
    /// The stored state.
    #[error(transparent)]
    Restore(#[from] models::engine::RestoreError),
    /// The fleet's log.
    #[error("the fleet's log at offset {offset}: {error}")]
    Log {
        /// Where.
        offset: i64,
        /// What is wrong there.
        error: models::engine::EntryError,
    },
    /// Records that retention has taken.
    #[error(
        "topic `{topic}`, partition {partition}: the records before offset {first} are gone; nothing can be recomputed without them"
    )]
    Gone {
        /// The topic.
        topic: String,
        /// The partition.
        partition: i32,
        /// The first offset that is there.
        first: i64,
    },
    /// A topic that was deleted and created again.
    #[error(
        "topic `{topic}` ends at offset {end}, but this process has stored it up to {stored}: it was made anew; choose another fleet.name, or move this database away"
    )]
    Anew {
        /// The topic.
        topic: String,
        /// How far it is stored.
        stored: i64,
        /// Where it ends.
        end: i64,
    },
    /// The machine gives no further thread.
    #[error("no thread can be started: {0}; raise the limit of threads of this process")]
    Thread(#[from] std::io::Error),
    /// The outputs of a flush.
    #[error("what was to be told after a flush cannot be read: use the version that wrote it")]
    Outputs,
}
