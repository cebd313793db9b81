//! SHA-256 (FIPS 180-4) whose state can be stored between two updates: a replay that goes on from a checkpoint goes on
//! with the same hash. The compression function is that of the `sha2` crate, which keeps its own state to itself.

use serde::{Deserialize, Serialize};
use sha2::compress256;

const BLOCK_BYTES: usize = 64;
/// Bytes that are gathered before they are compressed together.
const GATHERED_BYTES: usize = 64 * BLOCK_BYTES;

/// First 32 bits of the fractional parts of the square roots of the first eight primes (section 5.3.3).
const START: [u32; 8] =
    [0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19];

/// A hash under way.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Sha256 {
    state: [u32; 8],
    /// What no block was made of yet.
    gathered: Vec<u8>,
    bytes: u64,
}

impl Default for Sha256 {
    fn default() -> Self {
        Self { state: START, gathered: Vec::with_capacity(GATHERED_BYTES), bytes: 0 }
    }
}

impl Sha256 {
    pub(super) fn update(&mut self, bytes: &[u8]) {
        self.bytes = self.bytes.wrapping_add(bytes.len() as u64);
        self.gathered.extend_from_slice(bytes);
        if self.gathered.len() >= GATHERED_BYTES {
            self.compress();
        }
    }

    pub(super) fn finish(mut self) -> [u8; 32] {
        let bits = self.bytes.wrapping_mul(8);
        self.gathered.push(0x80);
        while self.gathered.len() % BLOCK_BYTES != BLOCK_BYTES - size_of::<u64>() {
            self.gathered.push(0);
        }
        self.gathered.extend(bits.to_be_bytes());
        self.compress();
        let mut hash = [0; 32];
        for (place, byte) in hash.iter_mut().zip(self.state.iter().flat_map(|word| word.to_be_bytes())) {
            *place = byte;
        }
        hash
    }

    /// Takes in every whole block.
    fn compress(&mut self) {
        let (blocks, rest) = self.gathered.as_chunks::<BLOCK_BYTES>();
        for block in blocks {
            compress256(&mut self.state, &[(*block).into()]);
        }
        let rest = rest.len();
        self.gathered.drain(..self.gathered.len() - rest);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use sha2::Digest as _;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        /// Law: cut anywhere, stored and read back between two pieces, it is the SHA-256 of the whole.
        #[test]
        fn pieces_give_the_hash_of_the_whole(pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..3000), 0..12)) {
            let mut ours = Sha256::default();
            for piece in &pieces {
                ours.update(piece);
                ours = postcard::from_bytes(&postcard::to_stdvec(&ours).unwrap()).unwrap();
            }
            prop_assert_eq!(ours.finish(), <[u8; 32]>::from(sha2::Sha256::digest(pieces.concat())));
        }
    }
}
