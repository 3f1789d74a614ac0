//! Words that lead to a description and are no part of it: "in this image we can see", "there is", "this is a photo of".

use crate::lexicon::has;
use crate::read_scene::words::FRAME_NOUNS;
use crate::tag::{Pos, Tagged};

/// One past a frame that starts at a word: what comes next is said to be there.
pub fn frame_end(words: &[Tagged<'_>], start: usize) -> Option<usize> {
    let at = |i: usize| words.get(i);
    let is = |i: usize, list: &[&str]| at(i).is_some_and(|w| w.is(list));
    // "in this image", "in the picture", with a comma if it likes.
    if is(start, &["in", "on"])
        && is(start + 1, &["this", "the"])
        && at(start + 2).is_some_and(|w| has(FRAME_NOUNS, &w.lower))
        && !is(start + 3, &["of"])
    {
        return Some(start + 3 + usize::from(is(start + 3, &[","])));
    }
    // "This image consists of", "the picture shows"
    if is(start, &["this", "the"]) && at(start + 1).is_some_and(|w| has(FRAME_NOUNS, &w.lower)) {
        if is(start + 2, &["consists", "is"]) && is(start + 3, &["of"]) {
            return Some(start + 4);
        }
        if is(start + 2, &["contains", "shows", "depicts", "features", "includes", "has", "presents"]) {
            return Some(start + 3);
        }
    }
    // "this is a …"
    if is(start, &["this", "these"]) && at(start + 1).is_some_and(|w| w.pos == Pos::Be) {
        return Some(start + 2);
    }
    // "we can see", "I see", "you can also notice"
    if is(start, &["i", "we", "you", "one"]) || is(start, &["it"]) && is(start + 1, &["shows", "looks"]) {
        let mut i = start + 1;
        while at(i).is_some_and(|w| w.pos == Pos::Modal || w.is(&["also", "clearly", "even"])) {
            i += 1;
        }
        if is(i, &["see", "observe", "notice", "find", "spot", "shows"]) {
            i += 1;
            return Some(i + usize::from(is(i, &["that"])));
        }
        // "I can also some coin": the verb is missing.
        return (i > start + 1).then_some(i);
    }
    // "there is", "there are also"
    if is(start, &["there", "here"]) && at(start + 1).is_some_and(|w| w.pos == Pos::Be) {
        return Some(start + 2 + usize::from(is(start + 2, &["also"])));
    }
    (is(start, &["here"]) && is(start + 1, &["we", "i"])).then_some(start + 1)
}

/// Whether a noun phrase between these words is the image itself ("of the image").
pub fn names_the_image(determiner: Option<&str>, head: &str) -> bool {
    matches!(determiner, Some("the" | "this")) && has(FRAME_NOUNS, head)
}
