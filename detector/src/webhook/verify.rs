//! The receiver's side: whether a webhook is genuine and fresh.

use axum::http::HeaderMap;
use base64::Engine as _;

use super::key::{BASE64, PublicKey, Secret};
use super::sign::{ID_HEADER, MessageId, SIGNATURE_HEADER, TIMESTAMP_HEADER, signed_content};

/// How far the sender's clock may be from the receiver's, both ways.
pub const TOLERANCE_SECONDS: i64 = 5 * 60;

/// Most signatures looked at: more than any rotation needs, few enough to cost nothing.
const MAX_SIGNATURES: usize = 16;

/// Why a webhook must not be trusted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VerifyError {
    /// A header is missing or unreadable.
    #[error("the header `{0}` is missing or malformed")]
    Header(&'static str),
    /// Signed too long ago, so perhaps recorded and replayed, or a clock is wrong.
    #[error("signed {0} s ago, more than {TOLERANCE_SECONDS} s: resend it, or correct the clocks")]
    TooOld(i64),
    /// Signed in the future.
    #[error("signed {0} s in the future, more than {TOLERANCE_SECONDS} s: correct the clocks")]
    TooNew(i64),
    /// No signature was made with a key we know.
    #[error("no signature matches a known key")]
    Signature,
}

/// The keys a receiver accepts. A message needs one valid signature by any of them.
#[derive(Debug, Clone, Default)]
pub struct Verifier {
    secrets: Vec<Secret>,
    keys: Vec<PublicKey>,
}

impl Verifier {
    /// A verifier that accepts these keys; without keys it accepts nothing.
    pub fn new(secrets: Vec<Secret>, keys: Vec<PublicKey>) -> Self {
        Self { secrets, keys }
    }

    /// Checks headers against the exact body received; `now` in seconds since the Unix epoch.
    ///
    /// Does not remember ids: that a message was seen before is for the caller to know, who makes a repetition harmless.
    ///
    /// # Errors
    /// When a header is missing, the timestamp is further than [`TOLERANCE_SECONDS`] from `now`, or no signature fits.
    pub fn verify(&self, headers: &HeaderMap, body: &[u8], now: i64) -> Result<MessageId, VerifyError> {
        let text = |name| headers.get(name).and_then(|value| value.to_str().ok()).ok_or(VerifyError::Header(name));
        let id = MessageId::new(text(ID_HEADER)?).ok_or(VerifyError::Header(ID_HEADER))?;
        let timestamp = seconds(text(TIMESTAMP_HEADER)?).ok_or(VerifyError::Header(TIMESTAMP_HEADER))?;
        let signatures = text(SIGNATURE_HEADER)?;

        let age = now.saturating_sub(timestamp);
        if age > TOLERANCE_SECONDS {
            return Err(VerifyError::TooOld(age));
        }
        if age < -TOLERANCE_SECONDS {
            return Err(VerifyError::TooNew(age.saturating_neg()));
        }
        let content = signed_content(id.as_str(), timestamp, body);
        let genuine = signatures.split(' ').take(MAX_SIGNATURES).any(|signature| self.accepts(&content, signature));
        genuine.then_some(id).ok_or(VerifyError::Signature)
    }

    fn accepts(&self, content: &[u8], signature: &str) -> bool {
        let Some((version, encoded)) = signature.split_once(',') else { return false };
        let Ok(bytes) = BASE64.decode(encoded) else { return false };
        match version {
            "v1" => self.secrets.iter().any(|secret| secret.verifies(content, &bytes)),
            "v1a" => self.keys.iter().any(|key| key.verifies(content, &bytes)),
            _ => false,
        }
    }
}

/// Digits only: `+5`, ` 5` and `05` would be signed as other texts than they are read as.
fn seconds(text: &str) -> Option<i64> {
    let canonical = text == "0" || !text.starts_with('0');
    (canonical && text.bytes().all(|byte| byte.is_ascii_digit())).then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::webhook::{Signer, SigningKey};

    const SECRET: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
    const BODY: &[u8] = br#"{"email":"test@example.com","username":"test_user"}"#;
    const AT: i64 = 1_649_367_553;

    fn headers(signature: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(ID_HEADER, "msg_27UH4WbU6Z5A5EzD8u03UvzRbpk".parse().unwrap());
        headers.insert(TIMESTAMP_HEADER, AT.to_string().parse().unwrap());
        headers.insert(SIGNATURE_HEADER, signature.parse().unwrap());
        headers
    }

    fn genuine() -> HeaderMap {
        headers("v1,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw=")
    }

    fn verifier() -> Verifier {
        Verifier::new(vec![SECRET.parse().unwrap()], vec![])
    }

    #[test]
    fn published_test_vector_is_accepted() {
        let id = verifier().verify(&genuine(), BODY, AT).unwrap();
        assert_eq!(id.as_str(), "msg_27UH4WbU6Z5A5EzD8u03UvzRbpk");
    }

    #[test]
    fn changed_body_id_or_time_is_refused() {
        let verifier = verifier();
        assert_eq!(verifier.verify(&genuine(), b"{}", AT), Err(VerifyError::Signature));
        let mut other_id = genuine();
        other_id.insert(ID_HEADER, "msg_other".parse().unwrap());
        assert_eq!(verifier.verify(&other_id, BODY, AT), Err(VerifyError::Signature));
        let mut other_time = genuine();
        other_time.insert(TIMESTAMP_HEADER, (AT + 1).to_string().parse().unwrap());
        assert_eq!(verifier.verify(&other_time, BODY, AT), Err(VerifyError::Signature));
    }

    #[test]
    fn timestamp_five_minutes_off_is_accepted_and_a_second_more_is_not() {
        let verifier = verifier();
        for (now, expected) in [
            (AT + 300, Ok(())),
            (AT + 301, Err(VerifyError::TooOld(301))),
            (AT - 300, Ok(())),
            (AT - 301, Err(VerifyError::TooNew(301))),
        ] {
            assert_eq!(verifier.verify(&genuine(), BODY, now).map(drop), expected);
        }
    }

    #[test]
    fn one_matching_signature_among_several_is_enough() {
        let signatures = "v9,AAAA v1,AAAA nonsense v1,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw=";
        assert!(verifier().verify(&headers(signatures), BODY, AT).is_ok());
    }

    #[test]
    fn signature_of_one_kind_does_not_pass_as_the_other() {
        let key = SigningKey::from_seed(&[5; 32]);
        let signer = Signer::new(vec![], vec![key.clone()]).unwrap();
        let signed = signer.sign(&MessageId::new("msg_27UH4WbU6Z5A5EzD8u03UvzRbpk").unwrap(), AT, BODY);
        let verifier = Verifier::new(vec![SECRET.parse().unwrap()], vec![key.public()]);

        assert!(verifier.verify(&headers(&signed), BODY, AT).is_ok());
        let renamed = signed.replace("v1a,", "v1,");
        assert_eq!(verifier.verify(&headers(&renamed), BODY, AT), Err(VerifyError::Signature));
    }

    #[test]
    fn verifier_without_keys_accepts_nothing() {
        assert_eq!(Verifier::default().verify(&genuine(), BODY, AT), Err(VerifyError::Signature));
    }

    #[test]
    fn timestamp_that_is_not_plain_digits_is_refused() {
        for text in ["", "+1649367553", "1649367553.0", "01649367553", "soon"] {
            let mut headers = genuine();
            headers.insert(TIMESTAMP_HEADER, text.parse().unwrap());
            assert_eq!(verifier().verify(&headers, BODY, AT), Err(VerifyError::Header(TIMESTAMP_HEADER)), "{text}");
        }
    }
}
