//! T5's texts as tokens: the input that asks for a question, and the question that comes out.

use std::path::Path;

use rust_tokenizers::tokenizer::{T5Tokenizer, Tokenizer};
use rust_tokenizers::vocab::{SentencePieceModel, T5Vocab, Vocab};

use super::error::T5Error;

// A piece is a trie of its characters, one inside the other: absurd lengths would end the program.
const LONGEST_PIECE_BYTES: usize = 4096;

/// The tokenizer of `spiece.model`.
pub struct T5Text {
    tokenizer: T5Tokenizer,
    end: i64,
    n_pieces: i64,
}

impl T5Text {
    /// Reads `spiece.model`.
    ///
    /// The hundred `<extra_id_…>` tokens after its pieces are left out: no question has them.
    ///
    /// # Errors
    /// [`T5Error::Unfit`] if it is no sentencepiece model of T5's form.
    pub fn open(file: &Path) -> Result<Self, T5Error> {
        let unfit = |source: super::error::AnyError| T5Error::Unfit { file: file.to_owned(), source };
        let vocabulary = T5Vocab::from_file(file).map_err(|error| unfit(error.into()))?;
        let longest = vocabulary.values().keys().map(String::len).max().unwrap_or(0);
        if longest > LONGEST_PIECE_BYTES {
            return Err(unfit(format!("has a piece of {longest} bytes").into()));
        }
        let model = SentencePieceModel::from_file(file).map_err(|error| unfit(error.into()))?;
        let end = vocabulary.token_to_id(vocabulary.get_eos_value());
        let n_pieces = vocabulary.values().values().max().map_or(0, |last| last + 1);
        let tokenizer = T5Tokenizer::from_existing_vocab_and_model(vocabulary, model, false);
        Ok(Self { tokenizer, end, n_pieces })
    }

    /// The token that ends a text.
    pub fn end(&self) -> i64 {
        self.end
    }

    /// One more than the greatest token of a piece.
    pub fn n_pieces(&self) -> i64 {
        self.n_pieces
    }

    /// A text's tokens, without an end.
    ///
    /// White space is collapsed first, as sentencepiece does and rust_tokenizers does not.
    pub fn tokens(&self, text: &str) -> Vec<i64> {
        let collapsed = text.split_whitespace().collect::<Vec<_>>().join(" ");
        let pieces = self.tokenizer.tokenize(&collapsed);
        self.tokenizer.convert_tokens_to_ids(&pieces)
    }

    /// The input that asks for a question with this answer, `answer: {a}  context: {c} </s>`.
    ///
    /// VQ²'s code writes `</s>` itself and the tokenizer of `transformers` adds its own, so that the model sees two.
    ///
    /// An input of more than `max_tokens` loses the end of its context; the second value says so.
    pub fn input(&self, answer: &str, context: &str, max_tokens: usize) -> (Vec<i64>, bool) {
        let mut tokens = self.tokens(&format!("answer: {answer}  context: {context}"));
        let room = max_tokens.saturating_sub(2);
        let is_cut = tokens.len() > room;
        tokens.truncate(room);
        tokens.extend([self.end, self.end]);
        (tokens, is_cut)
    }

    /// The text of generated tokens, special ones left out, blanks before marks taken out.
    pub fn text(&self, tokens: &[i64]) -> String {
        let pieces: Vec<i64> = tokens.iter().copied().filter(|token| (0..self.n_pieces).contains(token)).collect();
        tidy(self.tokenizer.decode(&pieces, true, false).trim_start())
    }

    /// The question in generated tokens: their text without the prefix `question: `.
    pub fn question(&self, tokens: &[i64]) -> String {
        self.text(tokens).replacen("question: ", "", 1).trim().to_owned()
    }
}

/// `clean_up_tokenization` of `transformers`.
fn tidy(text: &str) -> String {
    let pairs = [
        (" .", "."),
        (" ?", "?"),
        (" !", "!"),
        (" ,", ","),
        (" ' ", "'"),
        (" n't", "n't"),
        (" 'm", "'m"),
        (" 's", "'s"),
        (" 've", "'ve"),
        (" 're", "'re"),
    ];
    pairs.iter().fold(text.to_owned(), |text, (from, to)| text.replace(from, to))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::t5::testing::{expected, fixture};

    fn tokenizer() -> T5Text {
        T5Text::open(&fixture("t5-relu/spiece.model")).unwrap()
    }

    #[test]
    fn tokens_are_those_of_transformers() {
        let t5 = tokenizer();
        for case in expected()["texts"].as_array().unwrap() {
            let (text, ids) = (case["text"].as_str().unwrap(), &case["ids"]);
            let mut tokens = t5.tokens(text);
            tokens.push(t5.end());
            assert_eq!(serde_json::json!(tokens), *ids, "{text}");
        }
    }

    #[test]
    fn inputs_and_questions_are_those_of_transformers() {
        let t5 = tokenizer();
        for case in expected()["t5"]["t5-relu"].as_array().unwrap() {
            let string = |key: &str| case[key].as_str().unwrap();
            let (tokens, is_cut) = t5.input(string("answer"), string("context"), 512);
            assert!(!is_cut);
            assert_eq!(serde_json::json!(tokens), case["input_ids"], "{}", string("context"));
            let greedy: Vec<i64> = serde_json::from_value(case["greedy"].clone()).unwrap();
            // Python does not strip the end; blanks there are no part of a question.
            assert_eq!(t5.text(&greedy).trim_end(), string("greedy_text").trim_end());
            assert_eq!(format!("question: {}", t5.question(&greedy)), string("greedy_text").trim_end());
        }
    }

    #[test]
    fn a_long_input_is_cut_and_keeps_its_two_ends() {
        let t5 = tokenizer();
        let (tokens, is_cut) = t5.input("a dog", &"a red kite ".repeat(1000), 64);
        assert_eq!((tokens.len(), is_cut), (64, true));
        assert_eq!(tokens[62..], [t5.end(), t5.end()]);
    }

    #[test]
    fn blanks_before_marks_are_taken_out() {
        assert_eq!(tidy("Who is it ? It 's me , is n't it ."), "Who is it? It's me, isn't it.");
    }

    #[test]
    fn a_file_of_another_kind_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("spiece.model");
        for bytes in [&b""[..], b"garbage", &[0xff; 500]] {
            std::fs::write(&file, bytes).unwrap();
            assert!(matches!(T5Text::open(&file), Err(T5Error::Unfit { .. })));
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(500))]

        #[test]
        fn any_text_has_tokens_and_any_tokens_have_a_text(
            text in "\\PC{0,40}", any in any::<String>(), tokens in prop::collection::vec(-5_i64..400, 0..30),
        ) {
            thread_local!(static T5: T5Text = tokenizer());
            T5.with(|t5| {
                for text in [&text, &any] {
                    assert!(t5.tokens(text).iter().all(|token| (0..t5.n_pieces()).contains(token)), "{text:?}");
                }
                t5.question(&tokens);
            });
        }
    }
}
