//! Questions and orders to the engine thread.

use models::alert::AlertId;
use models::decision::Verdict;
use models::view::{EngineView, IdentityView};
use tokio::sync::{mpsc, oneshot};

use crate::store::StoreError;

/// The engine thread takes no orders: the service is stopping, or its database cannot be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the engine takes no requests now; see `/readyz` and try again")]
pub struct Stopped;

/// Why a verdict was not taken.
#[derive(Debug, thiserror::Error)]
pub enum VerdictError {
    /// The service is stopping, or its database cannot be written.
    #[error(transparent)]
    Stopped(#[from] Stopped),
    /// There is no such alert of this tenant and identity.
    #[error("there is no alert `{0}` of this tenant and identity")]
    Unknown(AlertId),
    /// The database cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What the engine thread can be asked.
#[derive(Debug)]
pub enum Ask {
    /// What is known of one identity.
    Identity {
        /// Its tenant.
        tenant: String,
        /// The identity.
        identity: String,
        /// Where the answer goes.
        reply: oneshot::Sender<Option<IdentityView>>,
    },
    /// The engine as a whole.
    View {
        /// Where the answer goes.
        reply: oneshot::Sender<EngineView>,
    },
    /// An analyst settled an alert.
    Verdict {
        /// Which alert.
        alert: AlertId,
        /// Its tenant.
        tenant: String,
        /// Its identity.
        identity: String,
        /// What it was.
        verdict: Verdict,
        /// Who says so.
        by: String,
        /// Why.
        note: Option<String>,
        /// Answered when it is durable.
        reply: oneshot::Sender<Result<(), VerdictError>>,
    },
    /// A second person closed the brake again.
    ReleaseBrake {
        /// Who.
        by: String,
        /// Answered when it is durable.
        reply: oneshot::Sender<()>,
    },
}

/// Sends to the engine thread and waits for its answer. Cheap to clone.
#[derive(Debug, Clone)]
pub struct EngineHandle {
    // When it is full: callers wait; the thread answers between two batches, within milliseconds.
    asks: mpsc::Sender<Ask>,
}

impl EngineHandle {
    /// A handle and what the engine thread reads from.
    pub(crate) fn channel() -> (Self, mpsc::Receiver<Ask>) {
        let (asks, receiver) = mpsc::channel(64);
        (Self { asks }, receiver)
    }

    async fn ask<T>(&self, ask: impl FnOnce(oneshot::Sender<T>) -> Ask) -> Result<T, Stopped> {
        let (reply, answer) = oneshot::channel();
        self.asks.send(ask(reply)).await.map_err(|_| Stopped)?;
        answer.await.map_err(|_| Stopped)
    }

    /// What is known of one identity.
    ///
    /// # Errors
    /// When the service is stopping.
    pub async fn identity(&self, tenant: String, identity: String) -> Result<Option<IdentityView>, Stopped> {
        self.ask(|reply| Ask::Identity { tenant, identity, reply }).await
    }

    /// The engine as a whole.
    ///
    /// # Errors
    /// When the service is stopping.
    pub async fn view(&self) -> Result<EngineView, Stopped> {
        self.ask(|reply| Ask::View { reply }).await
    }

    /// Settles an alert: the engine learns from it, the alert shows it, the audit holds it. Durable when it returns.
    ///
    /// # Errors
    /// When there is no such alert, the database cannot be written, or the service is stopping.
    pub async fn verdict(
        &self,
        alert: AlertId,
        tenant: String,
        identity: String,
        verdict: Verdict,
        by: String,
        note: Option<String>,
    ) -> Result<(), VerdictError> {
        self.ask(|reply| Ask::Verdict { alert, tenant, identity, verdict, by, note, reply }).await?
    }

    /// Closes the brake again. Durable and audited when it returns.
    ///
    /// # Errors
    /// When the service is stopping, or the database cannot be written.
    pub async fn release_brake(&self, by: String) -> Result<(), Stopped> {
        self.ask(|reply| Ask::ReleaseBrake { by, reply }).await
    }
}
