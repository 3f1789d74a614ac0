//! Parts of speech: the Brill tagger's, corrected by small lexicons and by what the neighbours allow.

use std::collections::HashMap;
use std::sync::LazyLock;

use harper_brill::{Tagger, UPOS, brill_tagger};

use crate::inflect::is_past_participle;
use crate::lexicon::*;
use crate::tokens::{Token, TokenKind, tokenise};

mod neighbours;

/// Part of speech, as coarse as the rules need it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, strum::IntoStaticStr)]
#[strum(serialize_all = "kebab-case")]
pub enum Pos {
    /// Article, demonstrative, possessive pronoun, quantifier.
    Determiner,
    /// Number, in digits or words.
    Number,
    /// Adjective.
    Adjective,
    /// Common noun.
    Noun,
    /// Name.
    ProperNoun,
    /// Pronoun.
    Pronoun,
    /// Verb form in -ing.
    Gerund,
    /// Past participle.
    Participle,
    /// Any other verb form.
    Verb,
    /// Form of "be".
    Be,
    /// Form of "have".
    Have,
    /// Form of "do".
    Do,
    /// "can", "will", "to" before a verb.
    Modal,
    /// Preposition, of one word or several.
    Preposition,
    /// "and", "or", "while".
    Conjunction,
    /// Adverb.
    Adverb,
    /// "not", "n't".
    Negation,
    /// Possessive `'s`.
    Possessive,
    /// Passage in quotation marks.
    Quoted,
    /// Punctuation.
    Mark,
    /// Emoji, other scripts.
    Other,
}

/// A word (or a preposition of several words) with its part of speech.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tagged<'t> {
    /// As it stands in the text.
    pub text: &'t str,
    /// In lower case.
    pub lower: String,
    /// Part of speech.
    pub pos: Pos,
    /// First byte in the text.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
}

impl Tagged<'_> {
    /// Whether it is one of these words.
    pub fn is(&self, words: &[&str]) -> bool {
        words.contains(&self.lower.as_str())
    }
}

// The tagger looks at most four words away, and walks 201 rules over a sentence: short pieces cost nothing.
const LONGEST_PIECE: usize = 256;

/// Tags a text.
pub fn tag(text: &str) -> Vec<Tagged<'_>> {
    let mut tokens = tokenise(text);
    let mut tags = Vec::with_capacity(tokens.len());
    for piece in tokens.chunks_mut(LONGEST_PIECE) {
        tags.extend(tag_piece(piece));
    }
    let mut tagged = join_prepositions(text, tokens, &tags);
    neighbours::correct(&mut tagged);
    tagged
}

fn tag_piece(tokens: &mut [Token<'_>]) -> Vec<Pos> {
    // The tagger wants owned words: they are lent to it and taken back.
    let words: Vec<String> = tokens.iter_mut().map(|t| std::mem::take(&mut t.lower)).collect();
    let brill = brill_tagger().tag_sentence(&words);
    for (token, word) in tokens.iter_mut().zip(words) {
        token.lower = word;
    }
    tokens
        .iter()
        .enumerate()
        .map(|(i, token)| {
            let at_start = i == 0 || tokens[i - 1].lower.ends_with(['.', '!', '?']);
            word_pos(token, brill.get(i).copied().flatten(), at_start)
        })
        .collect()
}

fn word_pos(token: &Token<'_>, brill: Option<UPOS>, at_start: bool) -> Pos {
    match token.kind {
        TokenKind::Number => return Pos::Number,
        TokenKind::Possessive => return Pos::Possessive,
        TokenKind::Quoted => return Pos::Quoted,
        TokenKind::Mark => return Pos::Mark,
        TokenKind::Other => return Pos::Other,
        TokenKind::Word => {}
    }
    let word = token.lower.as_str();
    closed_class(word).unwrap_or_else(|| open_class(token, brill, at_start))
}

/// The words whose part of speech a list settles. Where lists share a word, the earlier list has it.
static CLOSED_CLASSES: LazyLock<HashMap<&'static str, Pos>> = LazyLock::new(|| {
    let lists: &[(&[&'static str], Pos)] = &[
        (&["is", "are", "was", "were", "be", "been", "being", "am"], Pos::Be),
        (&["has", "have", "had", "having"], Pos::Have),
        (&["do", "does", "did"], Pos::Do),
        (&["can", "could", "will", "would", "may", "might", "must", "should"], Pos::Modal),
        (&["and", "or", "while", "but", "nor", "as well as"], Pos::Conjunction),
        (&["not", "never"], Pos::Negation),
        (ADVERBS, Pos::Adverb),
        (&["that", "who", "which", "what", "whom"], Pos::Pronoun),
        (NUMBERS, Pos::Number),
        (PRONOUNS, Pos::Pronoun),
        (DETERMINERS, Pos::Determiner),
        (PREPOSITIONS, Pos::Preposition),
        (COLOURS, Pos::Adjective),
        (ADJECTIVES, Pos::Adjective),
        (ADJECTIVES_IN_ING, Pos::Adjective),
        (NOUNS_IN_ING, Pos::Noun),
        (MATERIALS, Pos::Noun),
        (MASS_NOUNS, Pos::Noun),
        (PICTURE_WORDS, Pos::Noun),
        (&["left", "right", "front", "top", "bottom", "back"], Pos::Noun),
    ];
    let mut classes = HashMap::new();
    for &(words, pos) in lists {
        for &word in words {
            classes.entry(word).or_insert(pos);
        }
    }
    classes
});

fn closed_class(word: &str) -> Option<Pos> {
    let negated = word.ends_with("n't") || word.ends_with("n’t");
    if negated { Some(Pos::Negation) } else { CLOSED_CLASSES.get(word).copied() }
}

fn open_class(token: &Token<'_>, brill: Option<UPOS>, at_start: bool) -> Pos {
    let word = token.lower.as_str();
    let capital = token.text.starts_with(char::is_uppercase);
    match brill {
        Some(UPOS::NOUN) if word.len() > 5 && word.ends_with("ing") => Pos::Gerund,
        // Of the nouns in -ed the tagger knows some that are verbs in its training text ("painted").
        Some(UPOS::NOUN) if word.ends_with("ed") && is_past_participle(word) && !has(NOUNS_IN_ED, word) => {
            Pos::Participle
        }
        Some(UPOS::NOUN) => Pos::Noun,
        Some(UPOS::PROPN) if capital => Pos::ProperNoun,
        Some(UPOS::PROPN) if word.len() > 5 && word.ends_with("ing") => Pos::Gerund,
        Some(UPOS::PROPN) => Pos::Noun,
        Some(UPOS::ADJ) if word.len() > 5 && word.ends_with("ing") && !word.contains('-') => Pos::Gerund,
        Some(UPOS::ADJ) => Pos::Adjective,
        Some(UPOS::VERB | UPOS::AUX) => verb_pos(word),
        // The tagger's training text holds -ing adverbs only by mistake.
        Some(UPOS::ADV) if word.len() > 5 && word.ends_with("ing") => Pos::Gerund,
        Some(UPOS::ADV) => Pos::Adverb,
        Some(UPOS::ADP) => Pos::Preposition,
        Some(UPOS::CCONJ | UPOS::SCONJ) => Pos::Conjunction,
        // Our own lists of the closed classes are whole: a "mat" that was once a determiner is a slip of the training text.
        Some(UPOS::DET | UPOS::NUM | UPOS::PRON | UPOS::PART | UPOS::INTJ | UPOS::SYM | UPOS::PUNCT) | None => {
            unknown(word, capital && !at_start)
        }
    }
}

fn verb_pos(word: &str) -> Pos {
    if word.ends_with("ing") && word.len() > 4 {
        Pos::Gerund
    } else if is_past_participle(word) {
        Pos::Participle
    } else {
        Pos::Verb
    }
}

/// A word that the tagger has never seen: its ending decides.
fn unknown(word: &str, name: bool) -> Pos {
    let ends = |endings: &[&str]| endings.iter().any(|e| word.len() > e.len() + 2 && word.ends_with(e));
    if name {
        Pos::ProperNoun
    } else if word.contains('-') && ends(&["ed", "like", "style", "looking", "shaped", "sized", "colored", "facing"]) {
        Pos::Adjective
    } else if ends(&["ing"]) {
        Pos::Gerund
    } else if ends(&["ed"]) {
        Pos::Participle
    } else if ends(&["ly", "wards"]) {
        Pos::Adverb
    } else if ends(&["ous", "ful", "less", "ish", "ical", "able", "ible", "esque", "istic", "ular", "ic"]) {
        Pos::Adjective
    } else {
        Pos::Noun
    }
}

/// Joins "in front of", "next to", "each other", … into one word each.
fn join_prepositions<'t>(text: &'t str, mut tokens: Vec<Token<'t>>, tags: &[Pos]) -> Vec<Tagged<'t>> {
    let mut tagged: Vec<Tagged<'t>> = Vec::with_capacity(tokens.len());
    let mut i = 0;
    while i < tokens.len() {
        let (length, pos) = joined_at(&tokens[i..]).unwrap_or((1, tags[i]));
        let (start, end) = (tokens[i].start, tokens[i + length - 1].end);
        let (text, lower) = if length == 1 {
            (tokens[i].text, std::mem::take(&mut tokens[i].lower))
        } else {
            let words: Vec<&str> = tokens[i..i + length].iter().map(|t| t.lower.as_str()).collect();
            (&text[start..end], words.join(" "))
        };
        tagged.push(Tagged { text, lower, pos, start, end });
        i += length;
    }
    tagged
}

fn joined_at(tokens: &[Token<'_>]) -> Option<(usize, Pos)> {
    let first = tokens[0].lower.as_str();
    let matches = |phrase: &str| {
        let mut n = 0;
        for word in phrase.split(' ') {
            if tokens.get(n).is_none_or(|t| t.lower != word) {
                return None;
            }
            n += 1;
        }
        Some(n)
    };
    const OTHERS: &[(&str, Pos)] = &[
        ("each other", Pos::Pronoun),
        ("one another", Pos::Pronoun),
        ("as well as", Pos::Conjunction),
        ("upside down", Pos::Adjective),
        ("side by side", Pos::Adjective),
        ("out of focus", Pos::Adjective),
        ("black and white", Pos::Adjective),
    ];
    let others = OTHERS.iter().filter(|(phrase, _)| phrase.starts_with(first));
    if let Some(found) = others.into_iter().find_map(|&(phrase, pos)| Some((matches(phrase)?, pos))) {
        return Some(found);
    }
    if !matches!(
        first,
        "on" | "to"
            | "in"
            | "at"
            | "made"
            | "composed"
            | "built"
            | "formed"
            | "next"
            | "close"
            | "adjacent"
            | "far"
            | "away"
            | "out"
            | "off"
            | "ahead"
            | "left"
            | "right"
            | "up"
            | "together"
            | "along"
            | "instead"
            | "because"
            | "due"
            | "such"
            | "inside"
            | "outside"
            | "full"
            | "part"
    ) {
        return None;
    }
    MULTIWORD_PREPOSITIONS.iter().find_map(|phrase| Some((matches(phrase)?, Pos::Preposition)))
}
