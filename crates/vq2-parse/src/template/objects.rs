//! Objects in questions: how they are named, and what is asked of each.

use tables::Bucket;

use super::Found;
use crate::inflect::article;
use crate::lexicon::*;
use crate::noun_phrase::NounPhrase;
use crate::read_scene::{ABSTRACT, CONTAINERS};
use crate::scene::{Fact, Object, Scene};

// "the man's dog's tail's …": nobody says more than that.
const LONGEST_CHAIN: usize = 2;

/// Asks whether each object is there, how many there are, and what its adjectives say.
pub fn ask(scene: &Scene, found: &mut Vec<Found>) {
    let asked_with_owner = asked_with_owner(scene);
    for (index, object) in scene.objects.iter().enumerate().filter(|(_, o)| o.visible) {
        let phrase = &object.phrase;
        let abstract_alone = has(ABSTRACT, &phrase.head) && !phrase.name.contains(' ');
        if !asked_with_owner[index] && !abstract_alone {
            found.push((Bucket::Noun, (phrase.name_start, phrase.end), existence(scene, object)));
        }
        ask_how_many(scene, index, found);
        for modifier in &phrase.modifiers {
            let last = modifier.text.rsplit(' ').next().unwrap_or_default();
            if has(NOT_PREDICATIVE, last) || has(NAME_PARTS, last) {
                continue;
            }
            let bucket = if modifier.is_action { Bucket::Verb } else { Bucket::Adjective };
            // With "a red cat and a black cat", "is the cat red?" would not tell which.
            let question = if object.has_namesake && object.owner.is_none() && !phrase.proper {
                let what = format!("{} {}", modifier.text, phrase.name);
                if phrase.plural {
                    format!("are there {what}?")
                } else {
                    format!("is there {} {what}?", article(&what))
                }
            } else {
                format!("{} {} {}?", phrase.be(), mention(scene, index), modifier.text)
            };
            found.push((bucket, (modifier.start, phrase.end), question));
        }
    }
}

/// Which objects "does the man have a hat?" or "is the man wearing a hat?" already asks for.
fn asked_with_owner(scene: &Scene) -> Vec<bool> {
    let mut asked = vec![false; scene.objects.len()];
    for fact in &scene.facts {
        let (subject, object) = match fact {
            Fact::Has { subject, object, .. } => (*subject, *object),
            Fact::Does { subject, verb, object: Some(object), .. } if verb == "wearing" => (*subject, *object),
            // "does the text say …" asks for the text.
            Fact::Text { bearer: Some(bearer), .. } if scene.objects[*bearer].phrase.head == "text" => {
                (*bearer, *bearer)
            }
            _ => continue,
        };
        asked[object] |= scene.objects[subject].visible;
    }
    asked
}

fn ask_how_many(scene: &Scene, index: usize, found: &mut Vec<Found>) {
    let object = &scene.objects[index];
    let phrase = &object.phrase;
    let Some(quantity) = phrase.quantity.as_deref().filter(|q| !matches!(*q, "one" | "1")) else { return };
    let owner = object.owner.filter(|&o| scene.objects[o].visible);
    let question = match owner {
        Some(owner) => {
            let does = if scene.objects[owner].phrase.plural { "do" } else { "does" };
            format!("{does} {} have {quantity} {}?", mention(scene, owner), phrase.name)
        }
        None if quantity == "both" => return,
        None => format!("{} there {quantity} {}?", if phrase.plural { "are" } else { "is" }, phrase.name),
    };
    found.push((Bucket::Adjective, (phrase.start, phrase.end), question));
}

/// "is there a dog?", "are there dogs?", "is there water?", "is there a glass of water?", "is Yoda in the image?"
fn existence(scene: &Scene, object: &Object) -> String {
    let phrase = &object.phrase;
    // Of "an open book and a closed book" the adjectives ask which.
    let name = if object.has_namesake { phrase.name.clone() } else { kind(phrase) };
    let name = with_contents(scene, object, &name);
    if phrase.proper && phrase.name != "someone" {
        format!("{} {} in the image?", phrase.be(), phrase.mention())
    } else if phrase.plural {
        format!("are there {name}?")
    } else if is_bare(phrase) {
        format!("is there {name}?")
    } else {
        format!("is there {} {name}?", article(&name))
    }
}

/// The name with the adjectives that say which kind: "electronic device", "steel pole", "fried egg".
fn kind(phrase: &NounPhrase) -> String {
    let kinds = phrase.modifiers.iter().filter(|m| !m.is_action && names_a_kind(&m.text)).map(|m| m.text.as_str());
    kinds.chain([phrase.name.as_str()]).collect::<Vec<_>>().join(" ")
}

/// Adjectives made from nouns or verbs sort things; they come in no degrees.
fn names_a_kind(adjective: &str) -> bool {
    let made = ["ic", "ical", "ial", "ed", "ese", "ian", "ish", "ary"]
        .iter()
        .any(|e| adjective.len() > e.len() + 2 && adjective.ends_with(e));
    has(MATERIALS, adjective) || (made && !has(COLOURS, adjective) && !adjective.contains(' '))
}

/// "is there water?": no article.
fn is_bare(phrase: &NounPhrase) -> bool {
    let mass = has(MASS_NOUNS, &phrase.head) || matches!(phrase.head.as_str(), "someone" | "somebody");
    let some = phrase.determiner.as_deref() == Some("some") && !phrase.plural;
    some || (mass && !matches!(phrase.determiner.as_deref(), Some("a" | "an")))
}

/// "glass of water", "skyline of New York"
fn with_contents(scene: &Scene, object: &Object, name: &str) -> String {
    match object.of.map(|of| &scene.objects[of].phrase) {
        Some(of) if of.determiner.as_deref() == Some("the") => format!("{name} of {}", of.mention()),
        Some(of) => {
            let bare = of.plural || of.proper || is_bare(of) || of.determiner.is_none();
            let article = if bare { String::new() } else { format!("{} ", article(&of.name)) };
            format!("{name} of {article}{}", of.name)
        }
        None => name.to_owned(),
    }
}

/// As the second and later mention: "the dog", "Yoda", "the man's hat", "the red cat" (where there is a black one).
pub fn mention(scene: &Scene, index: usize) -> String {
    mention_beside(scene, index, None)
}

/// The same, without the owner if that one stands in the question: "is the man wearing the hat?"
pub fn mention_beside(scene: &Scene, index: usize, beside: Option<usize>) -> String {
    owned_mention(scene, index, beside, LONGEST_CHAIN)
}

fn owned_mention(scene: &Scene, index: usize, beside: Option<usize>, chain: usize) -> String {
    let object = &scene.objects[index];
    let owner = object.owner.filter(|&o| chain > 0 && scene.objects[o].visible && Some(o) != beside && o != index);
    if let Some(owner) = owner.filter(|_| !object.phrase.proper) {
        return format!("{} {}", possessive(&owned_mention(scene, owner, None, chain - 1)), object.phrase.name);
    }
    if object.phrase.proper || object.phrase.name == "someone" {
        return object.phrase.mention();
    }
    let adjective =
        object.phrase.modifiers.iter().find(|m| !has(NOT_PREDICATIVE, &m.text)).filter(|_| object.has_namesake);
    let which = adjective.map_or_else(String::new, |m| format!("{} ", m.text));
    let other =
        if object.has_namesake && object.phrase.determiner.as_deref() == Some("another") { "other " } else { "" };
    let name = if has(CONTAINERS, &object.phrase.head) {
        with_contents(scene, object, &object.phrase.name)
    } else {
        object.phrase.name.clone()
    };
    format!("the {other}{which}{name}")
}

/// "the dog's", "the dogs'"
fn possessive(owner: &str) -> String {
    if owner.ends_with('s') { format!("{owner}'") } else { format!("{owner}'s") }
}

/// As the object of a verb or preposition: "the ball", but "checkers".
pub fn object_text(scene: &Scene, index: usize, subject: usize) -> String {
    let object = &scene.objects[index];
    let phrase = &object.phrase;
    let unmarked = phrase.determiner.is_none() && phrase.quantity.is_none();
    let bare = unmarked && (phrase.plural || has(MASS_NOUNS, &phrase.head)) && object.owner.is_none();
    if bare || phrase.determiner.as_deref() == Some("no") {
        phrase.name.clone()
    } else {
        mention_beside(scene, index, Some(subject))
    }
}

/// After "have": "a hat", "stripes", "lettuce".
pub fn possession(scene: &Scene, index: usize) -> String {
    let object = &scene.objects[index];
    let phrase = &object.phrase;
    let name = with_contents(scene, object, &phrase.name);
    if phrase.proper {
        phrase.mention()
    } else if phrase.plural || is_bare(phrase) {
        name
    } else {
        format!("{} {name}", article(&name))
    }
}

/// The name with all its adjectives: "cloudy winter day".
pub fn with_modifiers(phrase: &NounPhrase) -> String {
    let words: Vec<&str> = phrase.modifiers.iter().map(|m| m.text.as_str()).chain([phrase.name.as_str()]).collect();
    words.join(" ")
}
