//! Keyed fingerprints: names become numbers that nobody outside the deployment can predict.
//!
//! SipHash-1-3 (Aumasson, Bernstein, 2012) with the deployment's key, so that an agent cannot choose names that collide
//! with a victim's (`model-notes`, section 2).

use std::hash::Hasher;

use siphasher::sip::SipHasher13;

/// Computes fingerprints under one key.
#[derive(Debug, Clone)]
pub(crate) struct Fingerprinter(SipHasher13);

/// What a fingerprint is about; keeps, say, a task and a session of the same name apart.
#[derive(Debug, Clone, Copy)]
#[repr(u8)]
pub(crate) enum Kind {
    Identity = 1,
    EventId,
    Session,
    Task,
    Tool,
    Target,
    Prefix,
    Group,
    Tenant,
    Credential,
    Alert,
    Revocation,
    Source,
    Scope,
    Revision,
    State,
}

/// Stands after each text: never occurs in UTF-8.
const END: u8 = 0xff;
/// Bytes that are hashed in one piece. The hasher takes eight at a time: handing it short pieces costs more than copying them.
const AT_ONCE: usize = 128;

/// The bytes that are hashed; `None` if they are too many.
fn joined<'b>(kind: Kind, texts: &[&str], buffer: &'b mut [u8; AT_ONCE]) -> Option<&'b [u8]> {
    let mut len = 1;
    let (first, mut free) = buffer.split_first_mut()?;
    *first = kind as u8;
    for text in texts {
        let text = text.as_bytes();
        let (place, rest) = free.split_at_mut_checked(text.len())?;
        place.copy_from_slice(text);
        let (end, rest) = rest.split_first_mut()?;
        *end = END;
        free = rest;
        len += text.len() + 1;
    }
    buffer.get(..len)
}

impl Fingerprinter {
    pub(crate) fn new(key: &[u8; 16]) -> Self {
        Self(SipHasher13::new_with_key(key))
    }

    /// Of one or more texts; a text cannot run over into its neighbour.
    pub(crate) fn of(&self, kind: Kind, texts: &[&str]) -> u64 {
        let mut hasher = self.0;
        let mut buffer = [0; AT_ONCE];
        if let Some(bytes) = joined(kind, texts, &mut buffer) {
            hasher.write(bytes);
            return hasher.finish();
        }
        hasher.write_u8(kind as u8);
        for text in texts {
            hasher.write(text.as_bytes());
            hasher.write_u8(END);
        }
        hasher.finish()
    }

    /// 128 bits as hex, for ids that are shown.
    pub(crate) fn hex(&self, kind: Kind, texts: &[&str]) -> String {
        let first = self.of(kind, texts);
        format!("{first:016x}{:016x}", mix(first, self.of(Kind::State, texts)))
    }
}

/// Combines two fingerprints, order mattering. Both are already keyed, so a plain mixer is enough (the finalizer of
/// `SplitMix64`, Steele et al., 2014).
pub(crate) fn mix(a: u64, b: u64) -> u64 {
    let mut z = a.rotate_left(23) ^ b.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Passes a fingerprint through: hashing it again would only cost time.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct PassThrough(u64);

impl Hasher for PassThrough {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.0 = mix(self.0, u64::from(byte));
        }
    }

    fn write_u64(&mut self, value: u64) {
        self.0 = value;
    }
}

/// A map from fingerprints. Never iterated where order could show.
pub(crate) type FingerprintMap<V> = hashbrown::HashMap<u64, V, std::hash::BuildHasherDefault<PassThrough>>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_do_not_run_over_and_kinds_and_keys_differ() {
        let f = Fingerprinter::new(&[7; 16]);
        assert_ne!(f.of(Kind::Tool, &["ab", "c"]), f.of(Kind::Tool, &["a", "bc"]));
        assert_ne!(f.of(Kind::Tool, &["a"]), f.of(Kind::Task, &["a"]));
        assert_ne!(f.of(Kind::Tool, &["a"]), Fingerprinter::new(&[8; 16]).of(Kind::Tool, &["a"]));
        assert_eq!(f.of(Kind::Tool, &["a"]), Fingerprinter::new(&[7; 16]).of(Kind::Tool, &["a"]));
        // Long texts are hashed piece by piece, to the same end: by SipHash-1-3 of all bytes.
        for len in [0, 1, AT_ONCE - 4, AT_ONCE - 3, AT_ONCE - 2, 1000] {
            let text = "x".repeat(len);
            let mut hasher = SipHasher13::new_with_key(&[7; 16]);
            hasher.write(&[&[Kind::Tool as u8], text.as_bytes(), &[END, b'y', END]].concat());
            assert_eq!(f.of(Kind::Tool, &[&*text, "y"]), hasher.finish(), "{len}");
        }
        assert_eq!(f.hex(Kind::Alert, &["a"]).len(), 32);
    }
}
