//! Noun phrases: "two very large fire hydrants", "the elephant's back", "the Statue of Liberty".

mod modifiers;

use crate::inflect::is_plural;
use crate::lexicon::*;
use crate::read_scene::BODY_PARTS;
use crate::tag::{Pos, Tagged};
use modifiers::{determiners, modifiers};

/// What stands before the noun and says something of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Modifier {
    /// "very large", "smiling".
    pub text: String,
    /// Whether it says what the thing does ("smiling").
    pub is_action: bool,
    /// First byte in the prompt.
    pub start: usize,
}

/// One noun phrase.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct NounPhrase {
    /// Article or another determiner, in lower case.
    pub determiner: Option<String>,
    /// "three", "a couple of", "several".
    pub quantity: Option<String>,
    /// Adjectives and participles.
    pub modifiers: Vec<Modifier>,
    /// The noun with what belongs to its name: "fire hydrant".
    pub name: String,
    /// The last noun in lower case.
    pub head: String,
    /// Whether it is more than one.
    pub plural: bool,
    /// Whether it is a name, said without an article.
    pub proper: bool,
    /// First byte of the phrase.
    pub start: usize,
    /// First byte of the name.
    pub name_start: usize,
    /// One past the last byte.
    pub end: usize,
}

impl NounPhrase {
    /// As the second and later mention: "the dog", "Yoda".
    pub fn mention(&self) -> String {
        let bare = (self.proper && self.determiner.as_deref() != Some("the")) || self.name == "someone";
        if bare { self.name.clone() } else { format!("the {}", self.name) }
    }

    /// "is" or "are".
    pub fn be(&self) -> &'static str {
        if self.plural { "are" } else { "is" }
    }

    /// Whether it is the picture itself ("a photo").
    pub fn is_picture(&self) -> bool {
        has(PICTURE_WORDS, &self.head)
    }
}

/// Reads a noun phrase that starts at a word; gives it with the index of the word after it.
pub fn noun_phrase(words: &[Tagged<'_>], start: usize) -> Option<(NounPhrase, usize)> {
    let mut phrase = NounPhrase { start: words.get(start)?.start, ..NounPhrase::default() };
    let mut i = start;
    i = determiners(words, i, &mut phrase);
    i = modifiers(words, i, &mut phrase);
    let mut first_noun = i;
    i = nouns(words, i)?;
    // "living room", "left arm": what tells which one is part of the name.
    // So is what a thing is for: "recycling bin".
    while phrase.modifiers.last().is_some_and(|m| {
        has(NAME_PARTS, &m.text.to_lowercase())
            || (m.is_action && !m.text.contains(' ') && !has(SEEN_ACTIONS, &m.text.to_lowercase()))
    }) && first_noun > start
    {
        phrase.modifiers.pop();
        first_noun -= 1;
    }
    // "St. Paul's Cathedral", "a women's event": the owner belongs to the name. Elsewhere it is an object of its own.
    while words.get(i).is_some_and(|w| w.pos == Pos::Possessive) && names_the_kind(words, start, i, &phrase) {
        let Some(end) = nouns(words, i + 1) else { break };
        i = end;
    }
    let head = &words[i - 1];
    // "an orange color car" is an orange car.
    if !phrase.modifiers.is_empty()
        && i > first_noun + 1
        && words[first_noun].is(&["color", "colour", "colored", "coloured"])
    {
        first_noun += 1;
    }
    phrase.modifiers.retain(|m| !matches!(m.text.as_str(), "colored" | "coloured"));
    let name_words = &words[first_noun..i];
    phrase.name_start = words[first_noun].start;
    phrase.end = head.end;
    phrase.head.clone_from(&head.lower);
    let numbered = head.pos == Pos::Number && name_words.len() > 1 && phrase.determiner.as_deref() == Some("the");
    phrase.proper = (name_words.iter().any(|w| w.pos == Pos::ProperNoun || (w.start > 0 && starts_upper(w)))
        && (starts_upper(head) || head.pos != Pos::Noun || name_words.len() == 1)
        || numbered)
        && !matches!(phrase.determiner.as_deref(), Some("a" | "an"))
        && phrase.quantity.is_none();
    phrase.name = spelled(name_words);
    phrase.proper &= !words[start].is(&["no"]);
    let counted = phrase.quantity.as_deref().is_some_and(|q| q != "one" && q != "1");
    phrase.plural = match phrase.determiner.as_deref() {
        Some("a" | "an" | "this" | "that" | "each" | "every" | "another") => {
            counted && phrase.quantity.as_deref().is_some_and(|q| q.contains(' '))
        }
        _ if phrase.proper => false,
        None if has(SAME_IN_PLURAL, &phrase.head) => true,
        _ => is_plural(&phrase.head) || (counted && !has(MASS_NOUNS, &phrase.head)),
    };
    Some((phrase, i))
}

/// What belongs to someone: adjectives and a noun, without an article.
pub fn noun_phrase_of_owner(words: &[Tagged<'_>], start: usize) -> Option<(NounPhrase, usize)> {
    let word = words.get(start)?;
    if matches!(word.pos, Pos::Determiner | Pos::Preposition | Pos::Mark) {
        return None;
    }
    noun_phrase(words, start)
}

/// Whether a possessive says which kind ("a children's book") or is inside a name ("St. Paul's Cathedral").
fn names_the_kind(words: &[Tagged<'_>], start: usize, possessive: usize, phrase: &NounPhrase) -> bool {
    let owner = &words[possessive - 1];
    let name = starts_upper(owner) && owner.start > 0;
    let next_is_name = words.get(possessive + 1).is_some_and(|w| starts_upper(w) && w.pos != Pos::Adjective);
    let kind = matches!(phrase.determiner.as_deref(), Some("a" | "an")) && is_plural(&owner.lower);
    // "wearing a fireman's helmet": no fireman is there.
    let worn = start > 0 && words[start - 1].is(&["wearing", "wears"]) && phrase.determiner.as_deref() != Some("the");
    kind || worn || (name && next_is_name)
}

/// Nouns whose plural looks like the singular: without an article they are many.
const SAME_IN_PLURAL: &[&str] = &["sheep", "deer", "bison", "moose", "elk", "salmon", "aircraft"];

fn starts_upper(word: &Tagged<'_>) -> bool {
    word.text.starts_with(char::is_uppercase)
}

/// The words as they should stand inside a question: lower case but for names and abbreviations.
pub fn spelled(words: &[Tagged<'_>]) -> String {
    let mut text = String::new();
    for word in words {
        if !text.is_empty() && word.pos != Pos::Possessive && !word.is(&[","]) {
            text.push(' ');
        }
        let at_start = word.start == 0;
        let abbreviation = word.text.chars().filter(|c| c.is_uppercase()).count() > 1;
        // A name's first word at the start of the prompt has another capital after it.
        let name_goes_on = words.get(1).is_some_and(|w| starts_upper(w) && w.start > 0);
        let keep = abbreviation
            || word.pos == Pos::ProperNoun
            || (starts_upper(word) && (!at_start || (name_goes_on && word.pos == Pos::Noun)));
        if keep { text.push_str(word.text) } else { text.push_str(&word.lower) }
    }
    text
}

/// One past a run of nouns, "Statue of Liberty" included.
fn nouns(words: &[Tagged<'_>], start: usize) -> Option<usize> {
    let noun = |i: usize| words.get(i).is_some_and(|w| matches!(w.pos, Pos::Noun | Pos::ProperNoun));
    let name = |i: usize| noun(i) && starts_upper(&words[i]) && words[i].start > 0;
    // "face right arm": a side starts the next phrase.
    // So does a second part of the body: "over the chest face looking up".
    let part = |i: usize| has(BODY_PARTS, &words[i].lower);
    let next_phrase =
        |i: usize| i > start && ((words[i].is(&["left", "right"]) && noun(i + 1)) || (part(i - 1) && part(i)));
    let mut i = start;
    while noun(i) && !next_phrase(i) {
        i += 1;
    }
    if i == start {
        return None;
    }
    while name(i - 1) && words.get(i).is_some_and(|w| w.is(&["of", "de", "the"])) && name(i + 1) {
        i += 2;
        while noun(i) {
            i += 1;
        }
    }
    // "Boeing 747", "number 6"
    if words.get(i).is_some_and(|w| w.pos == Pos::Number && w.text.starts_with(|c: char| c.is_ascii_digit()))
        && !noun(i + 1)
    {
        i += 1;
    }
    Some(i)
}
