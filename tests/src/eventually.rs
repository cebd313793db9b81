//! Waiting for something that another process does: asking again until it is so, within a bound.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};

/// How long a story waits before it says that something did not happen. Generous, since a story that passes never waits
/// this long, and a loaded machine must not fail one.
pub const PATIENCE: Duration = Duration::from_mins(1);

/// Pause between two questions: short against everything that is waited for, long enough to leave the processor to it.
const BETWEEN: Duration = Duration::from_millis(20);

/// What one look at the world found.
#[derive(Debug)]
pub enum Seen<T> {
    /// It is so.
    Yes(T),
    /// Not yet, and what was there instead: the last of these tells why a story failed.
    NotYet(String),
}

impl Seen<()> {
    /// Yes when `so`, otherwise what `instead` describes.
    pub fn when(so: bool, instead: impl FnOnce() -> String) -> Self {
        if so { Self::Yes(()) } else { Self::NotYet(instead()) }
    }
}

/// Asks until the answer is yes, for at most [`PATIENCE`]. An error from `ask` is final: a process that died does not
/// become ready.
pub async fn eventually<T>(what: &str, ask: impl AsyncFnMut() -> Result<Seen<T>>) -> Result<T> {
    within(PATIENCE, what, ask).await
}

/// [`eventually`] with a bound of its own.
pub async fn within<T>(patience: Duration, what: &str, mut ask: impl AsyncFnMut() -> Result<Seen<T>>) -> Result<T> {
    let started = Instant::now();
    loop {
        match ask().await? {
            Seen::Yes(value) => return Ok(value),
            Seen::NotYet(instead) if started.elapsed() >= patience => {
                bail!("waited {patience:?} in vain for this: {what}; seen last: {instead}")
            }
            Seen::NotYet(_) => tokio::time::sleep(BETWEEN).await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn asks_again_until_it_is_so() {
        let mut asked = 0;
        let found = eventually("the third time", async || {
            asked += 1;
            Ok(if asked == 3 { Seen::Yes(asked) } else { Seen::NotYet(format!("{asked}")) })
        });
        assert_eq!(found.await.unwrap(), 3);
    }

    #[tokio::test]
    async fn says_what_was_there_instead() {
        let waited = within(Duration::ZERO, "a miracle", async || Ok(Seen::when(false, || "nothing".to_owned())));
        let error = waited.await.unwrap_err().to_string();
        assert!(error.contains("a miracle") && error.contains("nothing"), "{error}");
    }

    #[tokio::test]
    async fn an_error_ends_the_wait_at_once() {
        let mut asked = 0;
        let waited: Result<()> = eventually("life", async || {
            asked += 1;
            bail!("it is dead")
        })
        .await;
        assert!(waited.is_err());
        assert_eq!(asked, 1);
    }
}
