//! Keys as Standard Webhooks writes them: `whsec_` (shared secret), `whsk_` (ed25519 secret key), `whpk_` (public key).

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use ed25519_dalek::{Signature, Signer as _};
use hmac::{Hmac, Mac};
use sha2::Sha256;

/// Base64 of keys and signatures: padded when written, padded or not when read.
pub(crate) const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

const SECRET_PREFIX: &str = "whsec_";
const SIGNING_PREFIX: &str = "whsk_";
const PUBLIC_PREFIX: &str = "whpk_";

/// Why a text is not a key. Never says what the text was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Another kind of key, or none.
    #[error("must start with `{0}`; `driftwatch keys webhook` prints new keys")]
    Prefix(&'static str),
    /// What follows the prefix is not base64.
    #[error("must be base64 after `{0}`; `driftwatch keys webhook` prints new keys")]
    Base64(&'static str),
    /// Too short or too long.
    #[error("must hold {expected} bytes after `{prefix}`, not {found}; `driftwatch keys webhook` prints new keys")]
    Length {
        /// Kind of key.
        prefix: &'static str,
        /// How many bytes it may hold.
        expected: &'static str,
        /// How many it holds.
        found: usize,
    },
    /// 32 or 64 bytes that are no ed25519 key.
    #[error("is not an ed25519 key although it has its length; copy the key after `{0}` once more")]
    Curve(&'static str),
}

/// A shared secret of 24 to 64 bytes, for HMAC-SHA256.
#[derive(Clone)]
pub struct Secret(Hmac<Sha256>);

impl Secret {
    /// The signature of `content`.
    pub(crate) fn sign(&self, content: &[u8]) -> [u8; 32] {
        self.0.clone().chain_update(content).finalize().into_bytes().into()
    }

    /// Whether `signature` is that of `content`, in constant time.
    pub(crate) fn verifies(&self, content: &[u8], signature: &[u8]) -> bool {
        self.0.clone().chain_update(content).verify_slice(signature).is_ok()
    }
}

impl FromStr for Secret {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        let bytes = decode(text, SECRET_PREFIX)?;
        let error = KeyError::Length { prefix: SECRET_PREFIX, expected: "24 to 64", found: bytes.len() };
        if !(24..=64).contains(&bytes.len()) {
            return Err(error);
        }
        Hmac::new_from_slice(&bytes).map(Secret).map_err(|_| error)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(redacted)")
    }
}

/// An ed25519 secret key: a seed of 32 bytes, or seed and public key in 64.
#[derive(Clone)]
pub struct SigningKey(ed25519_dalek::SigningKey);

impl SigningKey {
    /// From a seed.
    pub(crate) fn from_seed(seed: &[u8; 32]) -> Self {
        Self(ed25519_dalek::SigningKey::from_bytes(seed))
    }

    /// The signature of `content`.
    pub(crate) fn sign(&self, content: &[u8]) -> [u8; 64] {
        self.0.sign(content).to_bytes()
    }

    /// The key that receivers verify with.
    pub fn public(&self) -> PublicKey {
        PublicKey(self.0.verifying_key())
    }
}

impl FromStr for SigningKey {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        let bytes = decode(text, SIGNING_PREFIX)?;
        if let Ok(seed) = bytes.as_slice().try_into() {
            return Ok(Self::from_seed(seed));
        }
        let Ok(pair) = bytes.as_slice().try_into() else {
            return Err(KeyError::Length { prefix: SIGNING_PREFIX, expected: "32 or 64", found: bytes.len() });
        };
        ed25519_dalek::SigningKey::from_keypair_bytes(pair).map(Self).map_err(|_| KeyError::Curve(SIGNING_PREFIX))
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningKey(redacted)")
    }
}

/// An ed25519 public key. Not a secret: shown as `whpk_…`.
#[derive(Clone, PartialEq, Eq)]
pub struct PublicKey(ed25519_dalek::VerifyingKey);

impl PublicKey {
    /// Whether `signature` is that of `content`.
    pub(crate) fn verifies(&self, content: &[u8], signature: &[u8]) -> bool {
        Signature::from_slice(signature).is_ok_and(|signature| self.0.verify_strict(content, &signature).is_ok())
    }
}

impl FromStr for PublicKey {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        let bytes = decode(text, PUBLIC_PREFIX)?;
        let Ok(bytes) = bytes.as_slice().try_into() else {
            return Err(KeyError::Length { prefix: PUBLIC_PREFIX, expected: "32", found: bytes.len() });
        };
        ed25519_dalek::VerifyingKey::from_bytes(bytes).map(Self).map_err(|_| KeyError::Curve(PUBLIC_PREFIX))
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PUBLIC_PREFIX}{}", BASE64.encode(self.0.as_bytes()))
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({self})")
    }
}

/// Raw keys as they are written.
pub(crate) mod encoded {
    use base64::Engine as _;

    use super::{BASE64, SECRET_PREFIX, SIGNING_PREFIX};

    /// `whsec_…`.
    pub(crate) fn secret(bytes: &[u8; 32]) -> String {
        format!("{SECRET_PREFIX}{}", BASE64.encode(bytes))
    }

    /// `whsk_…`.
    pub(crate) fn signing_key(seed: &[u8; 32]) -> String {
        format!("{SIGNING_PREFIX}{}", BASE64.encode(seed))
    }
}

fn decode(text: &str, prefix: &'static str) -> Result<Vec<u8>, KeyError> {
    let encoded = text.trim().strip_prefix(prefix).ok_or(KeyError::Prefix(prefix))?;
    BASE64.decode(encoded).map_err(|_| KeyError::Base64(prefix))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(prefix: &str, bytes: &[u8]) -> String {
        format!("{prefix}{}", BASE64.encode(bytes))
    }

    #[test]
    fn secret_of_24_to_64_bytes_is_accepted_and_no_other() {
        for (length, accepted) in [(23, false), (24, true), (64, true), (65, false)] {
            let secret = text(SECRET_PREFIX, &vec![7; length]).parse::<Secret>();
            assert_eq!(secret.is_ok(), accepted, "{length} bytes");
        }
    }

    #[test]
    fn signing_key_is_the_same_from_seed_and_from_pair() {
        let seed = [9; 32];
        let short: SigningKey = text(SIGNING_PREFIX, &seed).parse().unwrap();
        let pair = ed25519_dalek::SigningKey::from_bytes(&seed).to_keypair_bytes();
        let long: SigningKey = text(SIGNING_PREFIX, &pair).parse().unwrap();
        assert_eq!(short.public(), long.public());
    }

    #[test]
    fn pair_whose_halves_do_not_belong_together_is_refused() {
        let mut pair = ed25519_dalek::SigningKey::from_bytes(&[9; 32]).to_keypair_bytes();
        pair[40] ^= 1;
        assert!(matches!(text(SIGNING_PREFIX, &pair).parse::<SigningKey>(), Err(KeyError::Curve(_))));
    }

    #[test]
    fn public_key_is_read_back_as_it_was_written() {
        let key = SigningKey::from_seed(&[3; 32]).public();
        assert_eq!(key.to_string().parse(), Ok(key));
    }

    #[test]
    fn debug_and_errors_never_show_the_key() {
        let secret = text(SECRET_PREFIX, b"0123456789abcdef01234567");
        let shown = format!(
            "{:?} {:?} {}",
            secret.parse::<Secret>(),
            text(SIGNING_PREFIX, &[9; 32]).parse::<SigningKey>(),
            "whsec_!!secret".parse::<Secret>().unwrap_err(),
        );
        assert_eq!(
            shown,
            "Ok(Secret(redacted)) Ok(SigningKey(redacted)) must be base64 after `whsec_`; `driftwatch keys webhook` prints new keys"
        );
    }

    #[test]
    fn key_of_another_kind_is_refused() {
        assert!(matches!("whpk_AAAA".parse::<Secret>(), Err(KeyError::Prefix("whsec_"))));
    }
}
