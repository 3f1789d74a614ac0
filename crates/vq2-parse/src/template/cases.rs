//! Prompts of our own writing and the exact questions they give.

use proptest::prelude::*;

use super::{TemplateQuestion, template_questions};
use crate::bucket::bucket;

fn check(prompt: &str, expect: &[&str]) {
    let questions: Vec<String> = template_questions(prompt).into_iter().map(|q| q.question).collect();
    assert_eq!(questions, expect, "{prompt}");
}

#[test]
fn a_prompt_gives_exactly_these_questions() {
    check("a cat on a mat", &["is there a cat?", "is there a mat?", "is the cat on the mat?"]);
    check(
        "a black apple and a green backpack",
        &["is there an apple?", "is there a backpack?", "is the apple black?", "is the backpack green?"],
    );
    check("a dog", &["is there a dog?"]);
    check("An owl", &["is there an owl?"]);
    check("dogs", &["are there dogs?"]);
    check("a glass of water", &["is there a glass?", "is there water?"]);
    check("three apples", &["are there apples?", "are there three apples?"]);
    check(
        "two cats and one dog sitting on the grass",
        &[
            "are there cats?",
            "is there a dog?",
            "is there grass?",
            "are there two cats?",
            "are the cats sitting?",
            "is the dog sitting?",
            "are the cats on the grass?",
            "is the dog on the grass?",
        ],
    );
    check(
        "a red car to the left of a blue truck",
        &[
            "is there a car?",
            "is there a truck?",
            "is the car red?",
            "is the truck blue?",
            "is the car to the left of the truck?",
        ],
    );
    check("a dog chasing a bird", &["is there a dog?", "is there a bird?", "is the dog chasing the bird?"]);
    check(
        "a smiling woman in a red dress",
        &[
            "is there a woman?",
            "is there a dress?",
            "is the dress red?",
            "is the woman smiling?",
            "is the woman in the dress?",
        ],
    );
    check("The Statue of Liberty", &["is the Statue of Liberty in the image?"]);
    check(
        "a wooden table next to a large window",
        &[
            "is there a table?",
            "is there a window?",
            "is the table wooden?",
            "is the window large?",
            "is the table next to the window?",
        ],
    );
    check("a heart made of cookies", &["is there a heart?", "is the heart made of cookies?"]);
    check("a cloud in the shape of an elephant", &["is there a cloud?", "is the cloud in the shape of an elephant?"]);
    check("a kitchen without windows", &["is there a kitchen?", "is the kitchen without windows?"]);
    check("a cargo ship with no sheep in it", &["is there a cargo ship?", "is the cargo ship without sheep?"]);
    check(
        "an oil painting of a fox playing dominoes",
        &["is there a fox?", "are there dominoes?", "is the image an oil painting?", "is the fox playing dominoes?"],
    );
    check(
        "a tiger with blue stripes",
        &["does the tiger have stripes?", "is there a tiger?", "are there stripes?", "are the stripes blue?"],
    );
    check(
        "a man standing on a mountain",
        &["is there a man?", "is there a mountain?", "is the man standing?", "is the man on the mountain?"],
    );
    check(
        "a cat sleeping under a chair",
        &["is there a cat?", "is there a chair?", "is the cat sleeping?", "is the cat under the chair?"],
    );
    check("a sign that says \"STOP\"", &["is there a sign?", "is there text that reads \"STOP\"?"]);
    check("a white cat and a black cat", &["is there a cat?", "is the cat white?", "is the cat black?"]);
    check("the elephant's back", &["is there an elephant's back?"]);
    check(
        "two knights facing each other",
        &["are there knights?", "are there two knights?", "are the knights facing each other?"],
    );
    check(
        "three acrobats standing on top of each other",
        &[
            "are there acrobats?",
            "are there three acrobats?",
            "are the acrobats standing?",
            "are the acrobats on top of each other?",
        ],
    );
    check(
        "a couple of glasses are sitting on a table",
        &[
            "are there glasses?",
            "is there a table?",
            "are there a couple of glasses?",
            "are the glasses sitting?",
            "are the glasses on the table?",
        ],
    );
    check("The dog is green", &["is there a dog?", "is the dog green?"]);
    check("The dogs are not green", &["are there dogs?"]);
    check(
        "The dog runs through the park",
        &["is there a dog?", "is there a park?", "is the dog running through the park?"],
    );
    check("A boy kicked a ball", &["is there a boy?", "is there a ball?", "is the boy kicking the ball?"]);
    check(
        "a castle surrounded by trees",
        &["is there a castle?", "are there trees?", "is the castle surrounded by trees?"],
    );
    check("a bridge at night", &["is there a bridge?", "is it night?"]);
    check("a beach on a sunny day", &["is there a beach?", "is it a sunny day?"]);
    check("a dining room", &["is there a dining room?"]);
    check(
        "a recycling bin behind a house",
        &["is there a recycling bin?", "is there a house?", "is the recycling bin behind the house?"],
    );
    check(
        "a sloth wearing a leather jacket and a hat",
        &[
            "is the sloth wearing a jacket?",
            "is the sloth wearing a hat?",
            "is there a sloth?",
            "is there a jacket?",
            "is there a hat?",
            "is the jacket leather?",
        ],
    );
    check("a group of people dancing", &["is there a group?", "are there people?", "are the people dancing?"]);
    check("a photo of the Great Wall", &["is the Great Wall in the image?", "is the image a photo?"]);
    check(
        "a roof with several pigeons on it",
        &[
            "does the roof have pigeons?",
            "is there a roof?",
            "are there pigeons?",
            "are there several pigeons?",
            "are the pigeons on the roof?",
        ],
    );
    check("A RED CAR", &["is there a car?", "is the car red?"]);
    check(
        "A Red Car On A Steep Hill",
        &["is there a car?", "is there a hill?", "is the car red?", "is the hill steep?", "is the car on the hill?"],
    );
    check(
        "a cup on a table and a lamp on a shelf",
        &[
            "is there a cup?",
            "is there a table?",
            "is there a lamp?",
            "is there a shelf?",
            "is the cup on the table?",
            "is the lamp on the shelf?",
        ],
    );
    check("a very large dog", &["is there a dog?", "is the dog very large?"]);
    check(
        "a cliff with water pouring down its sides",
        &[
            "does the cliff have water?",
            "is there a cliff?",
            "is there water?",
            "are there sides?",
            "is the water pouring down the sides?",
        ],
    );
    check(
        "a painting of a dog in the style of Van Gogh",
        &["is there a dog?", "is the image a painting?", "is the image in the style of Van Gogh?"],
    );
    check("hate", &["does the image show hate?"]);
    check("a can of soup", &["is there a can?", "is there soup?"]);
    check(
        "a horse and a cow eating hay",
        &[
            "is there a horse?",
            "is there a cow?",
            "is there hay?",
            "is the horse eating hay?",
            "is the cow eating hay?",
        ],
    );
    check("an hourglass and a unicorn", &["is there an hourglass?", "is there a unicorn?"]);
    check(
        "a car parked in front of a garage",
        &["is there a car?", "is there a garage?", "is the car parked?", "is the car in front of the garage?"],
    );
    check(
        "a knight riding a horse, with a castle in the background",
        &[
            "is there a knight?",
            "is there a horse?",
            "is there a castle?",
            "is there a background?",
            "is the knight riding the horse?",
            "is the castle in the background?",
        ],
    );
    check(
        "the word 'START' on a coffee mug",
        &[
            "is there a word?",
            "is there text that reads \"START\"?",
            "is there a coffee mug?",
            "is the word on the coffee mug?",
        ],
    );
    check("a robot painted yellow", &["is there a robot?", "is the robot painted yellow?"]);
}

#[test]
fn a_text_without_words_that_can_be_asked_about_gives_no_question() {
    for text in ["", " ", "42", "...", "🐶🐱", "собака на столе", "犬", "!?", "\u{0}\u{feff}", "\"\""]
    {
        check(text, &[]);
    }
}

#[test]
fn spans_slice_back_to_the_words() {
    let prompt = "Two très big dogs 🐶 chasing a red ball next to the river";
    let slices: Vec<(String, &str)> =
        template_questions(prompt).into_iter().map(|q| (q.question, prompt.get(q.span.0..q.span.1).unwrap())).collect();
    let slice_of = |question: &str| slices.iter().find(|(q, _)| q == question).map(|(_, slice)| *slice);
    assert_eq!(slice_of("are there dogs?"), Some("dogs"));
    assert_eq!(slice_of("is there a ball?"), Some("ball"));
    assert_eq!(slice_of("is the ball red?"), Some("red ball"));
    assert_eq!(slice_of("is there a river?"), Some("river"));
}

#[test]
fn questions_are_numbered_by_bucket_in_the_order_of_the_prompt() {
    let ids: Vec<String> =
        template_questions("a red dog and a green cat on a mat").into_iter().map(|q| q.question_id).collect();
    assert_eq!(ids, ["noun-1", "noun-2", "noun-3", "adjective-1", "adjective-2", "relation-1", "relation-2"]);
}

#[test]
fn a_thing_named_twice_is_asked_for_once() {
    check("a dog. A dog. a dog", &["is there a dog?"]);
    check("a red apple, a red apple", &["is there an apple?", "is the apple red?"]);
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
        for question in template_questions(prompt) {
            assert_eq!(bucket(&question.question, None).bucket, question.bucket, "{}", question.question);
        }
    }
}

#[test]
fn very_long_texts_are_read_to_the_end() {
    let long = "a red dog chasing a cat and a bird, ".repeat(3_000);
    assert!(long.len() > 100_000);
    check_sound(&long);
    check_sound(&"dog ".repeat(25_000));
    check_sound(&"very ".repeat(20_000));
    check_sound(&"\"".repeat(100_000));
    check_sound(&"and , ".repeat(20_000));
    check_sound(&"red, ".repeat(20_000));
    check_sound(&"x".repeat(100_000));
}

/// What holds for any text: spans on character boundaries, unique names, unique questions, no empty ones.
fn check_sound(text: &str) -> Vec<TemplateQuestion> {
    let questions = template_questions(text);
    let mut ids = std::collections::HashSet::new();
    let mut texts = std::collections::HashSet::new();
    for question in &questions {
        assert!(text.get(question.span.0..question.span.1).is_some_and(|s| !s.is_empty()), "{question:?}");
        assert!(ids.insert(question.question_id.clone()), "{question:?}");
        assert!(texts.insert(question.question.to_lowercase()), "{question:?}");
        assert!(question.question.ends_with('?'), "{question:?}");
    }
    questions
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_is_read_without_a_panic(text in "\\PC{0,200}|.{0,100}") {
        check_sound(&text);
        bucket(&text, Some(&text));
    }

    #[test]
    fn any_shuffle_of_english_words_and_marks_is_read_without_a_panic(
        words in prop::collection::vec(
            prop::sample::select(vec![
                "a", "the", "two", "dog", "dogs", "Dog", "'s", "red", "very", "running", "is", "are", "on", "next to", "of", "and",
                ",", ".", "with", "without", "no", "not", "made of", "that", "it", "each other", "parked", "\"hi\"", "“é”", "🐶", "to",
                "catch", "photo", "night", "in the style of", "has", "does", "there", "can", "left", "one", "İ", "ǅ", "wearing", "?",
            ]),
            0..24,
        )
    ) {
        let text = words.join(" ");
        check_sound(&text);
        bucket(&text, None);
        bucket(&text, Some(&text));
    }
}
