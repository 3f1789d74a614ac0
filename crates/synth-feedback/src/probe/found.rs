//! What a probe found, in words.

use serde_json::Value;
use tables::AnswerStatus;

use super::wire::Page;
use crate::reading::Reading;
use crate::readout::{Readout, Source};

/// What a probe found.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    /// Where questions are asked.
    pub url: String,
    /// What the server is, by what its list of models and its headers say.
    pub server: String,
    /// The models that it lists.
    pub models: Vec<String>,
    /// What was tried, and what came of it.
    pub steps: Vec<(String, String)>,
    /// How its answers can be read.
    pub readout: Readout,
    /// The question that shows it.
    pub question: String,
    /// Its answer.
    pub reading: Reading,
}

/// The most models that are named.
const MOST_MODELS: usize = 8;

impl Found {
    /// A report: what it is about, and what was found.
    pub fn lines(&self) -> Vec<(String, String)> {
        let mut lines = vec![("server".to_owned(), format!("{} at {}", self.server, self.url))];
        let rest = self.models.len().saturating_sub(MOST_MODELS);
        let mut models = self.models.iter().take(MOST_MODELS).cloned().collect::<Vec<_>>().join(", ");
        if rest > 0 {
            models.push_str(&format!(" and {rest} more"));
        }
        lines.push(("models".to_owned(), if models.is_empty() { "it lists none".to_owned() } else { models }));
        lines.extend(self.steps.iter().cloned());
        lines.push(("readout".to_owned(), format!("{} ({})", self.readout.word(), self.readout.key())));
        lines.push((format!("`{}`", self.question), self.answer()));
        lines
    }

    /// The answer to the question.
    pub fn answer(&self) -> String {
        let Reading { status, p_yes, label_mass, .. } = self.reading;
        let mut answer = status.as_str().to_owned();
        if let Some(p_yes) = p_yes {
            answer.push_str(&format!(", p_yes {p_yes:.4}"));
        }
        if let Some(mass) = label_mass {
            answer.push_str(&format!(", label mass {mass:.4}"));
        }
        let little = label_mass.is_some_and(|mass| mass < 0.5) || status == AnswerStatus::NoYesNoToken;
        if little {
            answer.push_str(&match self.readout.source {
                Source::Sample { .. } => {
                    "; few answers say yes or no: `instruction` can ask for that, `sample.max_tokens` leave room"
                        .to_owned()
                }
                _ => "; the first token is seldom yes or no: `instruction` can ask for that".to_owned(),
            });
        }
        answer
    }

    /// All in one line.
    pub fn summary(&self) -> String {
        format!("{} at {}: {}; `{}`: {}", self.server, self.url, self.readout.word(), self.question, self.answer())
    }
}

pub(super) fn model_names(models: Option<&Page>) -> Vec<String> {
    let Some((page, body)) = models.and_then(|page| Some((page, page.json()?))) else { return Vec::new() };
    let names = body["data"].as_array().into_iter().flatten().filter_map(|model| model["id"].as_str());
    names.map(|name| crate::completion::one_line(&page.redacted(name))).collect()
}

/// vLLM and llama-server say who they are where they list their models.
pub(super) fn server_kind(models: Option<&Page>) -> String {
    let body = models.and_then(Page::json).unwrap_or_default();
    let owners: Vec<&str> = body["data"].as_array().into_iter().flatten().filter_map(owner).collect();
    let owned_by = |who: &str| owners.iter().any(|owner| owner.eq_ignore_ascii_case(who));
    let header = models.and_then(|page| page.server.as_deref()).unwrap_or_default();
    if owned_by("vllm") {
        "vLLM".to_owned()
    } else if owned_by("llamacpp") || header == "llama.cpp" {
        "llama-server".to_owned()
    } else if owned_by("openai") || owned_by("system") {
        "OpenAI".to_owned()
    } else if let Some(owner) = owners.first() {
        format!("a server of {}", crate::completion::one_line(owner))
    } else {
        match models.map(|page| page.status) {
            Some(200) => "a server of an unknown kind".to_owned(),
            Some(status) => format!("a server that lists no models (status {status})"),
            None => "a server that lists no models".to_owned(),
        }
    }
}

fn owner(model: &Value) -> Option<&str> {
    model["owned_by"].as_str()
}
