//! What a prompt says: its objects, and the facts that bind them.

use crate::noun_phrase::NounPhrase;

/// Bytes of the prompt.
pub type Span = (usize, usize);

/// A thing that the prompt names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Object {
    /// Its noun phrase at the first mention.
    pub phrase: NounPhrase,
    /// Whether it is to be seen (not "style", not what is said to be absent).
    pub visible: bool,
    /// Index of the object that it belongs to: "the man's hat", "a man with green eyes".
    pub owner: Option<usize>,
    /// Index of what it holds or consists of: "a bag of apples".
    pub of: Option<usize>,
    /// Whether another object has the same name, so that "the cat" would not tell which.
    pub has_namesake: bool,
}

/// One thing that the prompt says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fact {
    /// The prompt calls the picture something: "an oil painting of".
    Picture {
        /// Index of the object that stands for the picture.
        phrase: usize,
    },
    /// "the dog is green": also what a thing is made of, its shape, its arrangement.
    Is {
        /// Index of the object; `None` for the picture itself.
        subject: Option<usize>,
        /// "green", "made of wood", "in a row".
        predicate: String,
        /// Where it stands.
        span: Span,
    },
    /// "the right arm is raised above the head": a state that needs another object to be said.
    Posture {
        /// Index of the object.
        subject: usize,
        /// "raised above".
        predicate: String,
        /// Index of the other object.
        object: Option<usize>,
        /// Where it stands.
        span: Span,
    },
    /// "no people": the image is to be without them.
    Absent {
        /// Index of the object that is not there.
        object: usize,
    },
    /// "does the image have volumetric lighting?": what a style note says of the picture.
    Style {
        /// The question's end: "have volumetric lighting".
        text: String,
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
    /// "the dog has a tail", "the man has a hat".
    Has {
        /// Index of the owner.
        subject: usize,
        /// Index of what it has.
        object: usize,
        /// Where it stands.
        span: Span,
    },
    /// "the dog is to the left of the river", "the tower is taller than the tree".
    Relation {
        /// Index of one end.
        subject: usize,
        /// "to the left of".
        preposition: String,
        /// Index of the other end; `None` if it is named by `reciprocal` or stands in the preposition itself.
        object: Option<usize>,
        /// Index of the second object of "between".
        and: Option<usize>,
        /// "each other", instead of an object.
        reciprocal: Option<String>,
        /// Where it stands.
        span: Span,
    },
    /// A passage in quotation marks: text that should be in the image.
    Text {
        /// Index of what bears it, if the prompt names that: a sign, a word.
        bearer: Option<usize>,
        /// Without the quotation marks.
        text: String,
        /// Where it stands, quotation marks included.
        span: Span,
    },
}

/// All that a prompt says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Scene {
    /// Its objects, in the order of their first mention.
    pub objects: Vec<Object>,
    /// What is said of them, in order.
    pub facts: Vec<Fact>,
}
