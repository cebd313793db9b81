//! Verification of [Standard Webhooks](https://www.standardwebhooks.com) 1.0.0, written from the specification alone.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{Signature, VerifyingKey};
use hmac::{Hmac, Mac as _};
use sha2::Sha256;

/// How far the timestamp may be off, either way, in seconds.
pub const TOLERANCE: u64 = 5 * 60;

/// What a receiver was given to check signatures with.
#[derive(Debug, Clone)]
pub enum Key {
    /// `whsec_…`: shared, for HMAC-SHA256.
    Shared(Vec<u8>),
    /// `whpk_…`: the sender's public ed25519 key.
    Public(VerifyingKey),
}

impl Key {
    /// Reads a key in its printed form.
    pub fn parse(printed: &str) -> Result<Self> {
        let (kind, encoded) = printed.split_once('_').context("a webhook key starts with `whsec_` or `whpk_`")?;
        let bytes = STANDARD.decode(encoded).context("a webhook key is base64 after its prefix")?;
        match kind {
            "whsec" => Ok(Self::Shared(bytes)),
            "whpk" => Ok(Self::Public(VerifyingKey::try_from(bytes.as_slice()).context("not an ed25519 public key")?)),
            _ => bail!("`{kind}_` is neither `whsec_` nor `whpk_`"),
        }
    }

    /// Whether this key made `signature` (its base64 part) over `signed`.
    fn made(&self, signature: &str, signed: &[u8]) -> bool {
        let Ok(signature) = STANDARD.decode(signature) else { return false };
        match self {
            Self::Shared(secret) => Hmac::<Sha256>::new_from_slice(secret)
                .is_ok_and(|mac| mac.chain_update(signed).verify_slice(&signature).is_ok()),
            Self::Public(key) => {
                Signature::from_slice(&signature).is_ok_and(|signature| key.verify_strict(signed, &signature).is_ok())
            }
        }
    }

    fn scheme(&self) -> Scheme {
        match self {
            Self::Shared(_) => Scheme::V1,
            Self::Public(_) => Scheme::V1a,
        }
    }
}

/// The two signature schemes of the specification.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scheme {
    /// HMAC-SHA256.
    V1,
    /// ed25519.
    V1a,
}

/// Why a request was not trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// This header is absent, or there more than once.
    Header(&'static str),
    /// The id is empty or holds a full stop, so that what is signed could be read in two ways.
    Id,
    /// The timestamp is not a whole number of seconds.
    Timestamp,
    /// The timestamp is further from now than [`TOLERANCE`]: an old request played again.
    Stale,
    /// No signature was made by a key that we have, over exactly these bytes.
    Signature,
}

/// The schemes, in order, with which a known key has signed this request; at least one.
pub fn verify(keys: &[Key], headers: &BTreeMap<String, String>, body: &[u8], now: u64) -> Result<Vec<Scheme>, Refusal> {
    let header = |name| match headers.get(name) {
        Some(value) if !value.contains(", ") => Ok(value.as_str()),
        _ => Err(Refusal::Header(name)),
    };
    let id = header("webhook-id")?;
    let timestamp = header("webhook-timestamp")?;
    let signatures = header("webhook-signature")?;
    if id.is_empty() || id.contains('.') {
        return Err(Refusal::Id);
    }
    let digits = timestamp.bytes().all(|byte| byte.is_ascii_digit());
    let sent: u64 = timestamp.parse().ok().filter(|_| digits).ok_or(Refusal::Timestamp)?;
    if sent.abs_diff(now) > TOLERANCE {
        return Err(Refusal::Stale);
    }
    let mut signed = format!("{id}.{timestamp}.").into_bytes();
    signed.extend_from_slice(body);
    let mut schemes = Vec::new();
    for (version, signature) in signatures.split(' ').filter_map(|one| one.split_once(',')) {
        let scheme = match version {
            "v1" => Scheme::V1,
            "v1a" => Scheme::V1a,
            // A version from the future is not for us, and no reason to refuse what we do understand.
            _ => continue,
        };
        if keys.iter().any(|key| key.scheme() == scheme && key.made(signature, &signed)) {
            schemes.push(scheme);
        }
    }
    schemes.sort_unstable();
    schemes.dedup();
    if schemes.is_empty() { Err(Refusal::Signature) } else { Ok(schemes) }
}

#[cfg(test)]
mod tests;
