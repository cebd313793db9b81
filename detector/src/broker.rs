//! A small credential broker: issues credentials, and kills them when a signed webhook of driftwatch says so.
//!
//! For the demo, for tests, and as a worked example of a receiver. It keeps everything in memory, so it belongs on
//! loopback. Over HTTP it offers
//!
//! ```text
//! POST /credentials   {"identity", "scopes", "session"?, "ttl_seconds"?}  201, the credential
//! POST /introspect    token=<id>                                          200, RFC 7662
//! POST /webhook       Standard Webhooks                                   204 done · 400 401 422 refused
//! ```

mod confirm;
mod credentials;
mod routes;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use models::event::Timestamp;
use tokio::net::TcpListener;
use tokio::sync::broadcast;
use tokio::task::JoinSet;

pub use confirm::{ConfirmTo, ConfirmUrlError};
use credentials::Credentials;
pub use credentials::{Grant, Introspection, Issued};

use crate::webhook::{MessageId, Verifier, VerifyError};

/// Sights a slow subscriber may fall behind before it misses some.
const SIGHTS: usize = 1_024;

/// What the broker saw or did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sight {
    /// It issued a credential.
    Issued {
        /// Id of the credential.
        credential: String,
        /// To whom.
        identity: String,
    },
    /// It killed what a webhook named.
    Revoked {
        /// Id of the message.
        message: MessageId,
        /// The credentials that died by it; none if they were dead or unknown before.
        credentials: Vec<String>,
    },
    /// It gave back what a webhook had taken.
    Restored {
        /// Id of the message.
        message: MessageId,
        /// The credentials that live again.
        credentials: Vec<String>,
    },
    /// A message it had seen before: answered as before, nothing done.
    Repeated(MessageId),
    /// A message that is not genuine or not fresh.
    Untrusted(VerifyError),
    /// A genuine message that it cannot act upon.
    Unusable(String),
    /// Driftwatch took the confirmation.
    Confirmed(String),
    /// Driftwatch did not take the confirmation.
    Unconfirmed {
        /// Id of the revocation.
        revocation: String,
        /// What went wrong.
        detail: String,
    },
}

/// How a broker is set up.
#[derive(Debug, Clone)]
pub struct BrokerOptions {
    /// The issuer of its credentials, as it stands in events and webhooks.
    pub issuer: String,
    /// The keys of driftwatch.
    pub verifier: Verifier,
    /// Where it reports that it is done; `None`: it only answers.
    pub confirm: Option<ConfirmTo>,
}

/// A running broker. Stops when it is dropped.
#[derive(Debug)]
pub struct Broker {
    shared: Arc<Shared>,
    address: SocketAddr,
    _server: JoinSet<()>,
}

#[derive(Debug)]
struct Shared {
    options: BrokerOptions,
    // Held for the length of one change, never across an await.
    credentials: Mutex<Credentials>,
    sights: broadcast::Sender<Sight>,
}

impl Broker {
    /// Serves on `listener`.
    ///
    /// # Errors
    /// When the listener has no address.
    pub fn start(listener: TcpListener, options: BrokerOptions) -> std::io::Result<Self> {
        let address = listener.local_addr()?;
        let credentials = Mutex::new(Credentials::new(&options.issuer, now()));
        let shared = Arc::new(Shared { options, credentials, sights: broadcast::Sender::new(SIGHTS) });
        let router = routes::router(Arc::clone(&shared));
        let mut server = JoinSet::new();
        server.spawn(async move {
            if let Err(error) = axum::serve(listener, router).await {
                tracing::error!(%error, "the broker stopped serving");
            }
        });
        Ok(Self { shared, address, _server: server })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The URL for `[[webhook]]`.
    pub fn webhook_url(&self) -> String {
        format!("http://{}/webhook", self.address)
    }

    /// Everything it sees from now on.
    pub fn subscribe(&self) -> broadcast::Receiver<Sight> {
        self.shared.sights.subscribe()
    }

    /// Issues a credential.
    pub fn issue(&self, grant: Grant) -> Issued {
        self.shared.issue(grant)
    }

    /// Whether a credential is alive, and what it may do.
    pub fn introspect(&self, credential: &str) -> Introspection {
        self.shared.credentials().introspect(credential, now())
    }
}

impl Shared {
    fn credentials(&self) -> MutexGuard<'_, Credentials> {
        self.credentials.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn issue(&self, grant: Grant) -> Issued {
        let issued = self.credentials().issue(grant, now());
        self.saw(Sight::Issued { credential: issued.id.clone(), identity: issued.identity.clone() });
        issued
    }

    fn saw(&self, sight: Sight) {
        // `Err` says that nobody has subscribed.
        let _ = self.sights.send(sight);
    }
}

/// The broker is a service of its own, with its own clock.
fn now() -> Timestamp {
    let since_epoch: Duration = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::EPOCH.saturating_add(since_epoch)
}

#[cfg(test)]
mod tests;
