//! The first token of an answer: how the probabilities of yes, no and all else spread over the tokens of a vocabulary.
//!
//! Each dialect's model has a vocabulary of its own, for servers spell tokens differently: OpenAI shows what a token says;
//! llama-server too, and most of its words start with a space; vLLM decodes each token by itself, and SentencePiece drops
//! the space at the start, so that two tokens look the same.

/// Probability that the first token is a yes or a no at all.
pub const LABEL_MASS: f64 = 0.97;

/// One token of a vocabulary.
#[derive(Debug, PartialEq)]
pub struct Token {
    /// Its number.
    pub id: u32,
    /// The piece of text as the tokenizer has it, `▁` for a space.
    pub piece: &'static str,
    /// What a server shows of it.
    pub shown: &'static str,
    /// Its share of the probability of yes, of no, or of all else.
    share: f64,
}

/// The tokens that an answer may start with.
#[derive(Debug)]
pub struct Vocabulary {
    yes: [Token; 5],
    no: [Token; 5],
    others: [Token; 10],
}

const fn token(id: u32, piece: &'static str, shown: &'static str, share: f64) -> Token {
    Token { id, piece, shown, share }
}

const OTHERS: [Token; 10] = [
    token(601, "The", "The", 0.35),
    token(602, "It", "It", 0.2),
    token(603, "There", "There", 0.15),
    token(604, "I", "I", 0.1),
    token(605, "This", "This", 0.07),
    token(606, "A", "A", 0.05),
    token(607, "In", "In", 0.03),
    token(608, "Not", "Not", 0.02),
    token(609, "Maybe", "Maybe", 0.02),
    token(610, "**", "**", 0.01),
];

/// What a token says is what is shown.
pub static PLAIN: Vocabulary = Vocabulary {
    yes: [
        token(501, "Yes", "Yes", 0.62),
        token(502, "yes", "yes", 0.2),
        token(503, "▁Yes", " Yes", 0.1),
        token(504, "▁yes", " yes", 0.06),
        token(505, "YES", "YES", 0.02),
    ],
    no: [
        token(511, "No", "No", 0.62),
        token(512, "no", "no", 0.2),
        token(513, "▁No", " No", 0.1),
        token(514, "▁no", " no", 0.06),
        token(515, "NO", "NO", 0.02),
    ],
    others: OTHERS,
};

/// Most words start with a space, and yes and no differ in how they are spelled.
pub static SPACED: Vocabulary = Vocabulary {
    yes: [
        token(501, "▁Yes", " Yes", 0.55),
        token(502, "▁yes", " yes", 0.25),
        token(503, "Yes", "Yes", 0.1),
        token(504, "▁YES", " YES", 0.07),
        token(505, "yes", "yes", 0.03),
    ],
    no: [
        token(511, "▁No", " No", 0.7),
        token(512, "No", "No", 0.15),
        token(513, "▁no", " no", 0.1),
        token(514, "▁NO", " NO", 0.04),
        token(515, "no", "no", 0.01),
    ],
    others: OTHERS,
};

/// Pieces of SentencePiece, each decoded by itself.
pub static DECODED: Vocabulary = Vocabulary {
    yes: [
        token(501, "▁Yes", "Yes", 0.5),
        token(502, "▁yes", "yes", 0.2),
        token(503, "▁YES", "YES", 0.15),
        token(504, "Yes", "Yes", 0.1),
        token(505, "yes", "yes", 0.05),
    ],
    no: [
        token(511, "▁No", "No", 0.62),
        token(512, "No", "No", 0.2),
        token(513, "▁no", "no", 0.1),
        token(514, "▁NO", "NO", 0.06),
        token(515, "no", "no", 0.02),
    ],
    others: OTHERS,
};

/// Ids of single bytes, for what no token covers.
const FIRST_BYTE: u32 = 10;
/// A space by itself.
const SPACE: (u32, &str) = (300, "▁");

impl Vocabulary {
    fn tokens(&self) -> impl Iterator<Item = &Token> {
        self.yes.iter().chain(&self.no).chain(&self.others)
    }

    /// The tokens of a text, as SentencePiece reads it: a space at its start, the longest piece at every step. Returns ids
    /// and pieces.
    pub fn tokenize(&self, text: &str) -> Vec<(u32, String)> {
        let spaced = format!("▁{}", text.replace(' ', "▁"));
        let (mut rest, mut tokens) = (spaced.as_str(), Vec::new());
        while let Some(first) = rest.chars().next() {
            let longest =
                self.tokens().filter(|token| rest.starts_with(token.piece)).max_by_key(|token| token.piece.len());
            let length = match longest {
                Some(token) => {
                    tokens.push((token.id, token.piece.to_owned()));
                    token.piece.len()
                }
                None if rest.starts_with(SPACE.1) => {
                    tokens.push((SPACE.0, SPACE.1.to_owned()));
                    SPACE.1.len()
                }
                None => {
                    let bytes = rest[..first.len_utf8()].bytes();
                    tokens.extend(bytes.map(|byte| (FIRST_BYTE + u32::from(byte), format!("<0x{byte:02X}>"))));
                    first.len_utf8()
                }
            };
            rest = &rest[length..];
        }
        tokens
    }
}

/// A token and its natural log-probability.
pub type TokenLogprob = (&'static Token, f64);

/// Which answers appear among the tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sides {
    /// Yes and no.
    Both,
    /// Only the more probable of the two.
    One,
    /// Neither.
    None,
}

/// The first tokens that have a probability, the most probable first.
pub fn tokens(vocabulary: &'static Vocabulary, p_yes: f64, sides: Sides) -> Vec<TokenLogprob> {
    let mut tokens: Vec<TokenLogprob> = Vec::with_capacity(20);
    let mut spread = |words: &'static [Token], p: f64| {
        tokens.extend(words.iter().map(|word| (word, (p * word.share).ln())));
    };
    if sides == Sides::Both || (sides == Sides::One && p_yes >= 0.5) {
        spread(&vocabulary.yes, LABEL_MASS * p_yes);
    }
    if sides == Sides::Both || (sides == Sides::One && p_yes < 0.5) {
        spread(&vocabulary.no, LABEL_MASS * (1.0 - p_yes));
    }
    spread(&vocabulary.others, if sides == Sides::None { 1.0 } else { 1.0 - LABEL_MASS });
    tokens.sort_by(|a, b| b.1.total_cmp(&a.1).then_with(|| a.0.id.cmp(&b.0.id)));
    tokens
}

/// The token that is drawn at a temperature, for a number that is uniform in [0, 1); at 0 the most probable one.
pub fn sampled(tokens: &[TokenLogprob], temperature: f64, uniform: f64) -> Option<TokenLogprob> {
    if temperature <= 0.0 {
        return tokens.first().copied();
    }
    let most = tokens.first()?.1;
    let weight = |logprob: f64| ((logprob - most) / temperature).exp();
    let mut left = uniform * tokens.iter().map(|(_, logprob)| weight(*logprob)).sum::<f64>();
    let drawn = tokens.iter().find(|(_, logprob)| {
        left -= weight(*logprob);
        left < 0.0
    });
    drawn.or(tokens.last()).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tokens_of_every_vocabulary_give_p_yes_back_and_are_sorted() {
        for vocabulary in [&PLAIN, &SPACED, &DECODED] {
            for p_yes in [1e-5, 0.03, 0.5, 0.77, 1.0 - 1e-5] {
                let tokens = tokens(vocabulary, p_yes, Sides::Both);
                assert_eq!(tokens.len(), 20);
                assert!(tokens.windows(2).all(|pair| pair[0].1 >= pair[1].1));
                let sum = |words: &[Token]| -> f64 {
                    tokens.iter().filter(|(word, _)| words.contains(word)).map(|(_, logprob)| logprob.exp()).sum()
                };
                let (yes, no) = (sum(&vocabulary.yes), sum(&vocabulary.no));
                assert!((yes / (yes + no) - p_yes).abs() < 1e-12);
                assert!((yes + no - LABEL_MASS).abs() < 1e-12);
                assert!((sum(&vocabulary.others) + yes + no - 1.0).abs() < 1e-9);
            }
        }
    }

    #[test]
    fn one_sided_answers_list_the_more_probable_side_and_no_token_lists_neither() {
        let has = |tokens: &[TokenLogprob], words: &[Token]| tokens.iter().any(|(word, _)| words.contains(word));
        let of = |p_yes, sides| tokens(&PLAIN, p_yes, sides);
        let (yes, no, none) = (of(0.9, Sides::One), of(0.1, Sides::One), of(0.9, Sides::None));
        assert!(has(&yes, &PLAIN.yes) && !has(&yes, &PLAIN.no) && has(&no, &PLAIN.no) && !has(&no, &PLAIN.yes));
        assert!(!has(&none, &PLAIN.yes) && !has(&none, &PLAIN.no));
    }

    #[test]
    fn a_text_is_read_with_a_space_at_its_start_and_bytes_where_no_token_fits() {
        let pieces =
            |text: &str| -> Vec<String> { DECODED.tokenize(text).into_iter().map(|(_, piece)| piece).collect() };
        assert_eq!(pieces("Yes"), ["▁Yes"]);
        assert_eq!(pieces(" Yes"), ["▁", "▁Yes"]);
        assert_eq!(pieces("\nYes"), ["▁", "<0x0A>", "Yes"]);
        assert_eq!(pieces("\nYES").last().unwrap(), "<0x53>", "there is no such token");
        assert_eq!(pieces("é"), ["▁", "<0xC3>", "<0xA9>"]);
        assert_eq!(pieces(""), ["▁"]);
        assert_eq!(DECODED.tokenize("no").last().unwrap().0, 513);
        assert_eq!(DECODED.tokenize("\nno").last().unwrap().0, 515);
    }

    #[test]
    fn tokens_are_drawn_as_often_as_they_are_probable() {
        let tokens = tokens(&PLAIN, 0.7, Sides::Both);
        assert_eq!(sampled(&tokens, 0.0, 0.99).unwrap().0.shown, "Yes");
        let n = 100_000;
        let share = |temperature: f64| {
            let drawn = (0..n).map(|at| sampled(&tokens, temperature, (f64::from(at) + 0.5) / f64::from(n)).unwrap().0);
            drawn.filter(|token| PLAIN.yes.contains(token)).count() as f64 / f64::from(n)
        };
        assert!((share(1.0) - LABEL_MASS * 0.7).abs() < 1e-3);
        assert!(share(0.2) > 0.9, "a low temperature sharpens");
    }
}
