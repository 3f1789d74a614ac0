//! The state of the reader within a clause.

/// What the words since the last full stop have set up.
#[derive(Debug, Default)]
pub(super) struct Clause {
    /// What a finite verb speaks of: the subject, whatever "with" has added since.
    pub(super) main: Vec<usize>,
    /// What participles and prepositions attach to.
    pub(super) subjects: Vec<usize>,
    /// The latest noun phrase, or the latest ones joined by "and".
    pub(super) latest: Vec<usize>,
    /// What binds the next noun phrase.
    pub(super) pending: Pending,
    /// What bound the latest noun phrase, for the one after "and".
    pub(super) bound_by: Pending,
    /// "In the background,": binds every object that is named after it.
    pub(super) fronted: Vec<(String, Option<usize>)>,
    /// After "there is", "we can see": what follows is a list of what is there.
    pub(super) existential: bool,
    /// A conjunction or comma stands between the latest noun phrase and here.
    pub(super) joining: bool,
    /// Inside "that is …": the subject is the latest noun phrase.
    pub(super) relative: bool,
    /// The latest word was a form of "be".
    pub(super) after_be: bool,
    /// "not": what follows is not to be seen.
    pub(super) negated: bool,
    /// "to" before a bare verb: an intention, which no image shows.
    pub(super) intention: bool,
}

/// What the words before a noun phrase do with it.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) enum Pending {
    #[default]
    Nothing,
    /// It is the object of these facts' verbs.
    Object {
        facts: Vec<usize>,
    },
    /// It is the other end of a relation.
    Preposition {
        subjects: Vec<usize>,
        text: String,
    },
    /// It completes a verb with its preposition.
    VerbPreposition {
        facts: Vec<usize>,
        text: String,
    },
    /// It goes on with a verb that has its object: "riding a horse through".
    Onward {
        facts: Vec<usize>,
        text: String,
    },
    /// "In the background": a relation of what is named next.
    Fronted {
        text: String,
    },
    /// What a fronted place binds.
    Placed,
    /// "with".
    With {
        subjects: Vec<usize>,
    },
    /// "has": always said of the subject.
    Has {
        subjects: Vec<usize>,
    },
    Of,
    /// It ends a predicate: "made of".
    Description {
        subjects: Vec<usize>,
        text: String,
        start: usize,
    },
    /// It ends what a part of a body does: "raised above the head".
    Posture {
        subjects: Vec<usize>,
        text: String,
        start: usize,
    },
    /// Nothing can be seen of it.
    Unseen,
    /// "without".
    Absent {
        subjects: Vec<usize>,
        text: String,
    },
    /// "is a".
    IsA {
        subjects: Vec<usize>,
    },
}
