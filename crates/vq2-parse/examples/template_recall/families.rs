//! Why a gold proposition is missed: the first of these that holds.

use std::collections::BTreeSet;

use tables::Bucket;

use crate::gold::{GoldPrompt, Proposition, words};
use crate::measure::AskedWords;

/// A family of misses, in the order in which they are tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Family {
    /// The annotators inferred it, or used a word of their own.
    NotInPrompt,
    /// One question has its words, but asks them as another part of speech.
    OtherBucket,
    /// No sentence of the prompt has all its words.
    OtherSentences,
    /// No noun question has the words of its first argument.
    SubjectNotRead,
    /// A relation or action whose second argument no noun question has.
    ObjectNotRead,
    /// The objects are asked about, but nothing binds them in this way.
    NotBound,
}

impl Family {
    /// Every family, in the order in which they are tried.
    pub const ALL: &'static [Self] = &[
        Self::NotInPrompt,
        Self::OtherBucket,
        Self::OtherSentences,
        Self::SubjectNotRead,
        Self::ObjectNotRead,
        Self::NotBound,
    ];

    /// As the report names it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotInPrompt => "a word that is not in the prompt",
            Self::OtherBucket => "asked, in another bucket",
            Self::OtherSentences => "its words stand in different sentences",
            Self::SubjectNotRead => "its object is not asked for, or under a shorter name",
            Self::ObjectNotRead => "its second object is not asked for",
            Self::NotBound => "its objects are asked for, but not bound like this",
        }
    }
}

/// The family of a missed proposition.
pub fn family(prompt: &GoldPrompt, missed: &Proposition, asked: &[AskedWords], reachable: bool) -> Family {
    let named =
        |argument: &BTreeSet<String>| asked.iter().any(|a| a.bucket == Bucket::Noun && argument.is_subset(&a.words));
    let in_one_sentence = || prompt.text.split(['.', '!', '?', ';']).any(|s| missed.content.is_subset(&words(s)));
    if !reachable {
        Family::NotInPrompt
    } else if asked.iter().any(|a| missed.content.is_subset(&a.words)) {
        Family::OtherBucket
    } else if !in_one_sentence() {
        Family::OtherSentences
    } else if missed.arguments.first().is_some_and(|a| !named(a)) {
        Family::SubjectNotRead
    } else if missed.bucket == Some(Bucket::Relation) && missed.arguments.get(1).is_some_and(|a| !named(a)) {
        Family::ObjectNotRead
    } else {
        Family::NotBound
    }
}
