//! CLIP's tokenizer: a text to the numbers of its tokens.
//!
//! As `CLIPTokenizerFast` of `transformers`: composed (NFC), white space is one space, lower case letter by letter, split
//! into words, each word by byte pairs. The crate instant-clip-tokenizer has OpenAI's vocabulary and the byte pairs; the
//! splitting is ours, because it takes `<start_of_text>` in a prompt for a marker, where CLIP's are `<|startoftext|>`
//! and `<|endoftext|>`. OpenAI's own tokenizer also mends encodings (ftfy) and HTML entities before; neither this
//! nor `transformers` without ftfy does.

use instant_clip_tokenizer::{Token, Tokenizer};
use regex::Regex;
use unicode_normalization::UnicodeNormalization;

/// A text as CLIP reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tokens {
    /// The tokens, start and end of text included.
    pub ids: Vec<i64>,
    /// Whether the text was longer.
    pub is_cut: bool,
}

/// CLIP's tokenizer with OpenAI's vocabulary.
pub struct ClipTokenizer {
    pairs: Tokenizer,
    markers: Regex,
    words: Regex,
}

/// No token is longer than a few dozen bytes, so what follows in a word of this length is cut anyway.
const LONGEST_WORD: usize = 16_384;

const START_OF_TEXT: &str = "<|startoftext|>";

impl ClipTokenizer {
    /// The tokenizer; building it costs some tens of milliseconds.
    pub fn new() -> Self {
        let regex = |text| Regex::new(text).unwrap_or_else(|error| unreachable!("a constant: {error}"));
        Self {
            pairs: Tokenizer::new(),
            markers: regex(r"<\|startoftext\|>|<\|endoftext\|>"),
            words: regex(r"'s|'t|'re|'ve|'m|'ll|'d|\p{L}+|\p{N}|[^\s\p{L}\p{N}]+"),
        }
    }

    /// Number of different tokens.
    pub fn n_tokens(&self) -> i64 {
        i64::from(self.pairs.end_of_text().to_u16()) + 1
    }

    /// The tokens of a text, at most `max_tokens` (at least 2) with its start and end.
    pub fn tokens(&self, text: &str, max_tokens: usize) -> Tokens {
        let text: String = text.nfc().flat_map(char::to_lowercase).collect();
        let mut tokens = vec![self.pairs.start_of_text()];
        let mut rest = text.as_str();
        while tokens.len() < max_tokens && !rest.is_empty() {
            let marker = self.markers.find(rest);
            let before = marker.map_or(rest.len(), |marker| marker.start());
            self.encode(&rest[..before], max_tokens, &mut tokens);
            rest = &rest[marker.map_or(rest.len(), |marker| marker.end())..];
            tokens.extend(marker.map(|marker| match marker.as_str() {
                START_OF_TEXT => self.pairs.start_of_text(),
                _ => self.pairs.end_of_text(),
            }));
        }
        let is_cut = tokens.len() > max_tokens - 1;
        tokens.truncate(max_tokens - 1);
        tokens.push(self.pairs.end_of_text());
        Tokens { ids: tokens.into_iter().map(|token| i64::from(token.to_u16())).collect(), is_cut }
    }

    /// The tokens of a text without markers, until there are `enough`.
    fn encode(&self, text: &str, enough: usize, tokens: &mut Vec<Token>) {
        for word in self.words.find_iter(text).map(|word| word.as_str()) {
            if tokens.len() >= enough {
                break;
            }
            self.pairs.encode(&word[..word.floor_char_boundary(LONGEST_WORD)], tokens);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_those_of_transformers_on_two_hundred_odd_texts() {
        // scripts/clip_fixtures.py tokens: transformers 4.46.3, tokenizers 0.20.3.
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/clip/tokens.json");
        let cases: Vec<(String, Vec<i64>)> = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
        assert_eq!(cases.len(), 200);
        let tokenizer = ClipTokenizer::new();
        let wrong: Vec<_> = cases.iter().filter(|(text, ids)| tokenizer.tokens(text, 77).ids != *ids).collect();
        for (text, ids) in &wrong {
            eprintln!("{text:?}\n  expected {ids:?}\n  is       {:?}", tokenizer.tokens(text, 77).ids);
        }
        assert!(wrong.is_empty(), "{} texts differ", wrong.len());
    }

    #[test]
    fn a_text_of_75_tokens_fits_and_one_more_is_cut_and_said() {
        let tokenizer = ClipTokenizer::new();
        let of = |n: usize| tokenizer.tokens(&"dog ".repeat(n), 77);
        assert!(of(75).ids.len() == 77 && !of(75).is_cut);
        assert!(of(76).ids == of(75).ids && of(76).is_cut);
        assert_eq!(tokenizer.tokens("", 77), Tokens { ids: vec![49406, 49407], is_cut: false });
        assert_eq!(tokenizer.n_tokens(), 49408);
    }

    #[test]
    fn a_word_of_a_million_letters_does_not_take_forever() {
        let tokens = ClipTokenizer::new().tokens(&"aé狐".repeat(300_000), 77);
        assert!(tokens.is_cut && tokens.ids.len() == 77);
    }
}
