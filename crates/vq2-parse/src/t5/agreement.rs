//! Does the question-answering model's answer agree with the candidate?
//!
//! Cleaning and token F1 are Q²'s (Honovich et al. 2021, `pipeline/score.py`): SQuAD's, with "in" and "our" beside the
//! articles.

use std::collections::HashMap;

const LEFT_OUT: [&str; 5] = ["a", "an", "the", "in", "our"];

/// In lower case, without ASCII punctuation and the words a, an, the, in, our; single spaces.
pub fn cleaned(text: &str) -> String {
    let plain: String = text.to_lowercase().chars().filter(|c| !c.is_ascii_punctuation()).collect();
    let mut kept = String::with_capacity(plain.len());
    // Q²'s `\b` ends a word at any mark, such as a curly quotation mark.
    for part in plain.split_inclusive(|c: char| !c.is_alphanumeric()) {
        let word = part.trim_end_matches(|c: char| !c.is_alphanumeric());
        let mark = &part[word.len()..];
        kept.push_str(if LEFT_OUT.contains(&word) { " " } else { word });
        kept.push_str(mark);
    }
    kept.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Whether both are the same after cleaning. Two texts of left-out words alone are not: they say nothing.
pub fn equal(candidate: &str, answer: &str) -> bool {
    let (candidate, answer) = (cleaned(candidate), cleaned(answer));
    candidate == answer && !answer.is_empty()
}

/// Harmonic mean of precision and recall over the cleaned words, each counted as often as it stands; in [0, 1].
pub fn token_f1(candidate: &str, answer: &str) -> f64 {
    let (candidate, answer) = (cleaned(candidate), cleaned(answer));
    let mut left: HashMap<&str, usize> = HashMap::new();
    for word in candidate.split_whitespace() {
        *left.entry(word).or_default() += 1;
    }
    let mut n_same = 0_usize;
    for word in answer.split_whitespace() {
        if let Some(n) = left.get_mut(word).filter(|n| **n > 0) {
            *n -= 1;
            n_same += 1;
        }
    }
    let n_words = candidate.split_whitespace().count() + answer.split_whitespace().count();
    if n_words == 0 { 0.0 } else { 2.0 * n_same as f64 / n_words as f64 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cleaning_drops_case_punctuation_and_five_small_words() {
        assert_eq!(cleaned("The dog's  ball, in our a-frame!"), "dogs ball aframe");
        assert_eq!(cleaned("an apple (red)"), "apple red");
        assert_eq!(cleaned("the"), "");
        assert_eq!(cleaned("“the dog”—a"), "“ dog”—");
    }

    #[test]
    fn equality_is_q2s() {
        assert!(equal("A black apple", "black apple."));
        assert!(equal("in the garden", "our garden"));
        assert!(!equal("a black apple", "apple"));
        assert!(!equal("the", "an"));
        assert!(!equal("a dog", ""));
    }

    #[test]
    fn token_f1_is_the_harmonic_mean_of_precision_and_recall() {
        // By hand: 1 of 2 and 1 of 1 → 2/3; 2 of 3 and 2 of 2 → 0.8.
        assert!((token_f1("a black apple", "the apple") - 2.0 / 3.0).abs() < 1e-12);
        assert!((token_f1("big black dog", "black dog") - 0.8).abs() < 1e-12);
        assert_eq!(token_f1("a dog", "the dog"), 1.0);
        assert_eq!(token_f1("a dog", "a cat"), 0.0);
        assert_eq!(token_f1("a dog", ""), 0.0);
        assert_eq!(token_f1("the", "a"), 0.0);
    }

    #[test]
    fn a_repeated_word_counts_as_often_as_both_have_it() {
        // Two of "dog dog dog", two of "dog dog cat".
        assert!((token_f1("dog dog dog", "dog dog cat") - 2.0 / 3.0).abs() < 1e-12);
    }
}
