//! The probability of "yes" from the log-probabilities of an answer's first token (App. B.5.1); from sampled answers see
//! [`vote`](crate::vote).
//!
//! The paper takes the softmax over the "yes" and "no" scores that the VLM returns. A server lists tokens, not words: a
//! word's score is the log of the summed probability of all its spellings (`Yes`, ` yes`, `▁YES`).

use tables::AnswerStatus;

use crate::completion::{Completion, TokenLogprob};
use crate::vote::count;

/// What was read from one completion.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Reading {
    /// How the answer came out; never `error`.
    pub status: AnswerStatus,
    /// Probability of "yes" against "no", in [0, 1]; for `censored` the bound on it.
    pub p_yes: Option<f64>,
    /// Log of the summed probability of the "yes" spellings; for `censored`, where none is listed, what bounds each of them.
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
/// Whether it has the shape that was asked for is [`Readout::read`](crate::readout::Readout::read)'s to check.
///
/// # Errors
/// Why nothing can be read: numbers that are no log-probabilities.
pub fn read(completion: &Completion) -> Result<Reading, String> {
    match completion {
        Completion::FirstToken(tokens) => read_tokens(tokens),
        Completion::Refused => Ok(Reading::without_probability(AnswerStatus::Refused, None)),
        Completion::Texts(texts) => Ok(count(texts)),
    }
}

impl Reading {
    /// No probability can be told.
    pub(crate) fn without_probability(status: AnswerStatus, label_mass: Option<f64>) -> Self {
        Self { status, p_yes: None, logit_yes: None, logit_no: None, label_mass }
    }
}

/// Probability of "yes": the softmax over the two logits (App. B.5.1), exact for any distance between them.
pub fn p_yes(logit_yes: f64, logit_no: f64) -> f64 {
    // The exponent is never positive, so that it cannot overflow.
    let small = (-(logit_yes - logit_no).abs()).exp();
    if logit_yes >= logit_no { 1.0 / (1.0 + small) } else { small / (1.0 + small) }
}

/// Probability that the answer is "yes" and nothing else, as VQAScore takes it (Lin et al. 2024): not divided by
/// P(yes) + P(no). From the log-probability of "yes", or for sampled answers from the share of yes and the label mass.
pub fn p_yes_alone(logit_yes: Option<f64>, p_yes: Option<f64>, label_mass: Option<f64>) -> Option<f64> {
    let of_votes = p_yes.zip(label_mass).map(|(p_yes, label_mass)| p_yes * label_mass);
    logit_yes.map(|logit| logit.exp().min(1.0)).or(of_votes)
}

/// Below this a log-probability is a server's mark for a masked token (−9999 in vLLM and Azure), not a probability.
const MASKED_BELOW: f64 = -1_000.0;
/// How far rounding may carry a log-probability above 0, or a sum of probabilities above 1.
const ROUNDING: f64 = 0.01;
/// The least probability that a rounded log-probability of 0 may hide: half a unit in the last place of an f32 one.
const LEAST_REST: f64 = 1.0 / 16_777_216.0;

fn read_tokens(tokens: &[TokenLogprob]) -> Result<Reading, String> {
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
        (None, None) => return Ok(Reading::without_probability(AnswerStatus::NoYesNoToken, Some(0.0))),
        (Some(yes), Some(no)) => (AnswerStatus::Ok, yes, no),
        (Some(yes), None) => (AnswerStatus::Censored, yes, bound_of_unlisted(&listed, tokens.first(), total)),
        (None, Some(no)) => (AnswerStatus::Censored, bound_of_unlisted(&listed, tokens.first(), total), no),
    };
    Ok(Reading {
        status,
        p_yes: Some(p_yes(logit_yes, logit_no)),
        logit_yes: Some(logit_yes),
        logit_no: Some(logit_no),
        label_mass: Some(mass),
    })
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
pub(crate) fn spells(token: &str, word: &str) -> bool {
    // `Ġ` (byte-level BPE) and `▁` (SentencePiece) stand for a space where a server shows raw tokens.
    token.trim_start_matches(|c: char| c.is_whitespace() || c == 'Ġ' || c == '▁').eq_ignore_ascii_case(word)
}

fn logsumexp(logprobs: impl Iterator<Item = f64> + Clone) -> Option<f64> {
    let largest = logprobs.clone().max_by(f64::total_cmp)?;
    Some(largest + logprobs.map(|logprob| (logprob - largest).exp()).sum::<f64>().ln())
}

/// The most that a word's log-probability can be if the server lists none of its spellings: that of the last listed
/// token. The sampled token is no bound where it is the last, for it is listed however improbable it is. Where nothing is
/// listed but the other word, the rest of the probability is the bound.
fn bound_of_unlisted(listed: &[(&str, f64)], sampled: Option<&TokenLogprob>, total: f64) -> f64 {
    let is_sampled = |token: &str, logprob: f64| {
        sampled.is_some_and(|sampled| {
            sampled.token == token && sampled.logprob.is_some_and(|l| (l - logprob).abs() < 1e-6)
        })
    };
    let other_answers = listed.iter().any(|(token, _)| !spells(token, "yes") && !spells(token, "no"));
    let ranked = listed.iter().filter(|(token, logprob)| !is_sampled(token, *logprob)).map(|(_, logprob)| *logprob);
    let last = ranked.min_by(f64::total_cmp).filter(|_| other_answers);
    last.unwrap_or_else(|| (1.0 - total).max(LEAST_REST).ln())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(tokens: &[(&str, f64)]) -> Result<Reading, String> {
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
        let read = reading(&tokens).unwrap();
        assert_eq!(read.status, AnswerStatus::Ok);
        assert!(near(read.p_yes.unwrap(), slow_p_yes(&tokens)));
        assert!(near(read.logit_yes.unwrap(), ((-1.0f64).exp() + (-2.0f64).exp()).ln()));
        assert!(near(read.logit_no.unwrap(), ((-1.5f64).exp() + (-3.0f64).exp()).ln()));
        let mass: f64 = tokens[..4].iter().map(|(_, l)| l.exp()).sum();
        assert!(near(read.label_mass.unwrap(), mass));
    }

    #[test]
    fn order_and_repetition_of_the_sampled_token_do_not_matter() {
        let sorted = reading(&[("Yes", -0.5), ("No", -1.25), ("A", -4.0)]).unwrap();
        for tokens in [
            vec![("Yes", -0.5), ("Yes", -0.5), ("No", -1.25), ("A", -4.0)],
            vec![("A", -4.0), ("No", -1.25), ("Yes", -0.5)],
            vec![("No", -1.25), ("A", -4.0), ("No", -1.25), ("Yes", -0.5), ("Yes", -0.5)],
            vec![("Yes", -0.5), ("Yes", -0.500_000_01), ("No", -1.25), ("A", -4.0)],
        ] {
            assert_eq!(reading(&tokens).unwrap(), sorted, "{tokens:?}");
        }
        // The same spelling with another probability is another token: with and without a space that is not shown.
        let two = reading(&[("Yes", -0.5), ("Yes", -3.0), ("No", -1.25), ("A", -4.0)]).unwrap();
        assert!(two.p_yes > sorted.p_yes);
    }

    #[test]
    fn the_sampled_token_counts_even_if_it_is_not_listed() {
        let read = reading(&[("No", -2.0), ("Yes", -0.25), ("A", -3.0)]).unwrap();
        assert!(near(read.p_yes.unwrap(), p_yes(-0.25, -2.0)));
    }

    #[test]
    fn masked_tokens_are_not_there() {
        let plain = reading(&[("Yes", -0.5), ("No", -1.25)]).unwrap();
        assert_eq!(reading(&[("Yes", -0.5), ("No", -1.25), ("a", -9999.0), ("No", -9999.0)]).unwrap(), plain);
        assert_eq!(reading(&[("Yes", -0.5), ("No", -1.25), ("a", f64::NEG_INFINITY), ("b", -3.4e38)]).unwrap(), plain);
        let null = TokenLogprob { token: "No".into(), logprob: None };
        let yes = TokenLogprob { token: "Yes".into(), logprob: Some(-0.5) };
        let other = TokenLogprob { token: "A".into(), logprob: Some(-6.0) };
        let read_null = read(&Completion::FirstToken(vec![yes, null, other])).unwrap();
        assert_eq!((read_null.status, read_null.logit_no), (AnswerStatus::Censored, Some(-6.0)));
        assert!(reading(&[("Yes", -9999.0), ("No", -9999.0)]).unwrap_err().contains("masked"));
        assert!(reading(&[]).is_err());
    }

    #[test]
    fn one_word_alone_is_bounded_by_the_smallest_listed_logprob() {
        let read = reading(&[("Yes", -0.25), ("The", -3.0), ("A", -5.0), ("It", -4.0)]).unwrap();
        assert_eq!((read.status, read.logit_no), (AnswerStatus::Censored, Some(-5.0)));
        assert!(near(read.p_yes.unwrap(), p_yes(-0.25, -5.0)));
        assert!(near(read.label_mass.unwrap(), (-0.25f64).exp()));
        let read = reading(&[("The", -0.5), ("no", -2.0), ("A", -7.0), ("It", -9999.0)]).unwrap();
        assert_eq!((read.status, read.logit_yes, read.logit_no), (AnswerStatus::Censored, Some(-7.0), Some(-2.0)));
        assert!(near(read.p_yes.unwrap(), p_yes(-7.0, -2.0)));
        // The word itself may be the last that is listed.
        let read = reading(&[("The", -0.5), ("A", -2.0), ("no", -6.0)]).unwrap();
        assert_eq!((read.status, read.p_yes), (AnswerStatus::Censored, Some(0.5)));
    }

    #[test]
    fn one_word_and_nothing_else_is_bounded_by_the_rest_of_the_probability() {
        let read = reading(&[("Yes", -0.01)]).unwrap();
        assert_eq!(read.status, AnswerStatus::Censored);
        assert!(near(read.p_yes.unwrap(), (-0.01f64).exp()), "P(no) is at most 1 - P(yes)");
        let read = reading(&[("No", 0.0), ("no", -30.0)]).unwrap();
        assert!(read.p_yes.unwrap() > 0.0 && read.p_yes.unwrap() < 1e-7);
        assert_eq!(read.label_mass, Some(1.0));
    }

    #[test]
    fn neither_word_gives_no_probability() {
        let read = reading(&[("The", -0.5), ("A", -2.0), ("yes.", -3.0)]).unwrap();
        assert_eq!(read, Reading::without_probability(AnswerStatus::NoYesNoToken, Some(0.0)));
    }

    #[test]
    fn a_refusal_gives_no_probability() {
        assert_eq!(read(&Completion::Refused), Ok(Reading::without_probability(AnswerStatus::Refused, None)));
    }

    #[test]
    fn the_sampled_token_is_no_bound_unless_it_has_a_rank() {
        // Listed though it is improbable: what is not listed may be as probable as the last ranked one.
        let read = reading(&[("Maybe", -9.0), ("Yes", -0.25), ("The", -3.0), ("A", -5.0)]).unwrap();
        assert_eq!((read.status, read.logit_no), (AnswerStatus::Censored, Some(-5.0)));
        let listed_again = reading(&[("Maybe", -9.0), ("Maybe", -9.0), ("Yes", -0.25), ("The", -3.0), ("A", -5.0)]);
        assert_eq!(listed_again.unwrap(), read);
        // The other word may itself be the last that has a rank.
        let read = reading(&[("Maybe", -1.0), ("Yes", -1.5)]).unwrap();
        assert_eq!(read.logit_no, Some(-1.5));
    }

    #[test]
    fn a_bound_is_a_bound_whatever_is_not_listed() {
        // A whole distribution, cut after k tokens: the word that fell off is never more probable than its bound.
        let whole = [("Yes", 0.4), ("The", 0.25), ("yes", 0.15), ("A", 0.1), ("It", 0.06), ("No", 0.03), ("I", 0.01)];
        for k in 1..6 {
            let listed: Vec<(&str, f64)> = whole[..k].iter().map(|(token, p): &(&str, f64)| (*token, p.ln())).collect();
            let tokens: Vec<(&str, f64)> = std::iter::once(listed[0]).chain(listed.iter().copied()).collect();
            let read = reading(&tokens).unwrap();
            assert!(read.logit_no.unwrap() >= 0.03_f64.ln(), "{k}: {read:?}");
        }
    }

    #[test]
    fn p_of_yes_alone_is_not_divided_by_the_label_mass() {
        let read = reading(&[("Yes", 0.3_f64.ln()), ("yes", 0.2_f64.ln()), ("No", 0.1_f64.ln()), ("A", 0.4_f64.ln())])
            .unwrap();
        assert!(near(p_yes_alone(read.logit_yes, read.p_yes, read.label_mass).unwrap(), 0.5));
        let votes = count(&["Yes", "no", "maybe", "yes"].map(|text| Some(text.to_owned())));
        assert!(near(p_yes_alone(votes.logit_yes, votes.p_yes, votes.label_mass).unwrap(), 0.5));
        assert_eq!(p_yes_alone(None, None, Some(0.0)), None);
    }

    #[test]
    fn numbers_that_are_no_log_probabilities_are_refused() {
        for tokens in [
            vec![("Yes", 14.5), ("No", 12.0)],
            vec![("Yes", f64::NAN), ("No", -1.0), ("A", f64::INFINITY)],
            vec![("Yes", f64::INFINITY), ("No", -1.0)],
            vec![("Yes", -0.1), ("No", -0.1), ("A", -0.1)],
        ] {
            assert!(reading(&tokens).is_err(), "{tokens:?}");
        }
        // Rounding is forgiven.
        let read = reading(&[("Yes", 1e-6), ("No", -12.0)]).unwrap();
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
            let read = reading(&split).unwrap();
            assert!(near(read.p_yes.unwrap(), yes / (yes + no)), "{tenth}");
            assert!(near(read.label_mass.unwrap(), yes + no), "{tenth}");
        }
    }

    fn fixture(body: &str) -> Reading {
        read(&Completion::parse(body.as_bytes()).unwrap()).unwrap()
    }

    /// P(yes) / (P(yes) + P(no)) of summed spellings.
    fn expected(yes: &[f64], no: &[f64]) -> f64 {
        let sum = |logprobs: &[f64]| -> f64 { logprobs.iter().map(|logprob| logprob.exp()).sum() };
        sum(yes) / (sum(yes) + sum(no))
    }

    #[test]
    fn vllms_token_ids_are_read_with_the_sampled_token_first_and_masked_ones_left_out() {
        let read = fixture(include_str!("fixtures/vllm_token_ids.json"));
        let p = expected(&[-1.9, -5.25, -8.5, -4.0, -7.75], &[-2.5, -6.0, -9.25, -4.75]);
        assert_eq!(read.status, AnswerStatus::Ok);
        assert!(near(read.p_yes.unwrap(), p), "{read:?}");
        let read = fixture(include_str!("fixtures/vllm_token_ids_sampled_is_one_of_them.json"));
        assert!(near(read.p_yes.unwrap(), expected(&[-0.25, -3.0, -4.0], &[-2.0, -5.0, -6.5])), "{read:?}");
    }

    #[test]
    fn two_tokens_that_decode_to_one_text_are_two() {
        let read = fixture(include_str!("fixtures/vllm_same_text_twice.json"));
        assert!(near(read.p_yes.unwrap(), expected(&[-0.5, -3.5], &[-1.25, -4.25])), "{read:?}");
    }

    #[test]
    fn vllms_sampled_token_stands_before_the_ranked_ones_whatever_its_rank() {
        let read = fixture(include_str!("fixtures/vllm_top_logprobs_unsorted.json"));
        assert_eq!((read.status, read.logit_no), (AnswerStatus::Censored, Some(-3.25)), "not its -7.5");
    }

    /// Why a forced choice is never asked for: what it lists is not the model's P(yes).
    #[test]
    fn a_forced_choice_splits_the_words_over_their_prefixes() {
        let read = fixture(include_str!("fixtures/vllm_structured_choice.json"));
        assert!(read.label_mass.unwrap() < 0.02, "`y` and `n` are no answers: {read:?}");
    }
}
