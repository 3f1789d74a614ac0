//! Style notes: pieces between commas that speak of the picture, not of what is in it.
//!
//! "…, by Jane Doe, highly detailed, volumetric lighting, 8 k, trending on artstation".

use crate::inflect::{article, is_plural};
use crate::lexicon::{PICTURE_WORDS, has};
use crate::noun_phrase::spelled;
use crate::scene::{Fact, Span};
use crate::tag::{Pos, Tagged};

/// A note with one of these is about style, whatever else it has.
#[rustfmt::skip]
const STRONG: &[&str] = &[
    "artstation", "deviantart", "pixiv", "cgsociety", "pinterest", "octane", "unreal", "4k", "8k", "16k", "hd", "uhd",
    "hq", "hdr", "detailed", "photorealistic", "hyperrealistic", "hyperrealism", "photorealism", "realistic",
    "realism", "cinematic", "bokeh", "masterpiece", "award-winning", "trending", "resolution", "3d", "cg", "cgi",
    "dslr", "lens", "wide-angle", "anime", "cyberpunk", "steampunk", "minimalist", "minimalism", "surrealism",
    "impressionism", "vaporwave", "synthwave", "lowpoly", "isometric", "vector", "rendered", "sharp focus",
    "volumetric", "style", "aesthetic", "vibes", "quality", "ultra", "hyper", "intricate", "symmetrical",
    "illustration", "painting", "photography", "render", "rendering", "drawing", "sketch", "watercolor", "artwork",
    "art", "portrait", "photo", "photograph", "shot", "engraving", "design", "composition", "exposure", "35mm",
    "lighting", "focus", "stock", "clipart", "cartoon", "comic", "fantasy", "sci-fi", "gothic", "baroque", "vintage",
    "retro", "monochrome", "elegant", "smooth", "vivid", "dramatic", "moody", "atmospheric", "hyperdetailed",
    "surreal", "abstract", "psychedelic", "holography", "close-up", "closeup", "colours", "colors", "k",
];

/// Words that open a note with a capital only because a sentence starts there.
#[rustfmt::skip]
const STRONG_OPENERS: &[&str] = &[
    "oil", "digital", "detailed", "highly", "realistic", "photorealistic", "cinematic", "abstract", "vector", "pencil",
    "charcoal", "watercolor", "watercolour", "illustration", "painting", "photo", "photograph", "concept", "high",
    "wide", "black", "studio", "comic", "cartoon", "impressionistic", "surreal", "dramatic", "award-winning", "trending",
];

/// Whether a note with "by" came before, so that bare names are artists too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Region {
    /// The description goes on.
    Description,
    /// A style note came before.
    Style,
    /// An artist came before.
    Artists,
}

/// Reads a style note that starts at a word; gives the fact, the index after it, and the region that follows.
pub fn style_note(words: &[Tagged<'_>], start: usize, region: Region) -> Option<(Fact, usize, Region)> {
    let ends = |w: &Tagged<'_>| w.pos == Pos::Mark && w.is(&[",", ".", ";", "!", "|", "?", "(", ")", "-"]);
    let length = words[start..].iter().take(MOST_WORDS + 1).position(ends);
    // No note is longer; looking no further keeps the time linear.
    let length = length.unwrap_or((words.len() - start).min(MOST_WORDS + 1));
    // A note ends where the next one begins.
    let next_note = words[start..]
        .iter()
        .take(length)
        .skip(1)
        .position(|w| w.is(&["by", "trending", "in the style of", "in style of"]))
        .map(|n| n + 1);
    let length = next_note.unwrap_or(length);
    let opens_with_article = words.get(start).is_some_and(|w| w.is(&["a", "an"])) && region != Region::Description;
    let start = start + usize::from(opens_with_article);
    let length = length.saturating_sub(usize::from(opens_with_article));
    let note = words.get(start..start + length)?;
    if note.is_empty() || note.len() > MOST_WORDS || note.iter().any(|w| is_clause_word(w)) {
        return None;
    }
    let picture = has(PICTURE_WORDS, &note[note.len() - 1].lower);
    if opens_with_article && !picture {
        return None;
    }
    let (text, region) = if note[0].is(&["by"]) {
        let name = &note[1..];
        let named = !name.is_empty()
            && name.iter().all(|w| {
                matches!(
                    w.pos,
                    Pos::ProperNoun
                        | Pos::Noun
                        | Pos::Adjective
                        | Pos::Conjunction
                        | Pos::Other
                        | Pos::Verb
                        | Pos::Possessive
                )
            });
        if !named {
            return None;
        }
        (format!("by {}", as_written(name)), Region::Artists)
    } else if note[0].is(&["in the style of", "in style of"]) && note.len() > 1 {
        (as_written(note), Region::Artists)
    } else if note.iter().any(|w| has(STRONG, &w.lower)) && region_allows(note, region) {
        (predicate(note), if region == Region::Artists { region } else { Region::Style })
    } else if region == Region::Artists
        && note.len() <= 3
        && note.iter().all(|w| matches!(w.pos, Pos::Noun | Pos::ProperNoun | Pos::Verb))
    {
        (format!("by {}", as_written(note)), Region::Artists)
    } else {
        return None;
    };
    let span: Span = (note[0].start, note[note.len() - 1].end);
    Some((Fact::Style { text, span }, start + length, region))
}

// Longer pieces are sentences.
const MOST_WORDS: usize = 8;

/// Words that a description has and a style note has not.
fn is_clause_word(word: &Tagged<'_>) -> bool {
    matches!(word.pos, Pos::Determiner | Pos::Be | Pos::Have | Pos::Quoted | Pos::Modal | Pos::Negation | Pos::Mark)
        || (word.pos == Pos::Pronoun)
        || (word.pos == Pos::Preposition && !word.is(&["by", "on", "in the style of", "in style of"]))
}

/// Before any style note, only one that is about nothing but style counts ("photorealistic", "digital art").
fn region_allows(note: &[Tagged<'_>], region: Region) -> bool {
    let last = &note[note.len() - 1];
    region != Region::Description || has(STRONG, &last.lower) || last.pos == Pos::Adjective || note[0].is(&["trending"])
}

/// What to ask: "is the image a digital painting", "is the image photorealistic", "does the image have sharp focus".
fn predicate(note: &[Tagged<'_>]) -> String {
    let last = &note[note.len() - 1];
    let text = as_written(note);
    if note[0].is(&["trending"]) || last.pos == Pos::Adjective || last.pos == Pos::Participle || last.pos == Pos::Adverb
    {
        text
    } else if has(PICTURE_WORDS, &last.lower) && !is_plural(&last.lower) && !last.is(&["photography", "art"]) {
        format!("{} {text}", article(&text))
    } else if last.is(&["photography", "art", "illustrations"]) || (note.len() == 1 && last.lower.contains('-')) {
        text
    } else if last.is(&["style", "aesthetic", "hd", "uhd", "hq", "4k", "8k", "16k", "k", "3d", "colours", "colors"]) {
        format!("in {text}")
    } else {
        format!("have {text}")
    }
}

/// The words of a note; its first one starts a sentence more often than a name.
fn as_written(note: &[Tagged<'_>]) -> String {
    let first = &note[0];
    let ordinary = first.text.chars().skip(1).all(char::is_lowercase) && has(STRONG_OPENERS, &first.lower);
    if ordinary && note.len() > 1 {
        format!("{} {}", first.lower, spelled(&note[1..]))
    } else if ordinary {
        first.lower.clone()
    } else {
        spelled(note)
    }
}
