//! Answer candidates of a prompt.
//!
//! VQ²'s released code takes spaCy's named entities, then its noun chunks, drops a chunk that equals an earlier
//! candidate in any case, and drops "i". Ours come from the tagger of the templates: pronouns are no candidates, since
//! no image answers "it".

use std::collections::HashSet;

use crate::noun_phrase::noun_phrase;
use crate::settings::CandidateKind;
use crate::tag::{Pos, Tagged, tag};

/// A part of the prompt that is to be the answer of a question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate<'p> {
    /// As it stands in the prompt; of a quoted passage without its marks.
    pub text: &'p str,
    /// First byte in the prompt.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
}

/// The candidates of these kinds, kind by kind and then in the order of the prompt; of texts that are equal but for
/// their case the first stays.
pub fn candidates<'p>(prompt: &'p str, kinds: &[CandidateKind]) -> Vec<Candidate<'p>> {
    let words = tag(prompt);
    let part = |start: usize, end: usize| Candidate { text: &prompt[start..end], start, end };
    let mut seen = HashSet::new();
    let mut found = Vec::new();
    for kind in kinds {
        let of_kind = match kind {
            CandidateKind::Entities => entities(&words, &part),
            CandidateKind::NounChunks => phrases(&words).into_iter().map(|(_, start, end)| part(start, end)).collect(),
            CandidateKind::Adjectives => single(&words, &[Pos::Adjective], &part),
            CandidateKind::Verbs => single(&words, &[Pos::Gerund, Pos::Participle, Pos::Verb], &part),
            CandidateKind::Relations => relations(&words, &part),
        };
        found.extend(of_kind.into_iter().filter(|c: &Candidate| {
            let lower = c.text.to_lowercase();
            lower != "i" && !lower.trim().is_empty() && seen.insert(lower)
        }));
    }
    found
}

/// Names ("Statue of Liberty" as one), numbers, quoted passages.
fn entities<'p>(words: &[Tagged<'p>], part: &impl Fn(usize, usize) -> Candidate<'p>) -> Vec<Candidate<'p>> {
    let is_name = |i: usize| words.get(i).is_some_and(|w| w.pos == Pos::ProperNoun);
    let mut found = Vec::new();
    let mut i = 0;
    while let Some(word) = words.get(i) {
        let mut next = i + 1;
        match word.pos {
            Pos::ProperNoun => {
                while is_name(next)
                    || (is_name(next + 1) && words.get(next).is_some_and(|w| w.is(&["of", "de", "von", "van"])))
                {
                    next += 1;
                }
                found.push(part(word.start, words[next - 1].end));
            }
            Pos::Number => found.push(part(word.start, word.end)),
            Pos::Quoted => found.push(Candidate { text: word.text, start: word.start, end: word.end }),
            _ => {}
        }
        i = next;
    }
    found
}

/// Noun phrases: index of the first word, first byte, one past the last byte.
fn phrases(words: &[Tagged<'_>]) -> Vec<(usize, usize, usize)> {
    let mut found = Vec::new();
    let mut i = 0;
    while i < words.len() {
        match noun_phrase(words, i) {
            Some((phrase, next)) => {
                found.push((i, phrase.start, phrase.end));
                i = next.max(i + 1);
            }
            None => i += 1,
        }
    }
    found
}

fn single<'p>(
    words: &[Tagged<'p>],
    wanted: &[Pos],
    part: &impl Fn(usize, usize) -> Candidate<'p>,
) -> Vec<Candidate<'p>> {
    words.iter().filter(|w| wanted.contains(&w.pos)).map(|w| part(w.start, w.end)).collect()
}

/// A preposition and the noun phrase after it. "of" binds parts of one thing and relates nothing.
fn relations<'p>(words: &[Tagged<'p>], part: &impl Fn(usize, usize) -> Candidate<'p>) -> Vec<Candidate<'p>> {
    let bound = |(first, _, end): (usize, usize, usize)| {
        let preposition = words.get(first.checked_sub(1)?)?;
        (preposition.pos == Pos::Preposition && !preposition.is(&["of"])).then(|| part(preposition.start, end))
    };
    phrases(words).into_iter().filter_map(bound).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use CandidateKind::{Adjectives, Entities, NounChunks, Relations, Verbs};

    fn texts<'p>(prompt: &'p str, kinds: &[CandidateKind]) -> Vec<&'p str> {
        candidates(prompt, kinds).into_iter().map(|c| c.text).collect()
    }

    #[test]
    fn noun_chunks_stand_as_in_the_prompt_with_their_articles() {
        assert_eq!(texts("A red kite and a grey wall", &[NounChunks]), ["A red kite", "a grey wall"]);
        assert_eq!(
            texts("The cat sleeps on the sofa near the window of the room.", &[NounChunks]),
            ["The cat", "the sofa", "the window", "the room"]
        );
        // A preposition of several words is no phrase, where spaCy finds "the corner".
        assert_eq!(texts("a cat in the corner of the room", &[NounChunks]), ["a cat", "the room"]);
    }

    #[test]
    fn entities_are_names_numbers_and_quoted_passages() {
        assert_eq!(
            texts("two men near the Eiffel Tower hold a sign that says \"Go Home\"", &[Entities]),
            ["two", "Eiffel Tower", "Go Home"]
        );
    }

    #[test]
    fn the_kinds_keep_their_order_and_the_first_of_equal_texts_stays() {
        let found = candidates("Paris and a man in Paris", &[Entities, NounChunks]);
        let named: Vec<_> = found.iter().filter(|c| c.text == "Paris").collect();
        assert_eq!(named.len(), 1);
        assert!(found.iter().any(|c| c.text == "a man"));
        assert_eq!(texts("a dog and A DOG", &[NounChunks]), ["a dog"]);
    }

    #[test]
    fn adjectives_verbs_and_relations_come_when_they_are_asked_for() {
        let prompt = "a black cat sleeping on the old sofa";
        assert_eq!(texts(prompt, &[Adjectives]), ["black", "old"]);
        assert_eq!(texts(prompt, &[Verbs]), ["sleeping"]);
        assert_eq!(texts(prompt, &[Relations]), ["on the old sofa"]);
        assert_eq!(texts("the wheel of the car", &[Relations]), [] as [&str; 0]);
    }

    #[test]
    fn spans_are_bytes_of_the_prompt() {
        let prompt = "a café 🐶 near “La Plage” and i";
        for kinds in [&[Entities, NounChunks] as &[_], &[Adjectives, Verbs, Relations]] {
            for c in candidates(prompt, kinds) {
                assert!(prompt[c.start..c.end].contains(c.text), "{c:?}");
                assert_ne!(c.text, "i");
            }
        }
    }

    /// The pairs that VQ²'s authors published for two captions, where they lie (`VQ2_DATA`, or `../shared/data`).
    #[test]
    fn the_answers_that_vq2s_authors_published_are_candidates() {
        let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data/vq2_reference");
        let folder = std::env::var("VQ2_DATA").unwrap_or_else(|_| beside.to_owned());
        let Ok(text) = std::fs::read_to_string(format!("{folder}/vq2_qa_pairs_vqa.json")) else {
            return println!("SKIPPED: the data are not here; set VQ2_DATA to their folder");
        };
        let captions: serde_json::Value = serde_json::from_str(&text).unwrap();
        for caption in captions.as_array().unwrap() {
            let found = texts(caption["caption"].as_str().unwrap(), &[Entities, NounChunks]);
            let mut answers: Vec<&str> =
                caption["qa_pairs"].as_array().unwrap().iter().map(|pair| pair["answer"].as_str().unwrap()).collect();
            answers.dedup();
            assert_eq!(found, answers);
        }
    }

    #[test]
    fn an_empty_or_odd_prompt_has_no_candidates() {
        for prompt in ["", "   ", "🐶🐶", "?!", "собака"] {
            assert_eq!(
                texts(prompt, &[Entities, NounChunks, Adjectives, Verbs, Relations]),
                [] as [&str; 0],
                "{prompt}"
            );
        }
    }
}
