//! Randomness that depends on a seed and a key, never on the order or the thread in which it is asked for.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

/// A generator of its own for one key.
pub fn rng(seed: u64, key: &str) -> ChaCha8Rng {
    ChaCha8Rng::from_seed(digest(seed, &[key.as_bytes()]))
}

/// A number in `[0, 1)` that stands for one key.
pub fn unit(seed: u64, parts: &[&[u8]]) -> f64 {
    let digest = digest(seed, parts);
    let mut eight = [0_u8; 8];
    eight.copy_from_slice(&digest[..8]);
    (u64::from_le_bytes(eight) >> 11) as f64 / (1_u64 << 53) as f64
}

/// A standard normal number that stands for one key (Box-Muller).
pub fn normal(seed: u64, parts: &[&[u8]]) -> f64 {
    let digest = digest(seed, parts);
    let number = |from: usize| {
        let mut eight = [0_u8; 8];
        eight.copy_from_slice(&digest[from..from + 8]);
        ((u64::from_le_bytes(eight) >> 11) as f64 + 0.5) / (1_u64 << 53) as f64
    };
    (-2.0 * number(0).ln()).sqrt() * (std::f64::consts::TAU * number(8)).cos()
}

// Each part is preceded by its length, so that ("ab", "c") and ("a", "bc") differ.
fn digest(seed: u64, parts: &[&[u8]]) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&seed.to_le_bytes());
    for part in parts {
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part);
    }
    *hasher.finalize().as_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_uniform_and_normals_are_standard() {
        let n = 4000;
        let (mut sum, mut normal_sum, mut squares) = (0.0, 0.0, 0.0);
        for i in 0..n {
            let key = format!("{i}");
            let u = unit(7, &[key.as_bytes()]);
            assert!((0.0..1.0).contains(&u));
            sum += u;
            let z = normal(7, &[key.as_bytes()]);
            normal_sum += z;
            squares += z * z;
        }
        let n = f64::from(n);
        assert!((sum / n - 0.5).abs() < 0.02);
        assert!((normal_sum / n).abs() < 0.05);
        assert!((squares / n - 1.0).abs() < 0.08);
    }

    #[test]
    fn parts_do_not_run_into_each_other() {
        assert_ne!(unit(1, &[b"ab", b"c"]), unit(1, &[b"a", b"bc"]));
        assert_ne!(unit(1, &[b"a"]), unit(2, &[b"a"]));
    }
}
