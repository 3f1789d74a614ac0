//! Scene to questions: one noun question an object, and one question for each fact, grammatical and deduplicated.

use std::collections::HashSet;

use tables::Bucket;

use crate::inflect::article;
use crate::lexicon::*;
use crate::noun_phrase::{NounPhrase, spelled};
use crate::read_scene::read_scene;
use crate::scene::{Fact, Scene, Span};
use crate::tag::{Pos, tag};

#[cfg(test)]
mod cases;

/// A question made from a prompt; "yes" is the answer that holds for an aligned image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TemplateQuestion {
    /// Unique within the prompt: the bucket and a number, "noun-1".
    pub question_id: String,
    /// The question.
    pub question: String,
    /// What it checks.
    pub bucket: Bucket,
    /// The bytes of the prompt that it came from.
    pub span: Span,
}

/// The questions of a prompt, by bucket and then in the order of the prompt (App. B.5.2).
///
/// A text without a word that can be asked about (empty, emoji, another script) gives none.
pub fn template_questions(prompt: &str) -> Vec<TemplateQuestion> {
    let scene = read_scene(prompt);
    let mut found: Vec<(Bucket, Span, String)> = Vec::new();
    for (phrase, _) in scene.objects.iter().zip(&scene.visible).filter(|&(_, &visible)| visible) {
        ask_of_object(phrase, &mut found);
    }
    for (text, span) in &scene.quotes {
        found.push((Bucket::Noun, *span, format!("is there text that reads \"{text}\"?")));
    }
    for fact in &scene.facts {
        ask_of_fact(&scene, fact, &mut found);
    }
    if found.is_empty() {
        found.extend(last_resort(prompt));
    }
    numbered(found)
}

/// For a text of verbs or adjectives alone ("hate", "glowing"): its first word that means something.
fn last_resort(prompt: &str) -> Option<(Bucket, Span, String)> {
    let content = [Pos::Noun, Pos::ProperNoun, Pos::Verb, Pos::Gerund, Pos::Adjective, Pos::Participle];
    let words = tag(prompt);
    let word = words.iter().find(|w| content.contains(&w.pos) && w.text.chars().count() > 1)?;
    Some((
        Bucket::Noun,
        (word.start, word.end),
        format!("does the image show {}?", spelled(std::slice::from_ref(word))),
    ))
}

fn numbered(mut found: Vec<(Bucket, Span, String)>) -> Vec<TemplateQuestion> {
    found.sort_by_key(|(bucket, span, _)| (*bucket, *span));
    let mut seen = HashSet::new();
    found.retain(|(_, _, question)| seen.insert(question.to_lowercase()));
    let mut n_before = [0_usize; Bucket::ALL.len()];
    found
        .into_iter()
        .map(|(bucket, span, question)| {
            let number = &mut n_before[bucket as usize];
            *number += 1;
            TemplateQuestion { question_id: format!("{bucket}-{number}"), question, bucket, span }
        })
        .collect()
}

fn ask_of_object(phrase: &NounPhrase, found: &mut Vec<(Bucket, Span, String)>) {
    let name_span = (phrase.name_start, phrase.end);
    found.push((Bucket::Noun, name_span, existence(phrase)));
    if let Some(quantity) = phrase.quantity.as_deref().filter(|q| !matches!(*q, "one" | "1")) {
        let be = if phrase.plural { "are" } else { "is" };
        found.push((Bucket::Adjective, (phrase.start, phrase.end), format!("{be} there {quantity} {}?", phrase.name)));
    }
    for modifier in &phrase.modifiers {
        let last = modifier.text.rsplit(' ').next().unwrap_or_default();
        if has(NOT_PREDICATIVE, last) || has(NAME_PARTS, last) {
            continue;
        }
        let bucket = if modifier.is_action { Bucket::Verb } else { Bucket::Adjective };
        let question = format!("{} {} {}?", phrase.be(), phrase.mention(), modifier.text);
        found.push((bucket, (modifier.start, phrase.end), question));
    }
}

/// "is there a dog?", "are there dogs?", "is there water?", "is Yoda in the image?"
fn existence(phrase: &NounPhrase) -> String {
    let name = &phrase.name;
    if phrase.proper {
        format!("{} {} in the image?", phrase.be(), phrase.mention())
    } else if phrase.plural {
        format!("are there {name}?")
    } else if !matches!(phrase.determiner.as_deref(), Some("a" | "an")) && has(MASS_NOUNS, &phrase.head) {
        format!("is there {name}?")
    } else {
        format!("is there {} {name}?", article(name))
    }
}

fn ask_of_fact(scene: &Scene, fact: &Fact, found: &mut Vec<(Bucket, Span, String)>) {
    let subject_of = |i: usize| {
        let phrase = &scene.objects[i];
        format!("{} {}", phrase.be(), phrase.mention())
    };
    match fact {
        Fact::Time { phrase } => {
            let phrase = &scene.objects[*phrase];
            let what = with_modifiers(phrase);
            let question = if what == phrase.name {
                format!("is it {what}?")
            } else {
                format!("is it {} {what}?", article(&what))
            };
            found.push((Bucket::Adjective, (phrase.start, phrase.end), question));
        }
        Fact::Picture { phrase } => {
            let phrase = &scene.objects[*phrase];
            let what = with_modifiers(phrase);
            let question = format!("is the image {} {what}?", article(&what));
            found.push((Bucket::Adjective, (phrase.start, phrase.end), question));
        }
        Fact::Is { subject, predicate, span } => {
            let subject = subject.map_or_else(|| "is the image".to_owned(), subject_of);
            found.push((Bucket::Adjective, *span, format!("{subject} {predicate}?")));
        }
        Fact::Does { subject, verb, object, span } => {
            let text = |o: usize| {
                let phrase = &scene.objects[o];
                if verb == "wearing" { possession(phrase) } else { object_text(phrase) }
            };
            let object = object.map_or_else(String::new, |o| format!(" {}", text(o)));
            let bucket = if verb == "wearing" && !object.is_empty() { Bucket::Noun } else { Bucket::Verb };
            found.push((bucket, *span, format!("{} {verb}{object}?", subject_of(*subject))));
        }
        Fact::Has { subject, object, span } => {
            let owner = &scene.objects[*subject];
            let does = if owner.plural { "do" } else { "does" };
            let question = format!("{does} {} have {}?", owner.mention(), possession(&scene.objects[*object]));
            found.push((Bucket::Noun, *span, question));
        }
        Fact::Relation { subject, preposition, object, reciprocal, span } => {
            let end = match (object, reciprocal) {
                (Some(object), _) => format!(" {}", object_text(&scene.objects[*object])),
                (None, Some(reciprocal)) => format!(" {reciprocal}"),
                (None, None) => String::new(),
            };
            found.push((Bucket::Relation, *span, format!("{} {preposition}{end}?", subject_of(*subject))));
        }
    }
}

fn with_modifiers(phrase: &NounPhrase) -> String {
    let words: Vec<&str> = phrase.modifiers.iter().map(|m| m.text.as_str()).chain([phrase.name.as_str()]).collect();
    words.join(" ")
}

/// As the object of a verb or preposition: "the ball", but "checkers".
fn object_text(phrase: &NounPhrase) -> String {
    let bare =
        phrase.determiner.is_none() && phrase.quantity.is_none() && (phrase.plural || has(MASS_NOUNS, &phrase.head));
    if bare || phrase.determiner.as_deref() == Some("no") { phrase.name.clone() } else { phrase.mention() }
}

/// After "have": "a hat", "stripes", "lettuce".
fn possession(phrase: &NounPhrase) -> String {
    let bare =
        phrase.plural || (has(MASS_NOUNS, &phrase.head) && !matches!(phrase.determiner.as_deref(), Some("a" | "an")));
    if phrase.proper {
        phrase.mention()
    } else if bare {
        phrase.name.clone()
    } else {
        format!("{} {}", article(&phrase.name), phrase.name)
    }
}
