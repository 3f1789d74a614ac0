//! The text of a question as words of the closed vocabulary.
//!
//! Three forms come in: "is the image bright", a plain yes/no question ("is the dog chasing the bird?"), and VQ²'s
//! `is "red" true for "what color is the cat?" in this image?`.

use crate::factors::Factor;
use crate::words::{Action, Colour, Kind, Relation, Setting, number_of};

/// What a question asks about.
#[derive(Debug, Clone, PartialEq)]
pub enum Query {
    /// A quality attribute of the image.
    Quality(Factor),
    /// A plain question.
    Plain(Vec<Word>),
    /// An answer that is to be true for a question.
    Answered {
        /// The words of the answer.
        answer: Vec<Word>,
        /// The words of the question.
        question: Vec<Word>,
    },
}

/// One word, or phrase, of the vocabulary.
#[derive(Debug, Clone, PartialEq)]
pub enum Word {
    /// Things: several kinds for a word such as "animal".
    Things {
        /// Any of these.
        kinds: Vec<Kind>,
        /// "dogs" rather than "dog".
        plural: bool,
    },
    /// "table", "field", …
    Setting(Setting),
    /// "red".
    Colour(Colour),
    /// "three".
    Count(u8),
    /// "chasing"; for "chased by" passive.
    Action {
        /// The deed.
        action: Action,
        /// Whether the subject suffers it.
        passive: bool,
    },
    /// "to the left of".
    Relation(Relation),
    /// "on", "in", "at": where a thing is.
    At,
    /// "and".
    And,
    /// "what color", "which colour".
    WhatColour,
    /// "how many".
    HowMany,
    /// "what", "who", "which", "where": the answer stands for it.
    What,
    /// "yes".
    Yes,
    /// "no".
    No,
    /// "there", as in "is there".
    There,
    /// A word that adds nothing: articles, "is", "image".
    Filler,
    /// A word that this VLM does not know.
    Unknown,
}

/// Reads a question.
pub fn parse(text: &str) -> Query {
    let lower = text.trim().to_lowercase();
    if let Some((answer, question)) = vq2(&lower) {
        return Query::Answered { answer: words(answer), question: words(question) };
    }
    if let Some(factor) = quality(&lower) {
        return Query::Quality(factor);
    }
    Query::Plain(words(&lower))
}

// `is "ANSWER" true for "QUESTION" in this image?`; an answer may hold quotes itself.
fn vq2(lower: &str) -> Option<(&str, &str)> {
    let (answer, rest) = lower.strip_prefix("is \"")?.split_once("\" true for \"")?;
    let question = rest.rfind("\" in this").or_else(|| rest.rfind('"')).map(|end| &rest[..end])?;
    Some((answer, question))
}

fn quality(lower: &str) -> Option<Factor> {
    let asked = lower.trim_end_matches(['?', '.', '!', ' ']);
    let name = ["image", "picture", "photo"].iter().find_map(|noun| {
        ["the", "this"].iter().find_map(|article| asked.strip_prefix(&format!("is {article} {noun} ")))
    })?;
    Factor::named(name.trim())
}

/// The words of a text, longest phrase first.
pub fn words(lower: &str) -> Vec<Word> {
    let tokens: Vec<&str> =
        lower.split(|c: char| !c.is_alphanumeric() && c != '\'').filter(|t| !t.is_empty()).collect();
    let mut words = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        let rest = &tokens[at..];
        let (word, n) = PHRASES
            .iter()
            .find(|(phrase, _)| rest.len() >= phrase.len() && rest.iter().zip(*phrase).all(|(a, b)| a == b))
            .map_or_else(|| (single(rest[0]), 1), |(phrase, word)| (word.to_word(), phrase.len()));
        words.push(word);
        at += n;
    }
    words
}

enum Meaning {
    Is(Relation),
    Passive(Action),
    WhatColour,
    HowMany,
    What,
}

impl Meaning {
    fn to_word(&self) -> Word {
        match self {
            Self::Is(relation) => Word::Relation(*relation),
            Self::Passive(action) => Word::Action { action: *action, passive: true },
            Self::WhatColour => Word::WhatColour,
            Self::HowMany => Word::HowMany,
            Self::What => Word::What,
        }
    }
}

const PHRASES: &[(&[&str], Meaning)] = &[
    (&["on", "the", "left", "hand", "side", "of"], Meaning::Is(Relation::LeftOf)),
    (&["on", "the", "right", "hand", "side", "of"], Meaning::Is(Relation::RightOf)),
    (&["on", "the", "left", "side", "of"], Meaning::Is(Relation::LeftOf)),
    (&["on", "the", "right", "side", "of"], Meaning::Is(Relation::RightOf)),
    (&["to", "the", "left", "of"], Meaning::Is(Relation::LeftOf)),
    (&["to", "the", "right", "of"], Meaning::Is(Relation::RightOf)),
    (&["on", "the", "left", "of"], Meaning::Is(Relation::LeftOf)),
    (&["on", "the", "right", "of"], Meaning::Is(Relation::RightOf)),
    (&["to", "the", "left"], Meaning::Is(Relation::LeftOf)),
    (&["to", "the", "right"], Meaning::Is(Relation::RightOf)),
    (&["on", "the", "left"], Meaning::Is(Relation::LeftOf)),
    (&["on", "the", "right"], Meaning::Is(Relation::RightOf)),
    (&["left", "of"], Meaning::Is(Relation::LeftOf)),
    (&["right", "of"], Meaning::Is(Relation::RightOf)),
    (&["on", "top", "of"], Meaning::Is(Relation::Above)),
    (&["next", "to"], Meaning::Is(Relation::NextTo)),
    (&["close", "to"], Meaning::Is(Relation::NextTo)),
    (&["being", "chased", "by"], Meaning::Passive(Action::Chasing)),
    (&["chased", "by"], Meaning::Passive(Action::Chasing)),
    (&["being", "chased"], Meaning::Passive(Action::Chasing)),
    (&["being", "eaten", "by"], Meaning::Passive(Action::Eating)),
    (&["eaten", "by"], Meaning::Passive(Action::Eating)),
    (&["being", "eaten"], Meaning::Passive(Action::Eating)),
    (&["what", "is", "the", "color", "of"], Meaning::WhatColour),
    (&["what", "is", "the", "colour", "of"], Meaning::WhatColour),
    (&["what", "are", "the", "colors", "of"], Meaning::WhatColour),
    (&["what", "color"], Meaning::WhatColour),
    (&["what", "colour"], Meaning::WhatColour),
    (&["which", "color"], Meaning::WhatColour),
    (&["which", "colour"], Meaning::WhatColour),
    (&["how", "many"], Meaning::HowMany),
    (&["what", "number", "of"], Meaning::HowMany),
    (&["what", "is", "the", "number", "of"], Meaning::HowMany),
    // The noun after "what" says only what sort of answer is meant.
    (&["what", "kind", "of"], Meaning::What),
    (&["what", "type", "of"], Meaning::What),
    (&["what", "animal"], Meaning::What),
    (&["what", "animals"], Meaning::What),
    (&["which", "animal"], Meaning::What),
    (&["which", "animals"], Meaning::What),
    (&["what", "fruit"], Meaning::What),
    (&["what", "object"], Meaning::What),
    (&["what", "objects"], Meaning::What),
    (&["which", "object"], Meaning::What),
    (&["what", "vehicle"], Meaning::What),
];

fn single(token: &str) -> Word {
    let token = token.strip_suffix("'s").unwrap_or(token);
    if let Some(things) = things(token) {
        return things;
    }
    if let Some(&setting) = Setting::ALL.iter().find(|setting| setting.word() == token) {
        return Word::Setting(setting);
    }
    if let Some(&colour) = Colour::ALL.iter().find(|colour| colour.word() == token) {
        return Word::Colour(colour);
    }
    if let Some(n) = number_of(token) {
        return Word::Count(n);
    }
    let action = |action| Word::Action { action, passive: false };
    if let Some(&deed) = Action::ALL.iter().find(|deed| deed.word() == token) {
        return action(deed);
    }
    match token {
        "meadow" | "grass" | "lawn" => Word::Setting(Setting::Field),
        "sand" | "sea" | "shore" => Word::Setting(Setting::Beach),
        "road" => Word::Setting(Setting::Street),
        "asleep" => action(Action::Sleeping),
        "pursuing" | "chase" | "chases" => action(Action::Chasing),
        "biting" | "eat" | "eats" => action(Action::Eating),
        "seated" | "sit" | "sits" => action(Action::Sitting),
        "run" | "runs" => action(Action::Running),
        "jump" | "jumps" | "leaping" => action(Action::Jumping),
        "fly" | "flies" => action(Action::Flying),
        "swim" | "swims" => action(Action::Swimming),
        "sleep" | "sleeps" => action(Action::Sleeping),
        "above" | "over" => Word::Relation(Relation::Above),
        "below" | "under" | "beneath" | "underneath" => Word::Relation(Relation::Below),
        "beside" | "near" | "by" | "adjacent" => Word::Relation(Relation::NextTo),
        "left" => Word::Relation(Relation::LeftOf),
        "right" => Word::Relation(Relation::RightOf),
        "on" | "in" | "at" => Word::At,
        "and" => Word::And,
        "there" => Word::There,
        "grey" | "gray" | "silver" | "gold" => Word::Unknown,
        "what" | "who" | "which" | "where" | "what's" => Word::What,
        "yes" | "true" => Word::Yes,
        "no" | "false" => Word::No,
        "is" | "are" | "be" | "being" | "was" | "were" | "does" | "do" | "doing" | "the" | "a" | "an" | "any"
        | "some" | "this" | "that" | "these" | "it" | "its" | "of" | "to" | "for" | "image" | "picture" | "photo"
        | "scene" | "shown" | "visible" | "see" | "seen" | "color" | "colour" | "colored" | "coloured" | "located"
        | "positioned" | "position" | "relative" | "with" | "exactly" | "present" | "appear" => Word::Filler,
        _ => Word::Unknown,
    }
}

fn things(token: &str) -> Option<Word> {
    if let Some(&kind) = Kind::ALL.iter().find(|kind| kind.word() == token) {
        return Some(Word::Things { kinds: vec![kind], plural: false });
    }
    if let Some(&kind) = Kind::ALL.iter().find(|kind| kind.plural() == token) {
        return Some(Word::Things { kinds: vec![kind], plural: true });
    }
    let (kinds, plural): (&[Kind], bool) = match token {
        "animal" | "pet" => (&[Kind::Cat, Kind::Dog, Kind::Bird, Kind::Fish], false),
        "animals" | "pets" => (&[Kind::Cat, Kind::Dog, Kind::Bird, Kind::Fish], true),
        "object" | "thing" | "something" => (Kind::ALL, false),
        "objects" | "things" => (Kind::ALL, true),
        "fruit" => (&[Kind::Apple], false),
        "vehicle" => (&[Kind::Car], false),
        "building" => (&[Kind::House], false),
        "plant" => (&[Kind::Tree, Kind::Flower], false),
        "plants" => (&[Kind::Tree, Kind::Flower], true),
        "toy" => (&[Kind::Ball], false),
        "mug" => (&[Kind::Cup], false),
        "fishes" => (&[Kind::Fish], true),
        _ => return None,
    };
    Some(Word::Things { kinds: kinds.to_vec(), plural })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quality_questions_are_told_from_the_rest() {
        assert_eq!(parse("is the image bright"), Query::Quality(Factor::Bright));
        assert_eq!(parse("Is this image visually compelling?"), Query::Quality(Factor::VisuallyCompelling));
        assert_eq!(parse("is the picture funny ?"), Query::Quality(Factor::Funny));
        assert!(matches!(parse("is the image green"), Query::Plain(_)));
        assert!(matches!(parse("is the bright image"), Query::Plain(_)));
    }

    #[test]
    fn the_form_of_vq2_is_taken_apart_even_with_quotes_inside() {
        let words_of = |text: &str| match parse(text) {
            Query::Answered { answer, question } => (answer.len(), question.len()),
            other => panic!("{other:?}"),
        };
        assert_eq!(words_of("is \"red\" true for \"what color is the cat?\" in this image?"), (1, 4));
        assert_eq!(words_of("is \"a \"red\" cat\" true for \"what is there?\" in this image?"), (3, 3));
        assert_eq!(words_of("is \"\" true for \"\" in this image?"), (0, 0));
        assert!(matches!(parse("is \"red\" true"), Query::Plain(_)));
    }

    #[test]
    fn any_text_is_read_without_a_panic() {
        for text in [
            "",
            "?",
            "\"\"\"",
            "is \"",
            "\u{1f436}\u{301}",
            "IS THE ÎMAGE",
            "is \"é\" true for \"",
            "255 300 99999999999",
        ] {
            parse(text);
        }
    }
}
