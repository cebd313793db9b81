//! What is signed, and how the signatures are written.

use std::fmt;

use base64::Engine as _;

use super::key::{BASE64, Secret, SigningKey};

/// Header with the message's id: the same over all attempts, so the receiver's idempotency key.
pub const ID_HEADER: &str = "webhook-id";
/// Header with the time of this attempt, in whole seconds since the Unix epoch.
pub const TIMESTAMP_HEADER: &str = "webhook-timestamp";
/// Header with the signatures, separated by spaces.
pub const SIGNATURE_HEADER: &str = "webhook-signature";

/// The id of a message: 1 to 128 ASCII letters, digits, `_` and `-`. A full stop would make the signed text ambiguous.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MessageId(Box<str>);

impl MessageId {
    /// Checks an id; `None` if it is empty, too long, or holds another character.
    pub fn new(text: &str) -> Option<Self> {
        let fits = (1..=128).contains(&text.len());
        let plain = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-');
        (fits && plain).then(|| Self(text.into()))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The keys of one endpoint. Signs with each of them.
#[derive(Debug, Clone)]
pub struct Signer {
    secrets: Vec<Secret>,
    keys: Vec<SigningKey>,
}

impl Signer {
    /// A signer with these keys; `None` if there are none, for nothing is ever sent unsigned.
    pub fn new(secrets: Vec<Secret>, keys: Vec<SigningKey>) -> Option<Self> {
        (!secrets.is_empty() || !keys.is_empty()).then_some(Self { secrets, keys })
    }

    /// The value of `webhook-signature` for an attempt at `timestamp`, in seconds since the Unix epoch.
    ///
    /// ```
    /// use detector::webhook::{MessageId, Signer};
    ///
    /// let secret = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD".parse()?;
    /// let signer = Signer::new(vec![secret], vec![]).ok_or("no keys")?;
    /// let id = MessageId::new("msg_27UH4WbU6Z5A5EzD8u03UvzRbpk").ok_or("bad id")?;
    /// let body = br#"{"email":"test@example.com","username":"test_user"}"#;
    /// let signature = signer.sign(&id, 1_649_367_553, body);
    /// assert_eq!(signature, "v1,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw=");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn sign(&self, id: &MessageId, timestamp: i64, body: &[u8]) -> String {
        let content = signed_content(id.as_str(), timestamp, body);
        let shared = self.secrets.iter().map(|secret| format!("v1,{}", BASE64.encode(secret.sign(&content))));
        let asymmetric = self.keys.iter().map(|key| format!("v1a,{}", BASE64.encode(key.sign(&content))));
        shared.chain(asymmetric).collect::<Vec<_>>().join(" ")
    }
}

/// `{id}.{timestamp}.{body}`.
pub(crate) fn signed_content(id: &str, timestamp: i64, body: &[u8]) -> Vec<u8> {
    let mut content = format!("{id}.{timestamp}.").into_bytes();
    content.extend_from_slice(body);
    content
}

#[cfg(test)]
mod tests {
    use super::*;

    const BODY: &[u8] = br#"{"type":"a.b"}"#;

    #[test]
    fn every_key_signs_and_shared_secrets_come_first() {
        let secret = |byte| format!("whsec_{}", BASE64.encode([byte; 32])).parse().unwrap();
        let key = SigningKey::from_seed(&[1; 32]);
        let signer = Signer::new(vec![secret(1), secret(2)], vec![key]).unwrap();
        let id = MessageId::new("rev_1").unwrap();

        let signed = signer.sign(&id, 1_764_000_000, BODY);
        let versions: Vec<_> =
            signed.split(' ').filter_map(|one| one.split_once(',')).map(|(version, _)| version).collect();

        assert_eq!(versions, ["v1", "v1", "v1a"]);
        assert_ne!(signed.split(' ').next(), signed.split(' ').nth(1));
    }

    #[test]
    fn ed25519_signature_is_that_of_rfc_8032() {
        // RFC 8032, section 7.1, test 2: the message is the single byte 0x72.
        let seed = hex("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb");
        let expected = hex(
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
        );
        let key = SigningKey::from_seed(seed.as_slice().try_into().unwrap());
        assert_eq!(key.sign(&[0x72]).as_slice(), expected);
    }

    #[test]
    fn signer_without_keys_does_not_exist() {
        assert!(Signer::new(vec![], vec![]).is_none());
    }

    #[test]
    fn id_that_would_make_the_signed_text_ambiguous_is_refused() {
        assert!(MessageId::new("rev_1.5").is_none());
        assert!(MessageId::new("").is_none());
        assert!(MessageId::new("rev\r\nx-evil: 1").is_none());
        assert!(MessageId::new(&"a".repeat(129)).is_none());
        assert!(MessageId::new("rev_0123456789abcdef_undo").is_some());
    }

    fn hex(text: &str) -> Vec<u8> {
        (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
    }
}
