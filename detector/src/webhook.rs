//! Signs and sends webhooks as Standard Webhooks 1.0.0 says, and verifies them for receivers; nothing decides here.
//!
//! [`EndpointConfig`] is a `[[webhook]]` table of the configuration, [`Endpoint`] its checked form. A [`Sender`] makes
//! one attempt at one endpoint and says in an [`Outcome`] what the caller does next. When to attempt, and how often, is
//! [`crate::outbox`]'s.
//!
//! Signed is `{webhook-id}.{webhook-timestamp}.{body}`, with every key of the endpoint: HMAC-SHA256 as `v1,` and
//! ed25519 as `v1a,`. A receiver accepts any one of them, so keys are rotated by configuring the old and the new one.

mod deliver;
mod endpoint;
mod guard;
mod key;
mod sign;
mod verify;

pub(crate) use key::encoded;

pub use deliver::{Outcome, Sender, SenderError, install_crypto};
pub use endpoint::{Endpoint, EndpointConfig, EndpointError, KeyText, KeyTexts};
pub use guard::{AddressGuard, Refused};
pub use key::{KeyError, PublicKey, Secret, SigningKey};
pub use sign::{ID_HEADER, MessageId, SIGNATURE_HEADER, Signer, TIMESTAMP_HEADER};
pub use verify::{TOLERANCE_SECONDS, Verifier, VerifyError};
