//! The probability of "yes" from the log-probabilities of an answer's first token (App. B.5.1).
//!
//! The paper takes the softmax over the "yes" and "no" scores that the VLM returns. A server lists tokens, not words: a
//! word's score is the log of the summed probability of all its spellings (`Yes`, ` yes`, `▁YES`).

use tables::AnswerStatus;

use crate::completion::{Completion, TokenLogprob};

/// What is asked of the server and how its answer is read. It is part of an answer's name in the store, so that answers
/// read in another way are never mixed with these: raise it when either changes.
pub const READOUT: &str = "top_logprobs/1";

/// The name under which an answer is kept that was asked for as another version of a readout asked, and read anew.
pub fn present_key(key: &str) -> String {
    let version = READOUT.rsplit('/').next().unwrap_or_default();
    let readout = key.rsplit_once('/').map_or(key, |(readout, _)| readout);
    format!("{readout}/{version}")
}

/// What was read from one completion.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Readout {
    /// How the answer came out; never `error`.
    pub status: AnswerStatus,
    /// Probability of "yes" against "no", in [0, 1]; for `censored` the bound on it.
    pub p_yes: Option<f64>,
    /// Log of the summed probability of the "yes" spellings; for `censored`, where none is listed, its upper bound.
    pub logit_yes: Option<f64>,
    /// The same of "no".
    pub logit_no: Option<f64>,
    /// Probability that the first token is a listed yes or no at all, in [0, 1].
    pub label_mass: Option<f64>,
}

/// Reads a completion.
///
/// - Both words listed: `ok`.
/// - One word listed: `censored`; the smallest listed log-probability bounds the other.
/// - None listed: `no_yes_no_token`, without a probability.
/// - Declined: `refused`, without a probability.
///
/// # Errors
/// Why nothing can be read: no log-probabilities, or numbers that are none.
pub fn read(completion: &Completion) -> Result<Readout, String> {
    match completion {
        Completion::FirstToken(tokens) => read_tokens(tokens),
        Completion::Refused => Ok(without_probability(AnswerStatus::Refused, None)),
        Completion::NoLogprobs => {
            Err("the answer has no log-probabilities: the server or model does not give them".to_owned())
        }
    }
}

/// Probability of "yes": the softmax over the two logits (App. B.5.1), exact for any distance between them.
pub fn p_yes(logit_yes: f64, logit_no: f64) -> f64 {
    // The exponent is never positive, so that it cannot overflow.
    let small = (-(logit_yes - logit_no).abs()).exp();
    if logit_yes >= logit_no { 1.0 / (1.0 + small) } else { small / (1.0 + small) }
}

/// Below this a log-probability is a server's mark for a masked token (−9999 in vLLM and Azure), not a probability.
const MASKED_BELOW: f64 = -1_000.0;
/// How far rounding may carry a log-probability above 0, or a sum of probabilities above 1.
const ROUNDING: f64 = 0.01;
/// The least probability that a rounded log-probability of 0 may hide: half a unit in the last place of an f32 one.
const LEAST_REST: f64 = 1.0 / 16_777_216.0;

fn read_tokens(tokens: &[TokenLogprob]) -> Result<Readout, String> {
    let listed = distinct(tokens)?;
    if listed.is_empty() {
        return Err("every listed token is masked".to_owned());
    }
    let total: f64 = listed.iter().map(|(_, logprob)| logprob.exp()).sum();
    if total > 1.0 + ROUNDING {
        return Err(format!("the listed probabilities sum to {total:.3}: these are no log-probabilities"));
    }
    let yes = logsumexp(logprobs_of(&listed, "yes"));
    let no = logsumexp(logprobs_of(&listed, "no"));
    let mass = [yes, no].into_iter().flatten().map(f64::exp).sum::<f64>().min(1.0);
    let (status, logit_yes, logit_no) = match (yes, no) {
        (None, None) => return Ok(without_probability(AnswerStatus::NoYesNoToken, Some(0.0))),
        (Some(yes), Some(no)) => (AnswerStatus::Ok, yes, no),
        (Some(yes), None) => (AnswerStatus::Censored, yes, bound_of_unlisted(&listed, total)),
        (None, Some(no)) => (AnswerStatus::Censored, bound_of_unlisted(&listed, total), no),
    };
    Ok(Readout {
        status,
        p_yes: Some(p_yes(logit_yes, logit_no)),
        logit_yes: Some(logit_yes),
        logit_no: Some(logit_no),
        label_mass: Some(mass),
    })
}

fn without_probability(status: AnswerStatus, label_mass: Option<f64>) -> Readout {
    Readout { status, p_yes: None, logit_yes: None, logit_no: None, label_mass }
}

/// The tokens that have a probability, each once: the sampled one comes back among the listed ones.
fn distinct(tokens: &[TokenLogprob]) -> Result<Vec<(&str, f64)>, String> {
    let mut kept: Vec<(&str, f64)> = Vec::with_capacity(tokens.len());
    for TokenLogprob { token, logprob } in tokens {
        let Some(logprob) = logprob.filter(|logprob| *logprob > MASKED_BELOW) else { continue };
        if !logprob.is_finite() || logprob > ROUNDING {
            return Err(format!("{logprob} is no log-probability"));
        }
        // Two different tokens may share a spelling, but not their probability too.
        let twice = kept.iter().any(|(other, value)| other == token && (value - logprob).abs() < 1e-6);
        if !twice {
            kept.push((token, logprob));
        }
    }
    Ok(kept)
}

fn logprobs_of<'a>(listed: &'a [(&str, f64)], word: &'a str) -> impl Iterator<Item = f64> + Clone + 'a {
    listed.iter().filter(move |(token, _)| spells(token, word)).map(|(_, logprob)| *logprob)
}

/// Whether a token is the word, whatever its case and the space before it. `yes,` and `nothing` are other answers.
fn spells(token: &str, word: &str) -> bool {
    // `Ġ` (byte-level BPE) and `▁` (SentencePiece) stand for a space where a server shows raw tokens.
    token.trim_start_matches(|c: char| c.is_whitespace() || c == 'Ġ' || c == '▁').eq_ignore_ascii_case(word)
}

fn logsumexp(logprobs: impl Iterator<Item = f64> + Clone) -> Option<f64> {
    let largest = logprobs.clone().max_by(f64::total_cmp)?;
    Some(largest + logprobs.map(|logprob| (logprob - largest).exp()).sum::<f64>().ln())
}

/// The most that a word's log-probability can be if the server lists none of its spellings: that of the last listed
/// token. Where nothing is listed but the other word, the rest of the probability is the bound.
fn bound_of_unlisted(listed: &[(&str, f64)], total: f64) -> f64 {
    let other_answers = listed.iter().any(|(token, _)| !spells(token, "yes") && !spells(token, "no"));
    if other_answers {
        listed.iter().map(|(_, logprob)| *logprob).fold(f64::INFINITY, f64::min)
    } else {
        (1.0 - total).max(LEAST_REST).ln()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn readout(tokens: &[(&str, f64)]) -> Result<Readout, String> {
        let token = |(token, logprob): &(&str, f64)| TokenLogprob { token: (*token).into(), logprob: Some(*logprob) };
        read(&Completion::FirstToken(tokens.iter().map(token).collect()))
    }

    fn near(a: f64, b: f64) -> bool {
        (a - b).abs() < 1e-12
    }

    /// The definition, in probabilities: fine where nothing underflows.
    fn slow_p_yes(tokens: &[(&str, f64)]) -> f64 {
        let sum = |word: &str| -> f64 {
            tokens.iter().filter(|(t, _)| t.trim().to_lowercase() == word).map(|(_, l)| l.exp()).sum()
        };
        sum("yes") / (sum("yes") + sum("no"))
    }

    #[test]
    fn every_case_and_leading_space_of_a_word_is_that_word() {
        for token in [
            "yes",
            "Yes",
            "YES",
            "yEs",
            " yes",
            " Yes",
            "  YES",
            "\tyes",
            "\nYes",
            "Ġyes",
            "ĠYes",
            "▁Yes",
            "▁▁YES",
            "\u{a0}yes",
        ] {
            assert!(spells(token, "yes"), "{token:?}");
            assert!(!spells(token, "no"), "{token:?}");
        }
        for token in ["no", "No", "NO", "nO", " no", " No", "Ġno", "ĠNo", "▁NO"] {
            assert!(spells(token, "no"), "{token:?}");
            assert!(!spells(token, "yes"), "{token:?}");
        }
    }

    #[test]
    fn other_words_and_punctuation_are_other_answers() {
        for token in [
            "yes.",
            "yes,",
            "Yes!",
            "yes ",
            "yes\n",
            "\"yes\"",
            "ye",
            "y",
            "Y",
            "yess",
            "yesterday",
            "yeah",
            "Yep",
            "si",
            "да",
            "oui",
            "true",
            "1",
            "",
            " ",
            "Ġ",
            "▁",
            "no.",
            "No,",
            "no ",
            "nothing",
            "not",
            "Non",
            "nope",
            "n",
            "N",
            "none",
            "know",
            "０",
            "ｙｅｓ",
            "<0x20>",
            "_yes",
            "-no",
            "Yes▁",
            "yesĠ",
            "false",
            "nо", // The last has a Cyrillic o.
        ] {
            assert!(!spells(token, "yes") && !spells(token, "no"), "{token:?}");
        }
    }

    #[test]
    fn the_spellings_of_a_word_are_summed() {
        let tokens = [("Yes", -1.0), (" yes", -2.0), ("No", -1.5), (" NO", -3.0), ("The", -4.0)];
        let read = readout(&tokens).unwrap();
        assert_eq!(read.status, AnswerStatus::Ok);
        assert!(near(read.p_yes.unwrap(), slow_p_yes(&tokens)));
        assert!(near(read.logit_yes.unwrap(), ((-1.0f64).exp() + (-2.0f64).exp()).ln()));
        assert!(near(read.logit_no.unwrap(), ((-1.5f64).exp() + (-3.0f64).exp()).ln()));
        let mass: f64 = tokens[..4].iter().map(|(_, l)| l.exp()).sum();
        assert!(near(read.label_mass.unwrap(), mass));
    }

    #[test]
    fn order_and_repetition_of_the_sampled_token_do_not_matter() {
        let sorted = readout(&[("Yes", -0.5), ("No", -1.25), ("A", -4.0)]).unwrap();
        for tokens in [
            vec![("Yes", -0.5), ("Yes", -0.5), ("No", -1.25), ("A", -4.0)],
            vec![("A", -4.0), ("No", -1.25), ("Yes", -0.5)],
            vec![("No", -1.25), ("A", -4.0), ("No", -1.25), ("Yes", -0.5), ("Yes", -0.5)],
            vec![("Yes", -0.5), ("Yes", -0.500_000_01), ("No", -1.25), ("A", -4.0)],
        ] {
            assert_eq!(readout(&tokens).unwrap(), sorted, "{tokens:?}");
        }
        // The same spelling with another probability is another token: with and without a space that is not shown.
        let two = readout(&[("Yes", -0.5), ("Yes", -3.0), ("No", -1.25), ("A", -4.0)]).unwrap();
        assert!(two.p_yes > sorted.p_yes);
    }

    #[test]
    fn the_sampled_token_counts_even_if_it_is_not_listed() {
        let read = readout(&[("No", -2.0), ("Yes", -0.25), ("A", -3.0)]).unwrap();
        assert!(near(read.p_yes.unwrap(), p_yes(-0.25, -2.0)));
    }

    #[test]
    fn masked_tokens_are_not_there() {
        let plain = readout(&[("Yes", -0.5), ("No", -1.25)]).unwrap();
        assert_eq!(readout(&[("Yes", -0.5), ("No", -1.25), ("a", -9999.0), ("No", -9999.0)]).unwrap(), plain);
        assert_eq!(readout(&[("Yes", -0.5), ("No", -1.25), ("a", f64::NEG_INFINITY), ("b", -3.4e38)]).unwrap(), plain);
        let null = TokenLogprob { token: "No".into(), logprob: None };
        let yes = TokenLogprob { token: "Yes".into(), logprob: Some(-0.5) };
        let other = TokenLogprob { token: "A".into(), logprob: Some(-6.0) };
        let read_null = read(&Completion::FirstToken(vec![yes, null, other])).unwrap();
        assert_eq!((read_null.status, read_null.logit_no), (AnswerStatus::Censored, Some(-6.0)));
        assert!(readout(&[("Yes", -9999.0), ("No", -9999.0)]).unwrap_err().contains("masked"));
        assert!(readout(&[]).is_err());
    }

    #[test]
    fn one_word_alone_is_bounded_by_the_smallest_listed_logprob() {
        let read = readout(&[("Yes", -0.25), ("The", -3.0), ("A", -5.0), ("It", -4.0)]).unwrap();
        assert_eq!((read.status, read.logit_no), (AnswerStatus::Censored, Some(-5.0)));
        assert!(near(read.p_yes.unwrap(), p_yes(-0.25, -5.0)));
        assert!(near(read.label_mass.unwrap(), (-0.25f64).exp()));
        let read = readout(&[("The", -0.5), ("no", -2.0), ("A", -7.0), ("It", -9999.0)]).unwrap();
        assert_eq!((read.status, read.logit_yes, read.logit_no), (AnswerStatus::Censored, Some(-7.0), Some(-2.0)));
        assert!(near(read.p_yes.unwrap(), p_yes(-7.0, -2.0)));
        // The word itself may be the last that is listed.
        let read = readout(&[("The", -0.5), ("A", -2.0), ("no", -6.0)]).unwrap();
        assert_eq!((read.status, read.p_yes), (AnswerStatus::Censored, Some(0.5)));
    }

    #[test]
    fn one_word_and_nothing_else_is_bounded_by_the_rest_of_the_probability() {
        let read = readout(&[("Yes", -0.01)]).unwrap();
        assert_eq!(read.status, AnswerStatus::Censored);
        assert!(near(read.p_yes.unwrap(), (-0.01f64).exp()), "P(no) is at most 1 - P(yes)");
        let read = readout(&[("No", 0.0), ("no", -30.0)]).unwrap();
        assert!(read.p_yes.unwrap() > 0.0 && read.p_yes.unwrap() < 1e-7);
        assert_eq!(read.label_mass, Some(1.0));
    }

    #[test]
    fn neither_word_gives_no_probability() {
        let read = readout(&[("The", -0.5), ("A", -2.0), ("yes.", -3.0)]).unwrap();
        assert_eq!(read, without_probability(AnswerStatus::NoYesNoToken, Some(0.0)));
    }

    #[test]
    fn a_refusal_gives_no_probability_and_no_logprobs_are_an_error() {
        assert_eq!(read(&Completion::Refused), Ok(without_probability(AnswerStatus::Refused, None)));
        assert!(read(&Completion::NoLogprobs).unwrap_err().contains("log-probabilities"));
    }

    #[test]
    fn numbers_that_are_no_log_probabilities_are_refused() {
        for tokens in [
            vec![("Yes", 14.5), ("No", 12.0)],
            vec![("Yes", f64::NAN), ("No", -1.0), ("A", f64::INFINITY)],
            vec![("Yes", f64::INFINITY), ("No", -1.0)],
            vec![("Yes", -0.1), ("No", -0.1), ("A", -0.1)],
        ] {
            assert!(readout(&tokens).is_err(), "{tokens:?}");
        }
        // Rounding is forgiven.
        let read = readout(&[("Yes", 1e-6), ("No", -12.0)]).unwrap();
        assert_eq!((read.status, read.label_mass), (AnswerStatus::Ok, Some(1.0)));
    }

    #[test]
    fn the_softmax_is_exact_and_finite_at_any_distance() {
        assert_eq!(p_yes(0.0, 0.0), 0.5);
        assert_eq!(p_yes(-1e6, -1e6), 0.5);
        assert!(near(p_yes(2.0, 1.0), 1.0 / (1.0 + (-1.0f64).exp())));
        assert_eq!((p_yes(0.0, -5_000.0), p_yes(-5_000.0, 0.0)), (1.0, 0.0));
        assert!(p_yes(-700.0, 0.0) > 0.0, "not rounded to 0 before it must be");
        for distance in -900..=900 {
            let z = f64::from(distance);
            let p = p_yes(z, 0.0);
            assert!((0.0..=1.0).contains(&p), "{distance}");
            assert!(near(p + p_yes(0.0, z), 1.0), "{distance}");
            assert!(near(p, p_yes(z - 13.0, -13.0)), "only the difference counts");
        }
    }

    #[test]
    fn any_split_of_a_word_over_its_spellings_gives_the_same_probability() {
        for tenth in 1..10 {
            let (yes, no) = (0.6, 0.3);
            let part = f64::from(tenth) / 10.0;
            let split = [
                ("Yes", (yes * part).ln()),
                ("▁yes", (yes * (1.0 - part)).ln()),
                ("Ġno", (no * (1.0 - part)).ln()),
                ("NO", (no * part).ln()),
                ("I", 0.05f64.ln()),
            ];
            let read = readout(&split).unwrap();
            assert!(near(read.p_yes.unwrap(), yes / (yes + no)), "{tenth}");
            assert!(near(read.label_mass.unwrap(), yes + no), "{tenth}");
        }
    }
}
