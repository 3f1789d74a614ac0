//! Training pairs in parts of whole prompts, for stage 2 on out-of-fold outputs.

use std::collections::{BTreeMap, BTreeSet};

/// The rows of each part, ascending; `None` if there are fewer than two prompts. With fewer prompts than `n_folds` each
/// is a part.
///
/// A prompt's images are in one part: images of one prompt look alike, so a network that saw one of them knows more of
/// the others than it will of new prompts. Prompts go to parts in an order that the seed draws, one after another.
pub fn folds(rows: &[usize], prompts: &[String], n_folds: usize, seed: u32) -> Option<Vec<Vec<usize>>> {
    let distinct: BTreeSet<&str> = rows.iter().map(|&row| prompts[row].as_str()).collect();
    if distinct.len() < 2 {
        return None;
    }
    let mut order: Vec<&str> = distinct.into_iter().collect();
    order.sort_by_cached_key(|prompt| *blake3::hash(format!("{seed}/fold/{prompt}").as_bytes()).as_bytes());
    let n_folds = n_folds.min(order.len());
    let fold_of: BTreeMap<&str, usize> = order.iter().enumerate().map(|(at, prompt)| (*prompt, at % n_folds)).collect();
    let mut folds = vec![Vec::new(); n_folds];
    for &row in rows {
        folds[fold_of[prompts[row].as_str()]].push(row);
    }
    Some(folds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_hold_every_row_once_and_no_prompt_is_in_two() {
        let prompts: Vec<String> = (0..50).map(|at| format!("p{}", at / 4)).collect();
        let rows: Vec<usize> = (0..50).filter(|at| at % 3 > 0).collect();
        let parts = folds(&rows, &prompts, 5, 0).unwrap();
        let mut all: Vec<usize> = parts.concat();
        all.sort_unstable();
        assert_eq!((all, parts.len()), (rows.clone(), 5));
        let prompts_of = |part: &[usize]| part.iter().map(|&row| prompts[row].as_str()).collect::<BTreeSet<_>>();
        let n_prompts: usize = parts.iter().map(|part| prompts_of(part).len()).sum();
        assert_eq!(n_prompts, prompts_of(&rows).len());
        assert!(parts.iter().all(|part| (2..=3).contains(&prompts_of(part).len())), "13 prompts in 5 parts");
        assert_ne!(folds(&rows, &prompts, 5, 1).unwrap(), parts);
        assert_eq!(folds(&rows, &prompts, 5, 0).unwrap(), parts);
    }

    #[test]
    fn few_prompts_are_a_part_each_and_one_prompt_is_none() {
        let prompts: Vec<String> = ["a", "a", "b", "c"].map(str::to_owned).to_vec();
        assert_eq!(folds(&[0, 1, 2, 3], &prompts, 10, 0).unwrap().len(), 3);
        assert_eq!(folds(&[0, 1], &prompts, 2, 0), None);
        assert_eq!(folds(&[], &prompts, 2, 0), None);
    }
}
