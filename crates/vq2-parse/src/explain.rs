//! Why a question is in its bucket, for `finegrain explain-question "…"`.

use std::fmt;

use crate::bucket::{Reading, read};
use crate::tag::tag;

/// A question as the rules see it; prints its words, its clause, and the decision, a line each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    /// Each word (or preposition of several words) with its part of speech.
    pub words: Vec<(String, &'static str)>,
    /// What something is said of; none in open questions.
    pub subject: Option<String>,
    /// What is said of it.
    pub predicate: Option<String>,
    /// The bucket, and the rule that chose it.
    pub reading: Reading,
}

/// Explains the bucket of a question, with its answer if it is VQ²'s open form.
pub fn explain(question: &str, answer: Option<&str>) -> Explanation {
    let tagged = tag(question);
    let reading = read(question, &tagged, answer);
    let text = |span: &Option<std::ops::Range<usize>>| question.get(span.clone()?).map(str::to_owned);
    Explanation {
        subject: text(&reading.subject),
        predicate: text(&reading.predicate),
        words: tagged.into_iter().map(|w| (w.text.to_owned(), w.pos.into())).collect(),
        reading,
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words: Vec<String> = self.words.iter().map(|(word, pos)| format!("{word}/{pos}")).collect();
        writeln!(f, "words      {}", words.join(" "))?;
        if let Some(subject) = &self.subject {
            writeln!(f, "subject    {subject}")?;
        }
        if let Some(predicate) = &self.predicate {
            writeln!(f, "predicate  {predicate}")?;
        }
        let decision = self.reading.decision;
        writeln!(f, "rule       {}: {}", decision.rule, decision.rule.meaning())?;
        write!(f, "bucket     {}", decision.bucket)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bucket::Rule;

    #[test]
    fn an_explanation_shows_words_clause_rule_and_bucket() {
        assert_eq!(
            explain("Is the dog in front of the house?", None).to_string(),
            "words      Is/be the/determiner dog/noun in front of/preposition the/determiner house/noun ?/mark\n\
             subject    the dog\n\
             predicate  in front of the house\n\
             rule       is-placed: a preposition and its noun are said of the subject\n\
             bucket     relation"
        );
    }

    #[test]
    fn an_open_question_has_neither_subject_nor_predicate() {
        let explanation = explain("What color is the dog?", Some("green"));
        assert_eq!((explanation.subject, explanation.predicate), (None, None));
        assert_eq!(explanation.reading.decision.rule, Rule::AsksDescription);
        assert_eq!(explain("", None).reading.decision.rule, Rule::Fallback);
    }
}
