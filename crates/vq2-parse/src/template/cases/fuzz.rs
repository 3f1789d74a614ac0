//! No text breaks the reader: arbitrary Unicode, and English words in any order. `make fuzz` runs these for minutes.

use proptest::prelude::*;

use super::check_sound;
use crate::lexicon::*;
use crate::{bucket, lemma};

/// Words of every kind that a rule asks for, in any mixture.
#[rustfmt::skip]
const OTHERS: &[&str] = &[
    "dog", "dogs", "Dog", "cat", "Eiffel Tower", "'s", "’", "running", "runs", "ran", "chasing", "sits", "holding", "wearing",
    "is", "are", "was", "being", "has", "have", "does", "can", "to", "not", "never", "without", "no", ",", ".", ";", "-", "!",
    "?", "(", ")", "/", "|", "…", "\"hi\"", "'no entry'", "“é”", "\"", "'", "🐶", "犬", "İ", "ǅ", "ﬁ", "e\u{301}", "each other",
    "it", "its", "he", "she", "they", "them", "their", "someone", "whose", "that", "which", "who", "parked", "painted", "made",
    "made of", "by", "Jane Doe", "trending", "artstation", "8", "k", "4k", "digital art", "oil painting", "photo", "image",
    "picture", "we", "can see", "there", "in this image", "in the background", "on the left", "to the right", "a little",
    "left arm", "right leg", "head", "hands", "knees", "bent", "raised", "straight", "up", "down", "forward", "hat", "coat",
    "wheels", "group", "row", "pair", "set", "bag", "glass", "of", "water", "colors", "taller", "than", "as", "more", "between",
    "sign", "says", "word", "written", "night", "sunny day", "covered", "snow", "stop", "hot", "used", "appears", "looks",
    "set of", "more than", "at least", "five", "two", "a couple of", "feet", "in the style of", "with", "and", "or", "while",
];

fn english() -> impl Strategy<Value = String> {
    let lists = [
        OTHERS,
        DETERMINERS,
        NUMBERS,
        COLOURS,
        MATERIALS,
        ADJECTIVES,
        PREPOSITIONS,
        MULTIWORD_PREPOSITIONS,
        PARTICLES,
        PICTURE_WORDS,
        MASS_NOUNS,
        TIMES,
        SEEN_ACTIONS,
        NOUNS_IN_ING,
        PRONOUNS,
    ];
    let words: Vec<&'static str> = lists.concat();
    // Half of the words are those that steer the rules.
    let word = prop_oneof![prop::sample::select(OTHERS), prop::sample::select(words)];
    (prop::collection::vec(word, 0..40), prop::sample::select(vec![" ", " ", " ", "", ", ", "-"]))
        .prop_map(|(words, separator)| words.join(separator))
}

proptest! {
    // `PROPTEST_CASES` says how many cases of each; 256 without it.
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_unicode_text_is_read_without_a_panic(text in "\\PC{0,200}|.{0,100}|[ -~]{0,120}") {
        check_sound(&text);
        bucket(&text, Some(&text));
        lemma(&text);
    }

    #[test]
    fn any_mixture_of_english_words_and_marks_is_read_without_a_panic(text in english()) {
        check_sound(&text);
        bucket(&text, None);
        bucket(&text, Some(&text));
        check_sound(&text.to_uppercase());
    }
}

#[test]
fn a_long_text_is_read_to_the_end_in_time_that_grows_with_its_length() {
    for unit in [
        "a red dog chasing a cat and a bird, ",
        "dog ",
        "very ",
        "\"",
        "and , ",
        "red, ",
        "x",
        "in a box ",
        "the dog's ",
        "with a hat and ",
        "a dog running and ",
        "is made of ",
        "made of wood and stone, ",
        "a cat. ",
        "left arm up ",
        "by Jane ",
        "in the background, a dog, ",
        "we can see a ",
        "no people ",
        "a 'sign' that says ",
        "it is on it ",
    ] {
        let text = unit.repeat(300_000 / unit.len());
        let started = std::time::Instant::now();
        check_sound(&text);
        // Half a second on a quiet machine; one quadratic step took minutes.
        assert!(started.elapsed().as_secs() < 60, "{unit:?} {:?}", started.elapsed());
    }
}
