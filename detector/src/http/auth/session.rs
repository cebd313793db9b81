//! Sessions of the console: random names, kept in memory, gone with the process.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rand::TryRngCore as _;
use rand::rngs::OsRng;

/// Name of the cookie.
pub(super) const NAME: &str = "driftwatch_session";
/// A working day; then one logs in again.
const LIFE: Duration = Duration::from_hours(12);
/// Most sessions at once. When it is full, the oldest ends.
const MOST: usize = 1_000;

#[derive(Debug)]
struct Session {
    holder: String,
    opened: Instant,
}

/// The open sessions by their id.
#[derive(Debug, Default)]
pub(super) struct Sessions(Mutex<HashMap<String, Session>>);

impl Sessions {
    /// Opens a session; `None` when the system gives no random bytes.
    pub(super) fn open(&self, holder: String) -> Option<String> {
        let mut id = [0; 32];
        OsRng.try_fill_bytes(&mut id).ok()?;
        let id = URL_SAFE_NO_PAD.encode(id);
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        open.retain(|_, s| s.opened.elapsed() < LIFE);
        if open.len() >= MOST
            && let Some(oldest) = open.iter().min_by_key(|(_, s)| s.opened).map(|(id, _)| id.clone())
        {
            open.remove(&oldest);
        }
        open.insert(id.clone(), Session { holder, opened: Instant::now() });
        Some(id)
    }

    /// Who opened a session that is still open. Ids are 256 random bits: looking one up tells nothing about another.
    pub(super) fn holder(&self, id: &str) -> Option<String> {
        let open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        open.get(id).filter(|s| s.opened.elapsed() < LIFE).map(|s| s.holder.clone())
    }

    /// Ends a session.
    pub(super) fn close(&self, id: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(id);
    }
}

/// The `Set-Cookie` value of a session.
pub(super) fn cookie(id: &str, secure: bool) -> String {
    let secure = if secure { "; Secure" } else { "" };
    format!("{NAME}={id}; Path=/; HttpOnly; SameSite=Strict; Max-Age={}{secure}", LIFE.as_secs())
}

/// The `Set-Cookie` value that removes the cookie.
pub(super) fn no_cookie() -> axum::http::HeaderValue {
    axum::http::HeaderValue::from_static("driftwatch_session=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sessions_are_bounded_and_the_oldest_ends_first() {
        let sessions = Sessions::default();
        let first = sessions.open("a".to_owned()).unwrap();
        for _ in 0..MOST {
            sessions.open("b".to_owned()).unwrap();
        }
        assert_eq!(sessions.holder(&first), None);
        assert_eq!(sessions.0.lock().unwrap().len(), MOST);
    }
}
