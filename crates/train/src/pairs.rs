//! Pairs of images of one prompt, for models that learn which of two is better.

use std::collections::{BTreeMap, BTreeSet};

/// Pairs among `rows` whose images have the same prompt, each once, ascending; the lower row first.
///
/// An image is in about `per_image` pairs at most (one more if that is odd): around a circle of its prompt's images with
/// its nearest neighbours. A prompt of `per_image` + 1 images or fewer gives all its pairs.
pub fn pairs_of_one_prompt(rows: &[usize], prompts: &[String], per_image: usize) -> Vec<(usize, usize)> {
    let mut of_prompt: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for &row in rows {
        of_prompt.entry(&prompts[row]).or_default().push(row);
    }
    let mut pairs = BTreeSet::new();
    for images in of_prompt.values() {
        let n = images.len();
        for step in 1..=per_image.div_ceil(2).min(n / 2) {
            for at in 0..n {
                let (a, b) = (images[at], images[(at + step) % n]);
                pairs.insert((a.min(b), a.max(b)));
            }
        }
    }
    pairs.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prompts(sizes: &[usize]) -> Vec<String> {
        sizes.iter().enumerate().flat_map(|(prompt, &n)| vec![format!("p{prompt}"); n]).collect()
    }

    #[test]
    fn a_prompt_of_few_images_gives_all_its_pairs_and_no_pair_mixes_prompts() {
        for n in 0..9 {
            let prompts = prompts(&[n, 3]);
            let rows: Vec<usize> = (0..n + 3).collect();
            let pairs = pairs_of_one_prompt(&rows, &prompts, 8);
            let slow: Vec<(usize, usize)> = (0..n + 3)
                .flat_map(|a| (a + 1..n + 3).map(move |b| (a, b)))
                .filter(|&(a, b)| prompts[a] == prompts[b])
                .collect();
            assert_eq!(pairs, slow, "{n}");
        }
        assert_eq!(pairs_of_one_prompt(&[0, 1, 2, 3], &prompts(&[4]), 3).len(), 6, "the paper's four images");
        assert_eq!(pairs_of_one_prompt(&[0, 2], &prompts(&[4]), 3), [(0, 2)], "only what was drawn");
        assert_eq!(pairs_of_one_prompt(&[0], &prompts(&[4]), 3), []);
    }

    #[test]
    fn a_prompt_of_many_images_is_bounded_and_every_image_is_compared() {
        let prompts = prompts(&[1000]);
        let rows: Vec<usize> = (0..1000).collect();
        let pairs = pairs_of_one_prompt(&rows, &prompts, 6);
        assert_eq!(pairs.len(), 3000);
        let n_of = |row: usize| pairs.iter().filter(|&&(a, b)| a == row || b == row).count();
        assert!(rows.iter().all(|&row| n_of(row) == 6));
    }
}
