//! From logits to a token: the likeliest, or a draw from the likeliest.
//!
//! As `transformers` does it: temperature, then top-k, then top-p, each on what the one before left.

/// A token and its probability among those that are left.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Choice {
    /// The token.
    pub token: usize,
    /// In (0, 1]; all choices sum to 1.
    pub probability: f64,
}

/// The tokens that may be drawn, the likeliest first; of equal ones the lower number first.
///
/// `top_k` 0 and `top_p` 1 leave all. At least one token stays.
pub fn choices(logits: &[f32], temperature: f64, top_k: usize, top_p: f64) -> Vec<Choice> {
    let mut scores: Vec<(usize, f64)> =
        logits.iter().map(|&logit| f64::from(logit) / temperature).enumerate().filter(|(_, s)| !s.is_nan()).collect();
    if (1..scores.len()).contains(&top_k) {
        // Without sorting all of a vocabulary. `transformers` keeps what ties with the last of the k.
        let last = scores.select_nth_unstable_by(top_k - 1, |a, b| b.1.total_cmp(&a.1)).1.1;
        scores.retain(|&(_, score)| score >= last);
    }
    scores.sort_unstable_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    let mut choices = normalised(&scores);
    if top_p < 1.0 {
        let mut before = 0.0;
        let n_kept = choices
            .iter()
            .take_while(|choice| {
                let keeps = before < top_p;
                before += choice.probability;
                keeps
            })
            .count();
        scores.truncate(n_kept.max(1));
        choices = normalised(&scores);
    }
    choices
}

fn normalised(scores: &[(usize, f64)]) -> Vec<Choice> {
    let greatest = scores.first().map_or(0.0, |&(_, score)| score);
    let sum: f64 = scores.iter().map(|&(_, score)| (score - greatest).exp()).sum();
    let choice = |&(token, score): &(usize, f64)| Choice { token, probability: (score - greatest).exp() / sum };
    scores.iter().map(choice).collect()
}

/// The choice at `u` in [0, 1) of the summed probabilities; `None` if there is no choice.
pub fn draw(choices: &[Choice], u: f64) -> Option<usize> {
    let mut sum = 0.0;
    for choice in choices {
        sum += choice.probability;
        if u < sum {
            return Some(choice.token);
        }
    }
    choices.last().map(|choice| choice.token)
}

/// The token of the greatest logit, the lowest of equal ones; `None` of no logits.
pub fn likeliest(logits: &[f32]) -> Option<usize> {
    let mut best: Option<(usize, f32)> = None;
    for (token, &logit) in logits.iter().enumerate() {
        if best.is_none_or(|(_, greatest)| logit > greatest) {
            best = Some((token, logit));
        }
    }
    best.map(|(token, _)| token)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::t5::testing::expected;

    #[test]
    fn the_kept_tokens_and_their_probabilities_are_those_of_transformers() {
        let sampler = &expected()["sampler"];
        let logits: Vec<f32> = serde_json::from_value(sampler["logits"].clone()).unwrap();
        for case in sampler["cases"].as_array().unwrap() {
            let number = |key: &str| case[key].as_f64().unwrap();
            let mut made = choices(&logits, number("temperature"), number("top_k") as usize, number("top_p"));
            made.sort_by_key(|choice| choice.token);
            let kept: Vec<usize> = serde_json::from_value(case["kept"].clone()).unwrap();
            let probabilities: Vec<f64> = serde_json::from_value(case["probabilities"].clone()).unwrap();
            assert_eq!(made.iter().map(|c| c.token).collect::<Vec<_>>(), kept, "{case}");
            for (choice, p) in made.iter().zip(probabilities) {
                assert!((choice.probability - p).abs() < 1e-6, "{choice:?} {p}");
            }
        }
    }

    #[test]
    fn draws_fall_as_often_as_the_probabilities_say() {
        let choices = choices(&[1.0, 3.0, 2.0, -4.0], 1.0, 3, 1.0);
        let mut n = [0_usize; 4];
        for i in 0..10_000 {
            n[draw(&choices, (f64::from(i) + 0.5) / 10_000.0).unwrap()] += 1;
        }
        for choice in &choices {
            assert!((n[choice.token] as f64 / 10_000.0 - choice.probability).abs() < 2e-4, "{choice:?} {n:?}");
        }
        assert_eq!(n[3], 0);
    }

    #[test]
    fn what_ties_with_the_last_of_the_k_stays() {
        let tokens =
            |top_k| choices(&[1.0, 3.0, 1.0, 2.0], 1.0, top_k, 1.0).iter().map(|c| c.token).collect::<Vec<_>>();
        assert_eq!((tokens(1), tokens(2), tokens(3)), (vec![1], vec![1, 3], vec![1, 3, 0, 2]));
        assert_eq!((tokens(0), tokens(9)), (vec![1, 3, 0, 2], vec![1, 3, 0, 2]));
    }

    #[test]
    fn the_ends_of_the_unit_interval_and_no_choice_are_no_trouble() {
        let choices = choices(&[0.0, 0.0], 1.0, 0, 1.0);
        assert_eq!((draw(&choices, 0.0), draw(&choices, 1.0)), (Some(0), Some(1)));
        assert_eq!((draw(&[], 0.5), likeliest(&[])), (None, None));
        assert_eq!(likeliest(&[f32::NEG_INFINITY, 2.0, 2.0]), Some(1));
    }
}
