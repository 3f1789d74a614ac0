//! Split by prompt: all images of a prompt are in one part (App. B.6).

use tables::Split;

use crate::settings::Shares;

/// The part of each prompt, in the order given.
///
/// Prompts are sorted by blake3(seed, prompt_id); the first `⌊n · train⌋` of them train, the next up to
/// `⌊n · (train + validation)⌋` validate, the rest test (1,338 prompts at 50/25/25: 669, 334, 335, as in App. B.6). So
/// the shares are exact and neither row order nor the texts matter; a prompt more or less can move others across a border.
pub fn split_by_hash(prompt_ids: &[&str], shares: &Shares) -> Vec<Split> {
    let mut order: Vec<usize> = (0..prompt_ids.len()).collect();
    order.sort_by_cached_key(|&at| (hash(shares.seed, prompt_ids[at]), prompt_ids[at]));
    let n_train = first_part(prompt_ids.len(), shares.train);
    let n_validation = first_part(prompt_ids.len(), shares.train + shares.validation);
    let mut splits = vec![Split::Test; prompt_ids.len()];
    for (rank, &at) in order.iter().enumerate() {
        if rank < n_train {
            splits[at] = Split::Train;
        } else if rank < n_validation {
            splits[at] = Split::Validation;
        }
    }
    splits
}

fn hash(seed: u64, prompt_id: &str) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&seed.to_le_bytes());
    hasher.update(prompt_id.as_bytes());
    *hasher.finalize().as_bytes()
}

fn first_part(n: usize, share: f64) -> usize {
    // 0.29 · 100 is a little below 29 in binary; the share that was written is meant.
    #[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let n_first = (n as f64 * share + 1e-6).floor() as usize;
    n_first.min(n)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAPER: Shares = Shares { train: 0.5, validation: 0.25, test: 0.25, seed: 0 };

    fn ids(n: usize) -> Vec<String> {
        (0..n).map(|at| format!("p{at}")).collect()
    }

    fn split(ids: &[String], shares: &Shares) -> Vec<Split> {
        split_by_hash(&ids.iter().map(String::as_str).collect::<Vec<_>>(), shares)
    }

    fn counts(splits: &[Split]) -> [usize; 3] {
        [Split::Train, Split::Validation, Split::Test].map(|part| splits.iter().filter(|split| **split == part).count())
    }

    #[test]
    fn the_shares_are_exact() {
        for (n, shares, expect) in [
            (1_338, PAPER, [669, 334, 335]),
            (12, PAPER, [6, 3, 3]),
            (0, PAPER, [0, 0, 0]),
            (1, PAPER, [0, 0, 1]),
            (100, Shares { train: 0.29, validation: 0.28, test: 0.43, seed: 3 }, [29, 28, 43]),
            (10, Shares { train: 0.8, validation: 0.1, test: 0.1, seed: 3 }, [8, 1, 1]),
            (7, Shares { train: 1.0, validation: 0.0, test: 0.0, seed: 3 }, [7, 0, 0]),
            (7, Shares { train: 0.0, validation: 0.0, test: 1.0, seed: 3 }, [0, 0, 7]),
        ] {
            assert_eq!(counts(&split(&ids(n), &shares)), expect, "{n} {shares:?}");
        }
    }

    #[test]
    fn a_prompts_part_depends_on_its_id_and_the_seed_and_not_on_the_order() {
        let forward = ids(200);
        let backward: Vec<String> = forward.iter().rev().cloned().collect();
        let mut reversed = split(&backward, &PAPER);
        reversed.reverse();
        assert_eq!(split(&forward, &PAPER), reversed);
        let other = split(&forward, &Shares { seed: 1, ..PAPER });
        let n_moved = other.iter().zip(&reversed).filter(|(a, b)| a != b).count();
        assert!((80..170).contains(&n_moved), "{n_moved} of 200, expected 5/8 of them");
    }

    #[test]
    fn the_split_stays_as_it_was_between_versions() {
        // Recorded here; a change of these is a change of every result.
        let splits = split(&ids(8), &PAPER);
        let train: Vec<usize> = (0..8).filter(|&at| splits[at] == Split::Train).collect();
        assert_eq!(train, [2, 4, 6, 7]);
    }
}
