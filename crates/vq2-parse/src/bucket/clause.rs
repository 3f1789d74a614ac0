//! Where the subject of a yes/no question ends and what is said of it begins.
//!
//! "is [the woman in the red coat] [pushing a stroller]": noun groups, "of" and "and", possessives, and a
//! prepositional phrase before a verb or an adjective belong to the subject.

use super::Words;
use super::predicate::plainly_adjective;
use crate::tag::{Pos, Tagged};

/// The words after the auxiliary, as subject and predicate; either may be empty.
pub fn subject_and_predicate<'w, 't>(words: Words<'w, 't>) -> (Words<'w, 't>, Words<'w, 't>) {
    let mut end = subject_length(words);
    if let Some(inner) = postmodifier_length(&words[end..]).filter(|_| end > 0) {
        end += inner;
    }
    words.split_at(end)
}

/// How many words the first noun phrase takes, with its "of", "and" and possessive parts.
pub fn subject_length(words: Words<'_, '_>) -> usize {
    let mut end = noun_group_end(words, 0);
    while end > 0 && end < words.len() {
        let word = words[end];
        if word.pos == Pos::Possessive {
            end = noun_group_end(words, end + 1);
            continue;
        }
        // "the skyline of the city", "the dog and the cat", "the cups, plates, and forks"
        let n_joints = words[end..].iter().take_while(|w| joins_nouns(w)).count();
        let next = noun_group_end(words, end + n_joints);
        if n_joints == 0 || next == end + n_joints {
            break;
        }
        end = next;
    }
    end
}

fn joins_nouns(word: &Tagged<'_>) -> bool {
    word.is(&["of", ","]) || word.pos == Pos::Conjunction
}

/// Length of a prepositional phrase that describes the subject: one before a verb, a participle or an adjective.
fn postmodifier_length(rest: Words<'_, '_>) -> Option<usize> {
    let preposition = rest.first().filter(|w| w.pos == Pos::Preposition)?;
    let opens = rest.get(1)?;
    if preposition.is(&["like", "as", "about", "than", "made of", "made out of", "full of"])
        || !matches!(opens.pos, Pos::Determiner | Pos::Noun | Pos::ProperNoun | Pos::Adjective | Pos::Number)
    {
        return None;
    }
    let end = 1 + subject_length(&rest[1..]);
    let tail = rest.get(end..)?;
    let head = tail.iter().find(|w| w.pos != Pos::Adverb)?;
    let described = match head.pos {
        Pos::Gerund | Pos::Participle => true,
        Pos::Verb => head.is(&["cut", "shut", "set", "split", "spread", "put", "lit"]),
        Pos::Adjective if head.lower.ends_with("ed") => true,
        // "at the water cooler": a noun that looks like an adjective goes with the noun before it.
        Pos::Adjective => {
            tail.iter().all(|w| w.pos != Pos::Adjective || plainly_adjective(w))
                && tail.last().is_some_and(|w| w.pos == Pos::Adjective)
        }
        _ => false,
    };
    (end > 1 && described).then_some(end)
}

/// One past the last word of the noun group that starts at `start`; `start` itself if there is none.
pub fn noun_group_end(words: Words<'_, '_>, start: usize) -> usize {
    // "it", "he": a pronoun is a whole group; so is "both" before a verb.
    let Some(first) = words.get(start) else { return start };
    if first.pos == Pos::Pronoun || stands_alone(words, start) {
        return start + 1;
    }
    let mut i = start;
    while words.get(i).is_some_and(|w| modifies(w, i + 1 < words.len())) && !opens_second_group(words, start, i) {
        i += 1;
    }
    let head = i;
    while words.get(i).is_some_and(|w| matches!(w.pos, Pos::Noun | Pos::ProperNoun | Pos::Quoted | Pos::Other)) {
        i += 1;
    }
    if i > head {
        return i;
    }
    // "the crossing": a verb in -ing after an article is the noun itself.
    if i > start && words.get(i).is_some_and(|w| w.pos == Pos::Gerund) && words[i - 1].is(&["a", "an", "the"]) {
        return i + 1;
    }
    // No noun: "the goldfish driving a taxi" with a fish taken for an adjective. The head stands before the verb.
    let verb = (start + 1..head).find(|&k| {
        matches!(words[k].pos, Pos::Gerund | Pos::Participle | Pos::Adverb)
            && !matches!(words[k - 1].pos, Pos::Determiner | Pos::Adverb | Pos::Negation)
    });
    verb.unwrap_or(i)
}

fn modifies(word: &Tagged<'_>, more_follows: bool) -> bool {
    match word.pos {
        Pos::Determiner | Pos::Number | Pos::Adjective | Pos::Negation => true,
        Pos::Gerund | Pos::Participle | Pos::Adverb => more_follows,
        _ => false,
    }
}

/// "is the evergreen | a tree", but "all the trees".
fn opens_second_group(words: Words<'_, '_>, start: usize, i: usize) -> bool {
    i > start && words[i].is(&["a", "an", "the"]) && !words[i - 1].is(&["all", "both", "half", "some", "many", "of"])
}

/// "are both wearing hats", "is this painted on wood": a determiner or number without its noun.
fn stands_alone(words: Words<'_, '_>, at: usize) -> bool {
    let first = &words[at];
    let can = first.pos == Pos::Number
        || first.is(&["this", "these", "that", "those", "both", "all", "some", "many", "several", "most", "each"]);
    let verb_follows = words.get(at + 1).is_some_and(|w| {
        matches!(w.pos, Pos::Gerund | Pos::Participle) || w.pos == Pos::Adjective && w.lower.ends_with("ed")
    });
    let object = words.get(at + 2);
    let takes_object = object.is_none_or(|w| matches!(w.pos, Pos::Determiner | Pos::Preposition | Pos::Pronoun));
    can && verb_follows && (takes_object || words[at + 1].is(&["wearing", "holding", "playing", "eating", "riding"]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tag::tag;

    fn split(question: &str) -> String {
        let tagged = tag(question);
        let words: Vec<&Tagged<'_>> = tagged.iter().filter(|w| w.pos != Pos::Mark || w.is(&[","])).skip(1).collect();
        let (subject, predicate) = subject_and_predicate(&words);
        let text = |part: &[&Tagged<'_>]| part.iter().map(|w| w.text).collect::<Vec<_>>().join(" ");
        format!("{} | {}", text(subject), text(predicate))
    }

    #[test]
    fn the_subject_ends_where_something_is_said_of_it() {
        assert_eq!(split("is the dog green?"), "the dog | green");
        assert_eq!(split("is the fire truck on the bridge?"), "the fire truck | on the bridge");
        assert_eq!(split("is the king's old crown on the bed?"), "the king 's old crown | on the bed");
        assert_eq!(
            split("are the cups, plates, and forks on the tray?"),
            "the cups , plates , and forks | on the tray"
        );
        assert_eq!(split("is the roof of the barn red?"), "the roof of the barn | red");
        assert_eq!(split("are all the nurses wearing masks?"), "all the nurses | wearing masks");
        assert_eq!(split("are both wearing masks?"), "both | wearing masks");
        assert_eq!(split("is this painted on wood?"), "this | painted on wood");
    }

    #[test]
    fn a_prepositional_phrase_before_a_verb_or_an_adjective_belongs_to_the_subject() {
        assert_eq!(split("is the boy in the green coat feeding a duck?"), "the boy in the green coat | feeding a duck");
        assert_eq!(split("is the lamp on the left broken?"), "the lamp on the left | broken");
        assert_eq!(split("is the mug on the shelf blue?"), "the mug on the shelf | blue");
        assert_eq!(split("is the mug on the blue shelf?"), "the mug | on the blue shelf");
        assert_eq!(split("is the cat on the rug by the door?"), "the cat | on the rug by the door");
    }
}
