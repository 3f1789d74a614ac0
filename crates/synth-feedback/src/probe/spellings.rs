//! Which tokens of a model's vocabulary spell yes and no, by vLLM's tokenizer page.

use serde::Deserialize;
use serde_json::json;

use super::wire::{Page, Wire};
use crate::reading::spells;

/// The spellings: in each place, for a tokenizer may have one token for the word after a space, one at the start of a text
/// (SentencePiece reads a space there), and one after a line break, which is the word without any space.
const PLACES: [&str; 3] = ["", " ", "\n"];
const WORDS: [(&str, [&str; 3]); 2] = [("yes", ["Yes", "yes", "YES"]), ("no", ["No", "no", "NO"])];

/// vLLM's answer; llama-server has a page of this name too, which answers other requests.
#[derive(Deserialize)]
struct Tokenized {
    tokens: Vec<u32>,
    token_strs: Option<Vec<String>>,
}

/// The ids of all single tokens that spell yes or no, each once; or why they cannot be told.
pub(super) async fn token_ids(wire: &Wire, model: &str) -> Result<Vec<u32>, String> {
    let mut ids = Vec::new();
    for (word, spellings) in WORDS {
        let n_before = ids.len();
        for (place, spelling) in PLACES.into_iter().flat_map(|place| spellings.map(|spelling| (place, spelling))) {
            let prompt = format!("{place}{spelling}");
            let body =
                json!({ "model": model, "prompt": prompt, "add_special_tokens": false, "return_token_strs": true });
            // Some gateways answer 500 for a page that they do not have.
            let page = wire.tokenize(&body).await.map_err(|error| format!("no, its tokenizer page fails: {error}"))?;
            let tokenized = read(&page)?;
            if let Some(id) = id_of(&tokenized, word)
                && !ids.contains(&id)
            {
                ids.push(id);
            }
        }
        if ids.len() == n_before {
            return Err(format!("no, no single token spells {word}"));
        }
    }
    Ok(ids)
}

fn read(page: &Page) -> Result<Tokenized, String> {
    let is_no_tokenizer = || format!("no, there is no tokenizer page (status {})", page.status);
    let json = page.json().ok_or_else(is_no_tokenizer)?;
    let tokenized: Option<Tokenized> = serde_json::from_value(json).ok();
    tokenized
        .filter(|tokenized| !tokenized.tokens.is_empty())
        .ok_or_else(|| "no, its tokenizer page is another".to_owned())
}

/// The last token, if it is the word by itself.
fn id_of(tokenized: &Tokenized, word: &str) -> Option<u32> {
    let is_word = match &tokenized.token_strs {
        Some(texts) => texts.len() == tokenized.tokens.len() && texts.last().is_some_and(|text| spells(text, word)),
        // An older server does not show what its tokens are: only one that is the whole text is the word for sure.
        None => tokenized.tokens.len() == 1,
    };
    tokenized.tokens.last().copied().filter(|_| is_word)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(tokens: &[u32], texts: Option<&[&str]>) -> Option<u32> {
        let token_strs = texts.map(|texts| texts.iter().map(|text| (*text).to_owned()).collect());
        id_of(&Tokenized { tokens: tokens.to_vec(), token_strs }, "yes")
    }

    #[test]
    fn only_a_token_that_is_the_word_by_itself_counts() {
        assert_eq!(id(&[9], Some(&["▁Yes"])), Some(9));
        assert_eq!(id(&[1, 2, 9], Some(&["▁", "<0x0A>", "Yes"])), Some(9), "the word after what stands before it");
        assert_eq!(id(&[1, 9], Some(&["Ċ", "yes"])), Some(9));
        assert_eq!(id(&[4, 9], Some(&["Y", "es"])), None, "the word is split");
        assert_eq!(id(&[9], Some(&["Ġyes."])), None);
        assert_eq!((id(&[9], None), id(&[4, 9], None)), (Some(9), None), "without texts only a whole one is sure");
        assert_eq!(id(&[9], Some(&[])), None);
    }
}
