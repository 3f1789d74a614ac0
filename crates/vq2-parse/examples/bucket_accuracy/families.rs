//! Families of mistakes, each with a sentence of our own and the reason why the rules keep making it.

use tables::Bucket::{self, Adjective, Noun, Relation, Verb};
use vq2_parse::Rule;

/// Mistakes that share their gold bucket and the rule that fired.
pub struct Family {
    pub gold: Bucket,
    pub rule: Rule,
    /// A sentence of our own on which that rule fires.
    pub example: &'static str,
    pub why: &'static str,
}

const fn family(gold: Bucket, rule: Rule, example: &'static str, why: &'static str) -> Family {
    Family { gold, rule, example, why }
}

/// The families met so far.
#[rustfmt::skip]
pub const FAMILIES: &[Family] = &[
    family(Adjective, Rule::IsPlaced, "Is the skater's hand on her hip?",
        "A pose, or a place within the picture (\"in the background\"), is a state in some gold and a relation in the rest."),
    family(Relation, Rule::IsDoing, "Is the waiter holding a tray?",
        "Two things and a verb: gold says action or spatial relation, often both within one prompt."),
    family(Relation, Rule::IsDone, "Is the gymnast's knee bent toward the mat?",
        "A pose told by a participle; gold mostly says state."),
    family(Relation, Rule::Direction, "Is the gymnast's arm out to the side?",
        "A pose told by a direction; gold mostly says state."),
    family(Adjective, Rule::HasPart, "Does the kite have different colors?",
        "An attribute asked with \"have\"."),
    family(Adjective, Rule::BoundTo, "Is the meadow covered in frost?",
        "With a substance the gold says state or relation, with no pattern that we see."),
    family(Relation, Rule::IsAdjective, "Is the gymnast's leg forward?",
        "A pose; gold mostly says state."),
    family(Noun, Rule::IsDoing, "Are the guards looking through telescopes?",
        "Gold takes the object of the verb for the part that is asked for."),
    family(Adjective, Rule::IsThereA, "Is there a gap between the planks?",
        "A slip of the gold, or a state asked as existence."),
    family(Noun, Rule::CountOf, "Are there two spectacles?",
        "Things that come counted, with gold that asks for the things."),
    family(Noun, Rule::IsDone, "Is the cap tilted?",
        "A slip of the gold: the proposition names a part, the question its state."),
    family(Noun, Rule::IsPlaced, "Is the coin in a pouch?",
        "The proposition names a part, the question its place."),
    family(Verb, Rule::RestsAt, "Is the swimmer standing on the pier?",
        "Rest at a place: gold says relation more often than action."),
    family(Adjective, Rule::IsDoing, "Is the cover flowing script?",
        "A word in -ing that describes without an article."),
    family(Relation, Rule::IsLike, "Is the cart for apples?",
        "A purpose without an article, which gold splits between attribute and relation."),
    family(Verb, Rule::MadeBy, "Is the castle drawn by Piranesi?",
        "Gold calls the drawing an action here, and an attribute (artist) where it says \"painted by\"."),
    family(Relation, Rule::InState, "Are the recruits in a line?",
        "An arrangement, which gold mostly calls a state or a shape."),
    family(Noun, Rule::MadeOf, "Is the gate made of iron?",
        "A slip of the gold: the proposition names the thing, the question its material."),
];

/// The family of a mistake, if it is one that we know.
pub fn family_of(gold: Bucket, rule: Rule) -> Option<&'static Family> {
    FAMILIES.iter().find(|f| f.gold == gold && f.rule == rule)
}
