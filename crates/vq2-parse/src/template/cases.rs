//! Prompts of our own writing and the exact questions they give; what holds for any text.

mod attributes;
mod binding;
mod fuzz;
mod objects;
mod relations;
mod special;
mod verbs;
mod whole;

use tables::Bucket;

use super::{LONGEST_PROMPT, NoQuestion, TemplateQuestion, questions_of_any_length, template_questions};
use crate::bucket::bucket;

/// All questions of each prompt, by bucket and then in the order of the prompt, with a space between them.
fn check_all(cases: &[(&str, &str)]) {
    check(cases, &|_| true);
}

/// The questions of one bucket.
fn check_bucket(of: Bucket, cases: &[(&str, &str)]) {
    check(cases, &|q| q.bucket == of);
}

fn check(cases: &[(&str, &str)], keep: &dyn Fn(&TemplateQuestion) -> bool) {
    let wrong: Vec<String> = cases
        .iter()
        .filter_map(|(prompt, expect)| {
            let questions = template_questions(prompt).unwrap_or_default();
            let kept: Vec<&str> = questions.iter().filter(|q| keep(q)).map(|q| q.question.as_str()).collect();
            let asked = kept.join(" ");
            (asked != *expect).then(|| format!("{prompt}\n  expected: {expect}\n  asked:    {asked}"))
        })
        .collect();
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}

#[test]
fn a_prompt_without_a_question_gets_a_reason() {
    use NoQuestion::*;
    for (prompt, reason) in [
        ("", Empty),
        (" \n\t ", Empty),
        ("\u{0}\u{feff}\u{0}", NoWords),
        ("\u{1}\u{2}", Empty),
        ("42", NoWords),
        ("...", NoWords),
        ("!?", NoWords),
        ("\"\"", NoWords),
        ("🐶🐱", NoWords),
        ("👩‍👩‍👧‍👦 + 🏡 = ❤️", NoWords),
        ("собака на столе", OtherScript),
        ("犬がいる", OtherScript),
        ("كلب على طاولة", OtherScript),
        ("ไก่ 🐔", OtherScript),
        ("of the and", NoContentWord),
        ("it is", NoContentWord),
    ] {
        assert_eq!(template_questions(prompt), Err(reason), "{prompt:?}");
    }
    let long = "a red dog and ".repeat(1_000);
    assert_eq!(template_questions(&long), Err(TooLong));
    assert_eq!(template_questions(&"犬".repeat(10_000)), Err(TooLong));
    assert_eq!(TooLong.to_string(), "too_long");
}

#[test]
fn english_among_emoji_and_other_scripts_is_asked_about() {
    check_all(&[
        ("a 🐶 on a red sofa 😀", "is there a sofa? is the sofa red?"),
        ("собака and a cat", "is there a cat?"),
        ("a cat 🐱🐱 on a mat", "is there a cat? is there a mat? is the cat on the mat?"),
    ]);
}

#[test]
fn a_prompt_of_the_longest_length_is_read() {
    let prompt = format!("{:>LONGEST_PROMPT$}", "a red dog");
    assert_eq!(template_questions(&prompt).map(|q| q.len()), Ok(2));
    assert_eq!(template_questions(&format!(" {prompt}")), Err(NoQuestion::TooLong));
}

#[test]
fn spans_slice_back_to_the_words() {
    let prompt = "Two très big dogs 🐶 chasing a red ball next to the river";
    let slices: Vec<(String, &str)> = template_questions(prompt)
        .unwrap()
        .into_iter()
        .map(|q| (q.question, prompt.get(q.span.0..q.span.1).unwrap()))
        .collect();
    let slice_of = |question: &str| slices.iter().find(|(q, _)| q == question).map(|(_, slice)| *slice);
    assert_eq!(slice_of("are there dogs?"), Some("dogs"));
    assert_eq!(slice_of("is there a ball?"), Some("ball"));
    assert_eq!(slice_of("is the ball red?"), Some("red ball"));
    assert_eq!(slice_of("is there a river?"), Some("river"));
}

#[test]
fn a_prompt_in_quotation_marks_is_read_and_keeps_its_spans() {
    let prompt = " “a red car on a long hill” ";
    let questions = template_questions(prompt).unwrap();
    assert_eq!(questions[0].question, "is there a car?");
    assert_eq!(prompt.get(questions[0].span.0..questions[0].span.1), Some("car"));
}

#[test]
fn questions_are_numbered_by_bucket_in_the_order_of_the_prompt() {
    let questions = template_questions("a red dog and a green cat on a mat").unwrap();
    let ids: Vec<&str> = questions.iter().map(|q| q.question_id.as_str()).collect();
    assert_eq!(ids, ["noun-1", "noun-2", "noun-3", "adjective-1", "adjective-2", "relation-1", "relation-2"]);
}

#[test]
fn a_thing_named_twice_is_asked_for_once() {
    check_all(&[
        ("a dog. A dog. a dog", "is there a dog?"),
        ("a red apple, a red apple", "is there an apple? is the apple red?"),
        ("A dog on a mat. The dog is old.", "is there a dog? is there a mat? is the dog old? is the dog on the mat?"),
    ]);
}

#[test]
fn the_bucket_rules_agree_with_the_template() {
    for prompt in [
        "three apples",
        "a dog chasing a bird",
        "a cat on a mat",
        "a red ball",
        "the Eiffel Tower",
        "a heart made of clay",
        "a tiger with blue stripes",
        "a castle surrounded by trees",
        "a woman wearing a hat",
        "a street without vehicles",
    ] {
        for question in template_questions(prompt).unwrap() {
            assert_eq!(bucket(&question.question, None).bucket, question.bucket, "{}", question.question);
        }
    }
}

/// What holds for any text: spans on character boundaries, unique names, unique questions, no empty ones.
fn check_sound(text: &str) {
    let mut ids = std::collections::HashSet::new();
    let mut texts = std::collections::HashSet::new();
    for question in &questions_of_any_length(text) {
        assert!(text.get(question.span.0..question.span.1).is_some_and(|s| !s.is_empty()), "{question:?}");
        assert!(ids.insert(question.question_id.clone()), "{question:?}");
        assert!(texts.insert(question.question.to_lowercase()), "{question:?}");
        assert!(question.question.ends_with('?'), "{question:?}");
        // Only a quoted passage keeps its white space.
        assert!(question.question.contains('"') || !question.question.contains("  "), "{question:?}");
    }
    match template_questions(text) {
        Ok(questions) => assert!(!questions.is_empty()),
        Err(reason) => assert!(!reason.to_string().is_empty()),
    }
}
