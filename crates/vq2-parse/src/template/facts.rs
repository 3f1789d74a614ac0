//! Facts to questions.

use tables::Bucket;

use super::objects::{mention, object_text, possession, with_modifiers};
use super::{Found, is_seen};
use crate::inflect::article;
use crate::scene::{Fact, Scene};

/// What the prompt calls the picture: "the painting"; else "the image".
fn picture(scene: &Scene) -> String {
    let named = scene.facts.iter().take(PICTURE_IS_NAMED_EARLY).find_map(|fact| match fact {
        Fact::Picture { phrase } => Some(scene.objects[*phrase].phrase.name.as_str()),
        Fact::Style { text, .. } if text.starts_with("a ") || text.starts_with("an ") => text.rsplit(' ').next(),
        _ => None,
    });
    let named = named.filter(|name| !matches!(*name, "view" | "scene" | "shot" | "close-up" | "closeup" | "still"));
    format!("the {}", named.unwrap_or("image"))
}

// Looking no further keeps the time linear.
const PICTURE_IS_NAMED_EARLY: usize = 8;

/// Asks what a fact says; nothing if its subject is not to be seen.
pub fn ask(scene: &Scene, fact: &Fact, found: &mut Vec<Found>) {
    let be = |i: usize| format!("{} {}", scene.objects[i].phrase.be(), mention(scene, i));
    match fact {
        Fact::Time { phrase } => {
            let phrase = &scene.objects[*phrase].phrase;
            let what = with_modifiers(phrase);
            let question = if what == phrase.name {
                format!("is it {what}?")
            } else {
                format!("is it {} {what}?", article(&what))
            };
            found.push((Bucket::Adjective, (phrase.start, phrase.end), question));
        }
        Fact::Picture { phrase } => {
            let phrase = &scene.objects[*phrase].phrase;
            let what = with_modifiers(phrase);
            if !matches!(what.as_str(), "image" | "picture") {
                found.push((
                    Bucket::Adjective,
                    (phrase.start, phrase.end),
                    format!("is the image {} {what}?", article(&what)),
                ));
            }
        }
        Fact::Style { text, span } => {
            let does = if text.starts_with("have ") { "does" } else { "is" };
            let says_which = text.starts_with("a ") || text.starts_with("an ");
            let what = if says_which { "the image".to_owned() } else { picture(scene) };
            found.push((Bucket::Adjective, *span, format!("{does} {what} {text}?")));
        }
        Fact::Is { subject: None, predicate, span } => {
            found.push((Bucket::Adjective, *span, format!("is {} {predicate}?", picture(scene))));
        }
        Fact::Is { subject: Some(subject), predicate, span } if is_seen(scene, *subject) => {
            found.push((Bucket::Adjective, *span, format!("{} {predicate}?", be(*subject))));
        }
        Fact::Posture { subject, predicate, object, span } if is_seen(scene, *subject) => {
            let object = object.map_or_else(String::new, |o| format!(" {}", object_text(scene, o, *subject)));
            found.push((Bucket::Adjective, *span, format!("{} {predicate}{object}?", be(*subject))));
        }
        Fact::Does { subject, verb, object, span } if is_seen(scene, *subject) => {
            let wears = verb == "wearing" && object.is_some();
            let object = object.map_or_else(String::new, |o| {
                let text = if wears { possession(scene, o) } else { object_text(scene, o, *subject) };
                format!(" {text}")
            });
            let bucket = if wears { Bucket::Noun } else { Bucket::Verb };
            found.push((bucket, *span, format!("{} {verb}{object}?", be(*subject))));
        }
        Fact::Has { subject, object, span } if is_seen(scene, *subject) && is_seen(scene, *object) => {
            let does = if scene.objects[*subject].phrase.plural { "do" } else { "does" };
            let question = format!("{does} {} have {}?", mention(scene, *subject), possession(scene, *object));
            found.push((Bucket::Noun, *span, question));
        }
        Fact::Absent { object } => {
            let phrase = &scene.objects[*object].phrase;
            let question = format!("is the image without {}?", possession(scene, *object));
            found.push((Bucket::Relation, (phrase.start, phrase.end), question));
        }
        Fact::Relation { subject, preposition, object, and, reciprocal, span } if is_seen(scene, *subject) => {
            let text = |o: usize| {
                if preposition == "without" { possession(scene, o) } else { object_text(scene, o, *subject) }
            };
            let end = match (object, reciprocal) {
                (Some(object), _) => match and {
                    Some(and) => format!(" {} and {}", text(*object), text(*and)),
                    None => format!(" {}", text(*object)),
                },
                (None, Some(reciprocal)) => format!(" {reciprocal}"),
                (None, None) => String::new(),
            };
            found.push((Bucket::Relation, *span, format!("{} {preposition}{end}?", be(*subject))));
        }
        Fact::Text { bearer, text, span } => {
            let question = match bearer.filter(|&b| is_seen(scene, b)) {
                Some(bearer) => {
                    let does = if scene.objects[bearer].phrase.plural { "do" } else { "does" };
                    format!("{does} {} say \"{text}\"?", mention(scene, bearer))
                }
                None => format!("is there text that reads \"{text}\"?"),
            };
            found.push((Bucket::Noun, *span, question));
        }
        Fact::Is { .. } | Fact::Posture { .. } | Fact::Does { .. } | Fact::Has { .. } | Fact::Relation { .. } => {}
    }
}
