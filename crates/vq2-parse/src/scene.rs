//! What a prompt says: its objects, and the facts that bind them.
//!
//! One pass from left to right. Each noun phrase becomes an object; a verb, a preposition or a participle binds the
//! objects around it. Attachment is by simple rules (named where they act), not by a parser.

use crate::noun_phrase::NounPhrase;

/// Bytes of the prompt.
pub type Span = (usize, usize);

/// One thing that the prompt says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fact {
    /// The prompt calls the picture something: "an oil painting of".
    Picture {
        /// Index of the noun phrase.
        phrase: usize,
    },
    /// "the dog is green": also what a thing is made of, its shape, its style.
    Is {
        /// Index of the object; `None` for the picture itself.
        subject: Option<usize>,
        /// "green", "made of wood".
        predicate: String,
        /// Where it stands.
        span: Span,
    },
    /// "at night", "on a cloudy day".
    Time {
        /// Index of the noun phrase.
        phrase: usize,
    },
    /// "the dog is chasing the bird".
    Does {
        /// Index of the object that acts.
        subject: usize,
        /// "chasing", "looking at".
        verb: String,
        /// Index of the object that it acts on.
        object: Option<usize>,
        /// Where it stands, objects included.
        span: Span,
    },
    /// "the dog has a hat".
    Has {
        /// Index of the owner.
        subject: usize,
        /// Index of what it has.
        object: usize,
        /// Where it stands.
        span: Span,
    },
    /// "the dog is to the left of the river".
    Relation {
        /// Index of one end.
        subject: usize,
        /// "to the left of".
        preposition: String,
        /// Index of the other end; `None` if it is named by `reciprocal` or stands in the preposition itself.
        object: Option<usize>,
        /// "each other", instead of an object.
        reciprocal: Option<String>,
        /// Where it stands.
        span: Span,
    },
}

/// All that a prompt says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Scene {
    /// Its noun phrases, in order.
    pub objects: Vec<NounPhrase>,
    /// Whether the object at the same index is a thing to be seen (not "style", not what is said to be absent).
    pub visible: Vec<bool>,
    /// What is said of them, in order.
    pub facts: Vec<Fact>,
    /// Passages in quotation marks: text that should be in the image.
    pub quotes: Vec<(String, Span)>,
}
