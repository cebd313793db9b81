//! The digest of a replay: two runs with the same digest said the same of every event.

mod sha;

use models::alert::Alert;
use models::assessment::Assessment;
use models::event::Event;
use serde::{Deserialize, Serialize};

use crate::trace::hex;
use sha::Sha256;

/// SHA-256 over, for each event in order: length and bytes of its id, the bits of its score, length and name of its
/// decision; then for each alert in order of opening: length and bytes of its JSON. Lengths are 8 bytes, everything
/// little-endian.
///
/// It depends on neither the number of threads, nor the order in which files are named, nor on which files are written.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Digest(Sha256);

impl Digest {
    /// Takes in a scored event.
    pub fn event(&mut self, event: &Event, assessment: &Assessment) {
        self.bytes(event.id.as_bytes());
        self.0.update(&assessment.score.to_bits().to_le_bytes());
        self.bytes(assessment.decision.as_str().as_bytes());
    }

    /// Takes in an alert in its final state.
    ///
    /// # Errors
    /// When the alert has no JSON form.
    pub fn alert(&mut self, alert: &Alert) -> serde_json::Result<()> {
        let json = serde_json::to_vec(alert)?;
        self.bytes(&json);
        Ok(())
    }

    /// The digest in hex.
    pub fn finish(self) -> String {
        hex(&self.0.finish())
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.0.update(&(bytes.len() as u64).to_le_bytes());
        self.0.update(bytes);
    }
}
