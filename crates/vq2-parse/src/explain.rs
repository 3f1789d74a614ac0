//! Why a question is in its bucket, for `finegrain explain-question "…"`.

use std::fmt;

use crate::bucket::{BucketDecision, bucket_of_tagged};
use crate::tag::tag;

/// A question as the rules see it; prints as one line of words and one line of the decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    /// Each word (or preposition of several words) with its part of speech.
    pub words: Vec<(String, &'static str)>,
    /// The bucket and the rule that chose it.
    pub decision: BucketDecision,
}

/// Explains the bucket of a question, with its answer if it is VQ²'s open form.
pub fn explain(question: &str, answer: Option<&str>) -> Explanation {
    let tagged = tag(question);
    let decision = bucket_of_tagged(&tagged, answer);
    Explanation { words: tagged.into_iter().map(|w| (w.text.to_owned(), w.pos.into())).collect(), decision }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words: Vec<String> = self.words.iter().map(|(word, pos)| format!("{word}/{pos}")).collect();
        writeln!(f, "{}", words.join(" "))?;
        write!(f, "{} (rule: {})", self.decision.bucket, self.decision.rule)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_explanation_shows_words_tags_and_rule() {
        assert_eq!(
            explain("Is the dog in front of the house?", None).to_string(),
            "Is/be the/determiner dog/noun in front of/preposition the/determiner house/noun ?/mark\n\
             relation (rule: preposition)"
        );
        assert_eq!(explain("", None).decision.rule, "fallback");
    }
}
