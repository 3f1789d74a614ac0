//! Prompt to questions: one noun question an object, and one question for each fact, grammatical and deduplicated.

mod facts;
mod objects;
mod reason;

use std::collections::HashSet;

use tables::Bucket;

use crate::noun_phrase::spelled;
use crate::read_scene::read_scene;
use crate::scene::{Scene, Span};
use crate::tag::{Pos, tag};
pub(crate) use objects::with_modifiers;
pub use reason::{LONGEST_PROMPT, NoQuestion};

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

/// A question without its number.
type Found = (Bucket, Span, String);

/// The questions of a prompt, by bucket and then in the order of the prompt (App. B.5.2). There is at least one.
///
/// # Errors
/// [`NoQuestion`] says why a prompt has none: it is empty, too long, in another script, or has no word that can be
/// asked about.
pub fn template_questions(prompt: &str) -> Result<Vec<TemplateQuestion>, NoQuestion> {
    if let Some(reason) = NoQuestion::before_reading(prompt) {
        return Err(reason);
    }
    let questions = questions_of_any_length(prompt);
    if questions.is_empty() { Err(NoQuestion::after_reading(prompt)) } else { Ok(questions) }
}

fn questions_of_any_length(prompt: &str) -> Vec<TemplateQuestion> {
    let scene = read_scene(prompt);
    let mut found: Vec<Found> = Vec::new();
    objects::ask(&scene, &mut found);
    for fact in &scene.facts {
        facts::ask(&scene, fact, &mut found);
    }
    if found.is_empty() {
        found.extend(last_resort(prompt));
    }
    numbered(found)
}

/// For a text of verbs or adjectives alone ("hate", "glowing"): its first word that means something.
fn last_resort(prompt: &str) -> Option<Found> {
    let content = [Pos::Noun, Pos::ProperNoun, Pos::Verb, Pos::Gerund, Pos::Adjective, Pos::Participle];
    let words = tag(prompt);
    let word = words.iter().find(|w| content.contains(&w.pos) && w.text.chars().count() > 1)?;
    Some((
        Bucket::Noun,
        (word.start, word.end),
        format!("does the image show {}?", spelled(std::slice::from_ref(word))),
    ))
}

fn numbered(mut found: Vec<Found>) -> Vec<TemplateQuestion> {
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

/// Whether something that a fact says is to be seen: it is, or stands for, an object of the image.
fn is_seen(scene: &Scene, object: usize) -> bool {
    scene.objects[object].visible
}
