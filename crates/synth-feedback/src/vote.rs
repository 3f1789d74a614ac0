//! The probability of "yes" from answers that were sampled, where a server gives no log-probabilities: the share of yes.

use tables::AnswerStatus;

use crate::reading::Reading;

/// Counts answers, one text each; `None` declined.
///
/// - Some say yes or no: `ok`; `p_yes` is the share of yes among those, `label_mass` their share of all.
/// - All declined: `refused`. Else: `no_yes_no_token`.
pub fn count(texts: &[Option<String>]) -> Reading {
    let said = |word: &str| texts.iter().flatten().filter(|text| says(text, word)).count() as f64;
    let (yes, no) = (said("yes"), said("no"));
    let label_mass = Some(if texts.is_empty() { 0.0 } else { (yes + no) / texts.len() as f64 });
    if yes + no == 0.0 {
        let refused = !texts.is_empty() && texts.iter().all(Option::is_none);
        let status = if refused { AnswerStatus::Refused } else { AnswerStatus::NoYesNoToken };
        return Reading::without_probability(status, label_mass.filter(|_| !refused));
    }
    Reading { status: AnswerStatus::Ok, p_yes: Some(yes / (yes + no)), logit_yes: None, logit_no: None, label_mass }
}

/// Whether the first word of a text is this one, whatever its case and the punctuation around it.
fn says(text: &str, word: &str) -> bool {
    let from_word = text.trim_start_matches(|c: char| !c.is_alphanumeric());
    let first = from_word.split(|c: char| !c.is_alphanumeric() && c != '\'' && c != '’').next();
    first.is_some_and(|first| first.eq_ignore_ascii_case(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(texts: &[&str]) -> Reading {
        count(&texts.iter().map(|text| Some((*text).to_owned())).collect::<Vec<_>>())
    }

    #[test]
    fn the_first_word_counts_and_no_other() {
        for yes in ["Yes", "yes.", " YES!", "**Yes**, it is", "\"yes\"", "\n- Yes\n", "Yes\u{a0}", "yes,no", "▁Yes"] {
            assert!(says(yes, "yes") && !says(yes, "no"), "{yes:?}");
        }
        for neither in ["", " ", "The answer is yes", "yesterday", "yes's", "no-one? maybe", "ja", "1", "yes2", "y"] {
            assert!(!says(neither, "yes"), "{neither:?}");
        }
        for neither in ["nothing", "not really", "know", "none", "I say no", "n/a"] {
            assert!(!says(neither, "no"), "{neither:?}");
        }
        assert!(says("No-one is there", "no"), "a hyphen ends a word");
    }

    #[test]
    fn p_yes_is_the_share_of_yes_among_yes_and_no() {
        let read = counted(&["Yes", "no", "Yes.", "maybe"]);
        assert_eq!((read.status, read.p_yes, read.label_mass), (AnswerStatus::Ok, Some(2.0 / 3.0), Some(0.75)));
        assert_eq!((read.logit_yes, read.logit_no), (None, None), "a share is no log-probability");
        assert_eq!(counted(&["No", "no"]).p_yes, Some(0.0));
    }

    #[test]
    fn no_vote_is_no_probability() {
        assert_eq!(counted(&["maybe", ""]), Reading::without_probability(AnswerStatus::NoYesNoToken, Some(0.0)));
        assert_eq!(count(&[None, None]), Reading::without_probability(AnswerStatus::Refused, None));
        assert_eq!(count(&[None, Some("eh".into())]).status, AnswerStatus::NoYesNoToken);
        assert_eq!(count(&[None, Some("no".into())]).label_mass, Some(0.5));
        assert_eq!(count(&[]).status, AnswerStatus::NoYesNoToken);
    }
}
