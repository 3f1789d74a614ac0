//! Why a prompt gets no question.

use crate::tokens::{TokenKind, tokenise};

/// Characters of the longest prompt that is read. No text encoder takes in more: T5 stops at 512 tokens, CLIP at 77, so
/// that a longer text was never the prompt of an image.
pub const LONGEST_PROMPT: usize = 8_000;

/// Why a prompt gets no question.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, strum::Display, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum NoQuestion {
    /// Nothing but white space and control characters.
    Empty,
    /// More than [`LONGEST_PROMPT`] characters.
    TooLong,
    /// Its words are in another script than the Latin one.
    OtherScript,
    /// No words at all: digits, punctuation, emoji.
    NoWords,
    /// No word that an image could show: "of the and".
    NoContentWord,
}

impl NoQuestion {
    /// The reasons that show before a prompt is read.
    pub(super) fn before_reading(prompt: &str) -> Option<Self> {
        if prompt.chars().all(|c| c.is_whitespace() || c.is_control()) {
            return Some(Self::Empty);
        }
        // A character has at most four bytes.
        let long = prompt.len() > LONGEST_PROMPT && prompt.chars().nth(LONGEST_PROMPT).is_some();
        long.then_some(Self::TooLong)
    }

    /// Why reading found nothing to ask.
    pub(super) fn after_reading(prompt: &str) -> Self {
        let tokens = tokenise(prompt);
        let has_letters = |text: &str| text.chars().any(char::is_alphabetic);
        if tokens.iter().any(|t| t.kind == TokenKind::Word) {
            Self::NoContentWord
        } else if tokens.iter().any(|t| t.kind == TokenKind::Other && has_letters(t.text)) {
            Self::OtherScript
        } else {
            Self::NoWords
        }
    }

    /// The name of its count in the run's record.
    pub fn counted_as(self) -> &'static str {
        match self {
            Self::Empty => "prompts_empty",
            Self::TooLong => "prompts_too_long",
            Self::OtherScript => "prompts_in_other_script",
            Self::NoWords => "prompts_without_words",
            Self::NoContentWord => "prompts_without_content_word",
        }
    }
}
