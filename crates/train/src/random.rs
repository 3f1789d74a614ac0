//! Random numbers of our own, so that a seed means the same with every version of LibTorch and on every device.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

/// The stream of random numbers that a seed gives for one purpose.
pub fn stream(seed: u32, purpose: &str) -> ChaCha8Rng {
    ChaCha8Rng::from_seed(*blake3::hash(format!("{seed}/{purpose}").as_bytes()).as_bytes())
}
