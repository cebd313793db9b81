//! New keys and tokens, and the check of a presented token.
//!
//! Everything here is drawn from the operating system's random source and printed once; nothing is stored.

use std::fmt;
use std::fmt::Write as _;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rand::TryRngCore as _;
use rand::rand_core::{OsError, OsRng};
use sha2::{Digest as _, Sha256};
use subtle::{Choice, ConstantTimeEq as _};

use crate::webhook::SigningKey;
use crate::webhook::encoded;

/// What API tokens start with, so that scanners find leaked ones.
const TOKEN_PREFIX: &str = "dwt_";
const HASH_PREFIX: &str = "sha256:";

/// Keys of one webhook: a shared secret and an ed25519 pair. Either is enough; receivers choose.
pub struct WebhookKeys {
    /// `whsec_…`: for both sides, secret.
    pub secret: String,
    /// `whsk_…`: for driftwatch, secret.
    pub signing_key: String,
    /// `whpk_…`: for the receiver, public.
    pub public_key: String,
}

impl WebhookKeys {
    /// Draws new keys.
    ///
    /// # Errors
    /// When the operating system has no random numbers.
    pub fn generate() -> Result<Self, OsError> {
        let seed: [u8; 32] = random()?;
        Ok(Self {
            secret: encoded::secret(&random::<32>()?),
            signing_key: encoded::signing_key(&seed),
            public_key: SigningKey::from_seed(&seed).public().to_string(),
        })
    }
}

impl fmt::Debug for WebhookKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebhookKeys").field("public_key", &self.public_key).finish_non_exhaustive()
    }
}

/// What `driftwatch keys webhook` prints: lines of TOML for both sides.
impl fmt::Display for WebhookKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "# For [[webhook]] of driftwatch and for the receiver; keep it secret.")?;
        writeln!(f, "secret = \"{}\"", self.secret)?;
        writeln!(f, "# For [[webhook]] of driftwatch alone; keep it secret.")?;
        writeln!(f, "signing_key = \"{}\"", self.signing_key)?;
        writeln!(f, "# For the receiver; public.")?;
        write!(f, "# public_key = \"{}\"", self.public_key)
    }
}

/// A new `engine.fingerprint_key`: 32 hex digits. What `driftwatch keys fingerprint` prints.
///
/// # Errors
/// When the operating system has no random numbers.
pub fn fingerprint_key() -> Result<String, OsError> {
    Ok(hex(&random::<16>()?))
}

/// A new API token, shown once.
pub struct Token(String);

impl Token {
    /// Draws a new token of 256 bits.
    ///
    /// # Errors
    /// When the operating system has no random numbers.
    pub fn generate() -> Result<Self, OsError> {
        let bytes: [u8; 32] = random()?;
        Ok(Self(format!("{TOKEN_PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes))))
    }

    /// The token, for whoever will present it as `Authorization: Bearer …`.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// Its hash, for `http.token_hashes`.
    pub fn hash(&self) -> TokenHash {
        TokenHash::of(&self.0)
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(redacted)")
    }
}

/// What the configuration keeps of a token: `sha256:` and 64 hex digits.
///
/// A plain hash is enough because a token has 256 random bits: there is nothing to guess.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenHash([u8; 32]);

impl TokenHash {
    fn of(token: &str) -> Self {
        Self(Sha256::digest(token.as_bytes()).into())
    }
}

/// Why a text is not the hash of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be `sha256:` and 64 hex digits; `driftwatch token` prints a new token with its hash")]
pub struct TokenHashError;

impl FromStr for TokenHash {
    type Err = TokenHashError;

    fn from_str(text: &str) -> Result<Self, TokenHashError> {
        let digits = text.strip_prefix(HASH_PREFIX).filter(|digits| digits.len() == 64).ok_or(TokenHashError)?;
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(digits.as_bytes().chunks_exact(2)) {
            let digit =
                |at: usize| pair.get(at).and_then(|digit| char::from(*digit).to_digit(16)).ok_or(TokenHashError);
            *byte = (digit(0)? * 16 + digit(1)?) as u8;
        }
        Ok(Self(bytes))
    }
}

impl fmt::Display for TokenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{HASH_PREFIX}{}", hex(&self.0))
    }
}

/// Whether `presented` is one of the tokens behind `hashes`.
///
/// Takes the same time whichever hash fits and however much of it: all are compared, each in full.
pub fn verify_token(presented: &str, hashes: &[TokenHash]) -> bool {
    let found = TokenHash::of(presented);
    let fits = |any: Choice, hash: &TokenHash| any | hash.0.ct_eq(&found.0);
    hashes.iter().fold(Choice::from(0), fits).into()
}

fn random<const N: usize>() -> Result<[u8; N], OsError> {
    let mut bytes = [0; N];
    OsRng.try_fill_bytes(&mut bytes)?;
    Ok(bytes)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::webhook::{PublicKey, Secret};

    #[test]
    fn new_webhook_keys_are_readable_and_belong_together() {
        let keys = WebhookKeys::generate().unwrap();
        assert!(keys.secret.parse::<Secret>().is_ok());
        let public: PublicKey = keys.public_key.parse().unwrap();
        assert_eq!(keys.signing_key.parse::<SigningKey>().unwrap().public(), public);
    }

    #[test]
    fn printed_keys_are_lines_of_the_configuration() {
        let keys = WebhookKeys::generate().unwrap();
        let printed: toml::Table = keys.to_string().parse().unwrap();
        assert_eq!(printed["secret"].as_str(), Some(&*keys.secret));
        assert_eq!(printed["signing_key"].as_str(), Some(&*keys.signing_key));
        assert!(!format!("{keys:?}").contains(&keys.secret));
    }

    #[test]
    fn no_two_keys_are_the_same() {
        assert_ne!(fingerprint_key().unwrap(), fingerprint_key().unwrap());
        assert_ne!(Token::generate().unwrap().reveal(), Token::generate().unwrap().reveal());
    }

    #[test]
    fn fingerprint_key_is_32_hex_digits() {
        let key = fingerprint_key().unwrap();
        assert!(key.len() == 32 && key.bytes().all(|byte| byte.is_ascii_hexdigit()), "{key}");
    }

    #[test]
    fn hash_is_sha256_as_everybody_else_computes_it() {
        // FIPS 180-2, appendix B.1.
        let expected = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(TokenHash::of("abc").to_string(), expected);
        assert_eq!(expected.parse(), Ok(TokenHash::of("abc")));
    }

    #[test]
    fn token_is_accepted_by_its_hash_among_others_and_no_other_token_is() {
        let (token, other) = (Token::generate().unwrap(), Token::generate().unwrap());
        let hashes = [other.hash(), token.hash()];
        assert!(verify_token(token.reveal(), &hashes));
        assert!(!verify_token(token.reveal(), &hashes[..1]));
        assert!(!verify_token("", &hashes));
        assert!(!verify_token(token.reveal(), &[]));
    }

    #[test]
    fn what_is_no_hash_is_refused() {
        for text in
            ["", "sha256:", "ba7816bf", &format!("sha256:{}", "g".repeat(64)), &format!("sha256:{}", "é".repeat(32))]
        {
            assert_eq!(text.parse::<TokenHash>(), Err(TokenHashError), "{text}");
        }
    }
}
