//! A chat completion's body, reduced to what its first token says; or, without log-probabilities, to the texts.
//!
//! Servers differ: the sampled token may be listed first, last, twice or not at all; a masked token's log-probability is
//! null or −9999; a refusal stands in the message or in the finish reason; an error comes with status 200.

use std::borrow::Cow;

use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::spending::{Usage, lenient_usage};

/// One token that could have been the first of the answer.
#[derive(Debug, Clone, PartialEq)]
pub struct TokenLogprob {
    /// The token as the server spells it, with its leading space or the tokenizer's marker for one.
    pub token: String,
    /// Its log-probability; `None` where the server gives null for a masked token.
    pub logprob: Option<f64>,
}

/// What one completion says.
#[derive(Debug, Clone, PartialEq)]
pub enum Completion {
    /// The first token that was sampled, then those that the server lists beside it, in the server's order.
    FirstToken(Vec<TokenLogprob>),
    /// The model, or a filter before or after it, declined.
    Refused,
    /// There are no log-probabilities, only what was said: one text a choice, `None` where that choice declined. A text
    /// is empty where a limit cut the answer off before its first word.
    Texts(Vec<Option<String>>),
}

/// The most of a text that is kept: the answer stands at its start.
const MOST_CHARACTERS: usize = 200;

/// Tokens that may be listed, and choices that may be given: far more than any server is asked for. What is listed is
/// compared and kept.
const MOST_LISTED: usize = 1_024;
/// The longest token of real vocabularies has some hundred bytes.
const LONGEST_TOKEN: usize = 1_024;

impl Completion {
    /// Reads a body.
    ///
    /// # Errors
    /// What is wrong, if it is not a chat completion: half a body, HTML, wrong types, no choice, an error's description.
    pub fn parse(body: &[u8]) -> Result<Self, String> {
        Self::parse_with_usage(body).map(|(completion, _)| completion)
    }

    /// Reads a body, and what it says of its tokens; `None` if it says nothing, or nothing that makes sense.
    ///
    /// # Errors
    /// As [`parse`](Self::parse).
    pub fn parse_with_usage(body: &[u8]) -> Result<(Self, Option<Usage>), String> {
        let start = body.trim_ascii_start();
        if start.first() == Some(&b'<') {
            return Err("it is a page of HTML or XML, not JSON".to_owned());
        }
        let body: Body = serde_json::from_slice(start).map_err(|error| error.to_string())?;
        let Some(choices) = body.choices else {
            return Err(match body.error {
                Some(error) => format!("it reports an error: {}", error.text()),
                None => "it has no `choices`".to_owned(),
            });
        };
        Self::of(&choices).map(|completion| (completion, body.usage))
    }

    fn of(choices: &[Choice]) -> Result<Self, String> {
        if choices.len() > MOST_LISTED {
            return Err(format!("it has {} choices", choices.len()));
        }
        let Some(first) = choices.first() else { return Err("its `choices` are empty".to_owned()) };
        if choices.iter().all(Choice::is_refused) {
            return Ok(Self::Refused);
        }
        let position = first.logprobs.as_ref().and_then(|logprobs| logprobs.content.as_ref()?.first());
        let Some(position) = position else { return Ok(Self::Texts(choices.iter().map(Choice::text).collect())) };
        let n_listed = position.top_logprobs.as_ref().map_or(0, Vec::len);
        if n_listed > MOST_LISTED {
            return Err(format!("it lists {n_listed} tokens"));
        }
        let mut tokens = position.top_logprobs.iter().flatten().map(|entry| &entry.token).chain([&position.token]);
        if tokens.any(|token| token.len() > LONGEST_TOKEN) {
            return Err(format!("it lists a token of more than {LONGEST_TOKEN} bytes"));
        }
        let sampled = TokenLogprob { token: position.token.as_ref().to_owned(), logprob: position.logprob };
        let listed = position.top_logprobs.iter().flatten();
        let listed =
            listed.map(|entry| TokenLogprob { token: entry.token.as_ref().to_owned(), logprob: entry.logprob });
        Ok(Self::FirstToken(std::iter::once(sampled).chain(listed).collect()))
    }
}

impl Choice<'_> {
    fn is_refused(&self) -> bool {
        let refusal = self.message.as_ref().and_then(|message| message.refusal.as_ref());
        refusal.is_some_and(|text| !text.trim().is_empty()) || self.finish_reason.as_deref() == Some(CONTENT_FILTER)
    }

    fn text(&self) -> Option<String> {
        if self.is_refused() {
            return None;
        }
        let content = self.message.as_ref().and_then(|message| message.content.as_deref()).unwrap_or_default();
        Some(after_thinking(content).chars().take(MOST_CHARACTERS).collect())
    }
}

/// The answer after the thoughts of a reasoning model, where its server leaves them in the text; nothing if they do not end.
fn after_thinking(content: &str) -> &str {
    match content.rsplit_once("</think>") {
        Some((_, answer)) => answer,
        None if content.trim_start().starts_with("<think>") => "",
        None => content,
    }
}

/// What a server says in the body of a failed request, through `redact` and then shortened to one line; and whether a
/// content filter said it. In this order: of a key that is cut short nobody would know that it is one.
pub(crate) fn error_message(body: &[u8], redact: impl Fn(&str) -> String) -> (String, bool) {
    let error = serde_json::from_slice::<Body>(body).ok().and_then(|body| body.error);
    let filtered = matches!(&error, Some(ErrorField::Object { code: Some(serde_json::Value::String(code)), .. }) if code == CONTENT_FILTER);
    let text = match error {
        Some(error) => error.text(),
        None if body.trim_ascii_start().first() == Some(&b'<') => "a page of HTML or XML".to_owned(),
        None => String::from_utf8_lossy(body).into_owned(),
    };
    (one_line(&redact(&text)), filtered)
}

/// At most 300 characters without line breaks or control characters: what a server says may be anything.
pub(crate) fn one_line(text: &str) -> String {
    let cleaned: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(3_000).collect();
    let words = cleaned.split_whitespace().collect::<Vec<_>>().join(" ");
    if words.chars().count() > 300 { words.chars().take(300).chain(['…']).collect() } else { words }
}

const CONTENT_FILTER: &str = "content_filter";

#[derive(Deserialize)]
struct Body<'a> {
    #[serde(borrow)]
    choices: Option<Vec<Choice<'a>>>,
    error: Option<ErrorField>,
    #[serde(default, deserialize_with = "lenient_usage")]
    usage: Option<Usage>,
}

#[derive(Deserialize)]
struct Choice<'a> {
    #[serde(borrow)]
    message: Option<Message<'a>>,
    #[serde(borrow)]
    finish_reason: Option<Cow<'a, str>>,
    #[serde(borrow)]
    logprobs: Option<Logprobs<'a>>,
}

#[derive(Deserialize)]
struct Message<'a> {
    #[serde(borrow)]
    content: Option<Cow<'a, str>>,
    #[serde(borrow)]
    refusal: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct Logprobs<'a> {
    #[serde(borrow)]
    content: Option<Vec<Position<'a>>>,
}

#[derive(Deserialize)]
struct Position<'a> {
    #[serde(borrow)]
    token: Cow<'a, str>,
    // Null is allowed, but not a missing key.
    #[serde(deserialize_with = "Option::deserialize")]
    logprob: Option<f64>,
    #[serde(borrow)]
    top_logprobs: Option<Vec<Listed<'a>>>,
}

#[derive(Deserialize)]
struct Listed<'a> {
    #[serde(borrow)]
    token: Cow<'a, str>,
    #[serde(deserialize_with = "Option::deserialize")]
    logprob: Option<f64>,
}

/// vLLM's 401 has a string where others have an object.
#[derive(Deserialize)]
#[serde(untagged)]
enum ErrorField {
    Text(String),
    Object { message: Option<String>, code: Option<serde_json::Value> },
    Other(IgnoredAny),
}

impl ErrorField {
    fn text(self) -> String {
        match self {
            Self::Text(text) => text,
            Self::Object { message: Some(message), .. } => message,
            Self::Object { message: None, code: Some(code) } => code.to_string(),
            Self::Object { .. } | Self::Other(_) => "no message".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(token: &str, logprob: f64) -> TokenLogprob {
        TokenLogprob { token: token.into(), logprob: Some(logprob) }
    }

    #[test]
    fn the_shape_of_openai_and_llama_server() {
        let body = br#"{"id":"c1","object":"chat.completion","created":1,"model":"m","usage":{"prompt_tokens":9},
            "choices":[{"index":0,"finish_reason":"length","message":{"role":"assistant","content":"Yes","refusal":null},
            "logprobs":{"refusal":null,"content":[{"id":5,"token":"Yes","logprob":-0.25,"bytes":[89,101,115],"top_logprobs":[
              {"token":"Yes","logprob":-0.25,"bytes":[89,101,115]},{"token":" No","logprob":-1.5,"bytes":null}]}]}}]}"#;
        let expected = vec![token("Yes", -0.25), token("Yes", -0.25), token(" No", -1.5)];
        assert_eq!(Completion::parse(body), Ok(Completion::FirstToken(expected)));
    }

    #[test]
    fn escapes_in_tokens_are_read() {
        let body = br#"{"choices":[{"logprobs":{"content":[{"token":"\u0120yes","logprob":-1,"top_logprobs":[{"token":"\"\n","logprob":-2}]}]}}]}"#;
        let expected = vec![token("Ġyes", -1.0), token("\"\n", -2.0)];
        assert_eq!(Completion::parse(body), Ok(Completion::FirstToken(expected)));
    }

    #[test]
    fn a_null_logprob_is_a_masked_token() {
        let body = br#"{"choices":[{"logprobs":{"content":[{"token":"a","logprob":null}]}}]}"#;
        let masked = TokenLogprob { token: "a".into(), logprob: None };
        assert_eq!(Completion::parse(body), Ok(Completion::FirstToken(vec![masked])));
    }

    #[test]
    fn a_refusal_is_one_wherever_it_stands() {
        for body in [
            r#"{"choices":[{"message":{"refusal":"I can't help with that."},"finish_reason":"stop","logprobs":null}]}"#,
            r#"{"choices":[{"message":{"content":""},"finish_reason":"content_filter"}]}"#,
            r#"{"choices":[{"message":{"refusal":"no"},"logprobs":{"content":[{"token":"I","logprob":-0.1}]}}]}"#,
        ] {
            assert_eq!(Completion::parse(body.as_bytes()), Ok(Completion::Refused), "{body}");
        }
        let empty = r#"{"choices":[{"message":{"refusal":""},"logprobs":{"content":[]}}]}"#;
        assert_eq!(Completion::parse(empty.as_bytes()), Ok(said(&[""])));
    }

    fn said(texts: &[&str]) -> Completion {
        Completion::Texts(texts.iter().map(|text| Some((*text).to_owned())).collect())
    }

    #[test]
    fn an_answer_without_logprobs_is_seen_as_such() {
        for logprobs in ["null", "{}", r#"{"content":null}"#, r#"{"content":[]}"#] {
            let body = format!(r#"{{"choices":[{{"message":{{"content":"Yes"}},"logprobs":{logprobs}}}]}}"#);
            assert_eq!(Completion::parse(body.as_bytes()), Ok(said(&["Yes"])), "{logprobs}");
        }
        assert_eq!(Completion::parse(br#"{"choices":[{}]}"#), Ok(said(&[""])));
    }

    #[test]
    fn several_choices_are_several_texts_without_the_thoughts_before_them() {
        let body = r#"{"choices":[{"message":{"content":"Yes."}},{"message":{"content":"<think>is it? no</think>\n\nNo"}},
            {"message":{"content":"<think>well, yes"},"finish_reason":"length"},{"message":{"content":null}},
            {"message":{"content":null,"refusal":"I won't."}},{"message":{"content":""},"finish_reason":"content_filter"}]}"#;
        let texts = ["Yes.", "\n\nNo", "", ""].map(|text| Some(text.to_owned()));
        let expected = Completion::Texts(texts.into_iter().chain([None, None]).collect());
        assert_eq!(Completion::parse(body.as_bytes()), Ok(expected));
        let long = format!(r#"{{"choices":[{{"message":{{"content":"{}"}}}}]}}"#, "yes ".repeat(5_000));
        assert_eq!(Completion::parse(long.as_bytes()), Ok(said(&[&"yes ".repeat(50)])));
    }

    fn listing(entries: &str) -> String {
        format!(
            r#"{{"choices":[{{"logprobs":{{"content":[{{"token":"a","logprob":-1,"top_logprobs":[{entries}{{"token":"b","logprob":-2}}]}}]}}}}]}}"#
        )
    }

    #[test]
    fn anything_else_is_no_completion_and_says_why() {
        let whole = r#"{"choices":[{"logprobs":{"content":[{"token":"Yes","logprob":-0.25,"top_logprobs":[{"token":"No","logprob":-1.5}]}]}}]}"#;
        assert!(Completion::parse(whole.as_bytes()).is_ok());
        for cut in 0..whole.len() {
            assert!(Completion::parse(&whole.as_bytes()[..cut]).is_err(), "cut at {cut}");
        }
        for (body, reason) in [
            ("", "EOF"),
            ("<!DOCTYPE html><html>502</html>", "HTML"),
            ("  \n<html>", "HTML"),
            ("null", "invalid type"),
            ("[]", "invalid length"),
            ("{}", "no `choices`"),
            ("\"Yes\"", "invalid type"),
            (r#"{"choices":[]}"#, "empty"),
            (r#"{"choices":{}}"#, "invalid type"),
            (r#"{"choices":[7]}"#, "invalid type"),
            (r#"{"error":"Unauthorized"}"#, "Unauthorized"),
            (r#"{"error":{"message":"overloaded","code":529}}"#, "overloaded"),
            (r#"{"error":{"code":"model_not_loaded"}}"#, "model_not_loaded"),
            (r#"{"error":[1]}"#, "no message"),
            (r#"{"choices":[{"logprobs":{"content":[{"token":7,"logprob":-1}]}}]}"#, "invalid type"),
            (r#"{"choices":[{"logprobs":{"content":[{"token":"a","logprob":"-1"}]}}]}"#, "invalid type"),
            (r#"{"choices":[{"logprobs":{"content":[{"token":"a"}]}}]}"#, "missing field `logprob`"),
            (
                r#"{"choices":[{"logprobs":{"content":[{"token":"a","logprob":-1,"top_logprobs":{}}]}}]}"#,
                "invalid type",
            ),
            (r#"{"choices":[{"logprobs":{"content":[{"token":"a","logprob":NaN}]}}]}"#, "expected value"),
            (r#"{"choices":[{"logprobs":{"content":[{"token":"a","logprob":1e999}]}}]}"#, "number out of range"),
            (r#"{"choices":[{"message":"Yes"}]}"#, "invalid type"),
            (r#"{"choices":[{}]} trailing"#, "trailing"),
            (&format!(r#"{{"choices":[{}{{}}]}}"#, "{},".repeat(2_000)), "2001 choices"),
            (&listing(&r#"{"token":"a","logprob":-9},"#.repeat(2_000)), "lists 2001 tokens"),
            (&listing(&format!(r#"{{"token":"{}","logprob":-9}},"#, "a".repeat(2_000))), "token of more than"),
        ] {
            let error = Completion::parse(body.as_bytes()).unwrap_err();
            assert!(error.contains(reason), "{body}: {error}");
        }
        assert!(Completion::parse(b"\xff\xfe{}").is_err());
        let deep = "[".repeat(100_000);
        assert!(Completion::parse(deep.as_bytes()).is_err());
    }

    #[test]
    fn an_error_body_becomes_one_short_line() {
        let error_message = |body: &[u8]| error_message(body, str::to_owned);
        let message = |body: &str| error_message(body.as_bytes()).0;
        assert_eq!(message(r#"{"error":"Unauthorized"}"#), "Unauthorized");
        assert_eq!(message(r#"{"error":{"message":"too\nlong","code":400}}"#), "too long");
        assert_eq!(message("<html>"), "a page of HTML or XML");
        assert_eq!(message("plain \u{1b}[31mtext\r\n"), "plain [31mtext");
        assert_eq!(message(""), "");
        assert_eq!(message(&"x".repeat(9_999)).chars().count(), 301);
        assert!(error_message(br#"{"error":{"code":"content_filter","message":"m"}}"#).1);
        assert!(!error_message(br#"{"error":{"code":400,"message":"content_filter"}}"#).1);
    }
}
