//! Text to tokens, each with the bytes that it came from.
//!
//! A word keeps inner hyphens and apostrophes ("t-shirt"); a possessive `'s` is a token of its own; a quoted passage
//! is one token. Anything else that is not white space is a mark.

/// What a token is, by its characters alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenKind {
    /// Letters of the Latin script, perhaps with digits, hyphens, apostrophes.
    Word,
    /// Digits, perhaps with separators.
    Number,
    /// A possessive `'s`, or the lone apostrophe of a plural.
    Possessive,
    /// A passage in quotation marks, the marks included in the span and not in the text.
    Quoted,
    /// Punctuation.
    Mark,
    /// Words of other scripts, emoji, symbols.
    Other,
}

/// One token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token<'t> {
    /// As it stands in the text.
    pub text: &'t str,
    /// In lower case.
    pub lower: String,
    /// What it is.
    pub kind: TokenKind,
    /// First byte in the text.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
}

// A quotation mark without a partner near it is an inch sign or a slip.
const LONGEST_QUOTE_BYTES: usize = 200;

/// Splits a text into tokens; their spans lie in the text, in order, and do not overlap.
pub fn tokenise(text: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(c) = text[at..].chars().next() {
        if c.is_whitespace() || c.is_control() {
            at += c.len_utf8();
            continue;
        }
        let token = quoted(text, at, c).unwrap_or_else(|| plain(text, at, c, tokens.last()));
        at = token.end;
        tokens.push(token);
    }
    tokens
}

fn token(text: &str, kind: TokenKind, start: usize, end: usize) -> Token<'_> {
    Token { text: &text[start..end], lower: text[start..end].to_lowercase(), kind, start, end }
}

fn quoted(text: &str, at: usize, open: char) -> Option<Token<'_>> {
    let close = match open {
        '"' => '"',
        '“' => '”',
        '‘' => '’',
        '\'' => '\'',
        _ => return None,
    };
    let inner = at + open.len_utf8();
    let rest = &text[inner..];
    // An apostrophe opens a quotation only at the start of a word.
    if is_apostrophe(open)
        && (text[..at].chars().next_back().is_some_and(char::is_alphanumeric)
            || !rest.starts_with(char::is_alphanumeric))
    {
        return None;
    }
    let length = rest
        .char_indices()
        .take_while(|&(i, c)| i <= LONGEST_QUOTE_BYTES && c != '\n')
        .find(|&(i, c)| {
            c == close && (!is_apostrophe(close) || !rest[i + c.len_utf8()..].starts_with(char::is_alphanumeric))
        })?
        .0;
    if rest[..length].trim().is_empty() {
        return None;
    }
    let mut token = token(text, TokenKind::Quoted, inner, inner + length);
    (token.start, token.end) = (at, inner + length + close.len_utf8());
    Some(token)
}

fn plain<'t>(text: &'t str, at: usize, first: char, before: Option<&Token<'_>>) -> Token<'t> {
    let rest = &text[at..];
    let touches_word = before.is_some_and(|b| b.end == at && b.kind == TokenKind::Word);
    if is_apostrophe(first) && touches_word {
        let end = first.len_utf8();
        let tail = &rest[end..];
        let is_s = tail.starts_with(['s', 'S']) && !tail[1..].starts_with(char::is_alphanumeric);
        return token(text, TokenKind::Possessive, at, at + end + usize::from(is_s));
    }
    if first.is_ascii_digit() {
        return number_or_word(text, at);
    }
    if is_latin(first) {
        return token(text, TokenKind::Word, at, at + word_length(rest));
    }
    if first.is_alphanumeric() {
        let length = rest.find(|c: char| !c.is_alphanumeric() || is_latin(c) || c.is_ascii_digit());
        return token(text, TokenKind::Other, at, at + length.unwrap_or(rest.len()));
    }
    let kind = if first.is_ascii_punctuation() || "–—…“”‘’«»".contains(first) {
        TokenKind::Mark
    } else {
        TokenKind::Other
    };
    token(text, kind, at, at + first.len_utf8())
}

fn number_or_word(text: &str, at: usize) -> Token<'_> {
    let length = word_length(&text[at..]);
    let kind = if text[at..at + length].contains(is_latin) { TokenKind::Word } else { TokenKind::Number };
    token(text, kind, at, at + length)
}

/// Bytes of the word that the text starts with: joined by single inner hyphens, apostrophes (not a final `'s`),
/// and, between digits, points and commas.
fn word_length(rest: &str) -> usize {
    let mut length = 0;
    let mut chars = rest.char_indices().peekable();
    let mut previous = ' ';
    while let Some((i, c)) = chars.next() {
        let next = chars.peek().map_or(' ', |&(_, next)| next);
        let joins = match c {
            '-' => is_latin(next) || next.is_ascii_digit(),
            '.' | ',' | ':' => previous.is_ascii_digit() && next.is_ascii_digit(),
            _ if is_apostrophe(c) => is_latin(next) && !ends_in_s(&rest[i + c.len_utf8()..]),
            _ => is_latin(c) || c.is_ascii_digit() || is_combining(c),
        };
        if !joins {
            break;
        }
        length = i + c.len_utf8();
        previous = c;
    }
    length
}

fn ends_in_s(tail: &str) -> bool {
    tail.starts_with(['s', 'S']) && !tail[1..].starts_with(char::is_alphanumeric)
}

fn is_apostrophe(c: char) -> bool {
    c == '\'' || c == '’' || c == '‘'
}

fn is_latin(c: char) -> bool {
    c.is_ascii_alphabetic() || (c.is_alphabetic() && ('\u{c0}'..='\u{24f}').contains(&c))
}

fn is_combining(c: char) -> bool {
    ('\u{300}'..='\u{36f}').contains(&c)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<&str> {
        tokenise(text).into_iter().map(|t| t.text).collect()
    }

    #[test]
    fn words_numbers_and_marks_are_told_apart() {
        assert_eq!(words("Two dogs, 3 cats."), ["Two", "dogs", ",", "3", "cats", "."]);
        assert_eq!(words("a high-backed t-shirt -- no"), ["a", "high-backed", "t-shirt", "-", "-", "no"]);
        assert_eq!(words("in 1,250.5 m of 4K film"), ["in", "1,250.5", "m", "of", "4K", "film"]);
        assert_eq!(words("café naïve O'Brien"), ["café", "naïve", "O'Brien"]);
    }

    #[test]
    fn a_possessive_is_a_token_of_its_own() {
        assert_eq!(words("the dog's ball"), ["the", "dog", "'s", "ball"]);
        assert_eq!(words("the dogs’ ball"), ["the", "dogs", "’", "ball"]);
        assert_eq!(tokenise("the dog's")[2].kind, TokenKind::Possessive);
    }

    #[test]
    fn a_quoted_passage_is_one_token_whose_span_has_the_marks() {
        for text in ["a sign \"Hello you\" here", "a sign “Hello you” here", "a sign 'Hello you' here"] {
            let tokens = tokenise(text);
            assert_eq!(tokens.len(), 4, "{text}");
            assert_eq!((tokens[2].kind, tokens[2].text), (TokenKind::Quoted, "Hello you"));
            assert!(text[tokens[2].start..tokens[2].end].contains("Hello you"));
            assert!(tokens[2].end - tokens[2].start > "Hello you".len());
        }
        assert_eq!(words("a 5\" disk"), ["a", "5", "\"", "disk"]);
    }

    #[test]
    fn other_scripts_and_emoji_are_no_words() {
        let kinds: Vec<_> = tokenise("dog 🐶 犬 собака").into_iter().map(|t| t.kind).collect();
        assert_eq!(kinds, [TokenKind::Word, TokenKind::Other, TokenKind::Other, TokenKind::Other]);
    }
}
