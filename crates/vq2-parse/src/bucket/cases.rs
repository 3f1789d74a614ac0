//! One-line cases by mechanism, and texts that are no question.

use tables::Bucket::{self, Noun, Relation};

use super::bucket;

mod adjective;
mod noun;
mod open;
mod relation;
mod verb;

/// Every yes/no question has this bucket.
#[track_caller]
fn all(expect: Bucket, questions: &[&str]) {
    let wrong: Vec<String> = questions
        .iter()
        .map(|question| (question, bucket(question, None)))
        .filter(|(_, decision)| decision.bucket != expect)
        .map(|(question, decision)| format!("{question} ({} by {})", decision.bucket, decision.rule))
        .collect();
    assert!(wrong.is_empty(), "not {expect}: {wrong:#?}");
}

#[test]
fn odd_texts_have_a_bucket_too() {
    for text in [
        "",
        "?",
        "is",
        "is there",
        "does",
        "what",
        "🐶",
        "犬はどこ?",
        "is the",
        "is is is is",
        "yes",
        "...",
        "\"\"",
        "? ?",
    ] {
        bucket(text, None);
        bucket(text, Some(text));
    }
    all(Noun, &["a dog", "", "does", "is"]);
    all(Relation, &["a dog on a table"]);
}

proptest::proptest! {
    #[test]
    fn no_text_makes_the_rules_panic(text in r#"((is|are|does|what|the|a|dog|of|on|in|by|made of|wearing|running|closed|green|two|and|,|'s|"x"|\?|not|than|犬) ?){0,14}"#, answer in "\\PC{0,12}") {
        bucket(&text, None);
        bucket(&text, Some(&answer));
        crate::explain::explain(&text, Some(&answer));
    }

    #[test]
    fn no_characters_make_the_rules_panic(text in "\\PC{0,60}") {
        bucket(&text, Some(&text));
    }
}
