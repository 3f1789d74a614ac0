//! Gold propositions, and the content words that they and the questions are compared by.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::error::Error;
use std::path::Path;
use std::str::FromStr;

use tables::Bucket;
use vq2_parse::lemma;

/// A prompt with its gold propositions.
pub struct GoldPrompt {
    /// "tifa160", "drawtext", …: the item's name without its number.
    pub source: String,
    /// The prompt.
    pub text: String,
    /// Whether rules may be developed on it.
    pub develop: bool,
    /// What it says, according to the annotators.
    pub propositions: Vec<Proposition>,
}

/// One gold proposition.
pub struct Proposition {
    /// `None` if the annotators' category belongs to no bucket (global, count, text rendering).
    pub bucket: Option<Bucket>,
    /// As the file has it: "relation - spatial (rocks, ground, on)".
    pub tuple: String,
    /// Content words of each argument.
    pub arguments: Vec<BTreeSet<String>>,
    /// Content words of all arguments.
    pub content: BTreeSet<String>,
    /// All words of all arguments but articles, pronouns and forms of "be", "have" and "do".
    pub words: BTreeSet<String>,
}

/// Words that are neither content nor, by themselves, asked for: articles, pronouns, auxiliaries, "and".
#[rustfmt::skip]
const GRAMMAR: &[&str] = &[
    "a", "an", "the", "this", "that", "these", "those", "some", "any", "is", "are", "was", "be", "being", "been", "am",
    "has", "have", "having", "had", "do", "does", "there", "and", "or", "it", "its", "they", "them", "their", "he",
    "him", "his", "she", "her", "i", "we", "you", "my", "our", "your", "who", "which", "what", "someone", "something",
    "s", "t", "not", "other", "each", "one", "another", "while", "where", "can", "all", "both", "very", "so", "as",
    "1", "if", "itself", "themselves", "himself", "herself", "here", "also", "every",
];

/// Prepositions and particles: they tell relations apart, and count in the strict measure only.
#[rustfmt::skip]
const RELATING: &[&str] = &[
    "of", "on", "in", "at", "to", "by", "with", "without", "from", "for", "into", "onto", "over", "under", "above",
    "below", "behind", "beside", "besides", "between", "among", "near", "inside", "outside", "within", "through",
    "across", "along", "around", "against", "toward", "towards", "past", "off", "out", "up", "down", "like", "about",
    "during", "after", "before", "beyond", "upon", "atop", "underneath", "beneath", "alongside", "throughout",
    "opposite", "via", "per", "than", "next", "together", "away", "apart", "front", "top", "back", "left", "right",
    "side", "middle", "center", "made", "forward", "forwards", "backward", "backwards", "upward", "upwards",
    "downward", "downwards", "slightly", "straight",
];

#[rustfmt::skip]
const NUMBERS: &[&str] = &[
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
];

/// Keys of all words of a text but those of grammar.
pub fn words(text: &str) -> BTreeSet<String> {
    text.to_lowercase()
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty() && !GRAMMAR.contains(word))
        .map(|word| NUMBERS.iter().position(|n| *n == word).map_or_else(|| lemma(word), |n| n.to_string()))
        .collect()
}

/// Keys of the content words of a text; where a text has prepositions alone, they are its content.
pub fn content(text: &str) -> BTreeSet<String> {
    let all = words(text);
    let relating: BTreeSet<String> = RELATING.iter().map(|word| lemma(word)).collect();
    let content: BTreeSet<String> = all.difference(&relating).cloned().collect();
    if content.is_empty() { all } else { content }
}

/// Reads prompts and propositions, in the order of the file.
///
/// # Errors
/// If a file can't be read or lacks a column.
pub fn read(folder: &Path) -> Result<Vec<GoldPrompt>, Box<dyn Error>> {
    let buckets = read_buckets(&folder.join("buckets_dev.tsv"))?;
    let mut reader = csv::Reader::from_path(folder.join("dsg-1k-anns.csv"))?;
    let header = reader.headers()?.clone();
    let column = |name: &str| header.iter().position(|h| h == name).ok_or(format!("dsg-1k-anns.csv: no `{name}`"));
    let (item, text, id, tuple) = (column("item_id")?, column("text")?, column("proposition_id")?, column("tuple")?);
    let mut prompts: Vec<GoldPrompt> = Vec::new();
    let mut index: BTreeMap<String, usize> = BTreeMap::new();
    for record in reader.records() {
        let record = record?;
        let at = *index.entry(record[item].to_owned()).or_insert_with(|| {
            prompts.push(GoldPrompt {
                source: record[item].trim_end_matches(|c: char| c.is_ascii_digit() || c == '_').to_owned(),
                text: record[text].to_owned(),
                develop: fnv1a(&record[item]).is_multiple_of(2),
                propositions: Vec::new(),
            });
            prompts.len() - 1
        });
        if let Some(bucket) = buckets.get(&(record[item].to_owned(), record[id].to_owned())) {
            prompts[at].propositions.push(proposition(&record[tuple], *bucket));
        }
    }
    Ok(prompts)
}

/// (item, proposition) → its bucket.
type Buckets = HashMap<(String, String), Option<Bucket>>;

fn read_buckets(path: &Path) -> Result<Buckets, Box<dyn Error>> {
    let text = std::fs::read_to_string(path)?;
    let mut lines = text.lines();
    let header: Vec<&str> = lines.next().unwrap_or_default().split('\t').collect();
    let column = |name: &str| header.iter().position(|&h| h == name).ok_or(format!("buckets_dev.tsv: no `{name}`"));
    let (item, id, bucket) = (column("item_id")?, column("proposition_id")?, column("gold_bucket")?);
    Ok(lines
        .map(|line| line.split('\t').collect::<Vec<_>>())
        .map(|f| ((f[item].to_owned(), f[id].to_owned()), Bucket::from_str(f[bucket]).ok()))
        .collect())
}

/// "relation - spatial (rocks, ground, on)" with the content words of "rocks", "ground" and "on".
fn proposition(tuple: &str, bucket: Option<Bucket>) -> Proposition {
    let inside = tuple.split_once('(').map_or(tuple, |(_, rest)| rest.trim_end().trim_end_matches(')'));
    let arguments: Vec<BTreeSet<String>> = inside.split(", ").map(content).filter(|a| !a.is_empty()).collect();
    Proposition { bucket, tuple: tuple.to_owned(), content: content(inside), words: words(inside), arguments }
}

/// FNV-1a of 64 bits, its high bits folded into the low ones.
fn fnv1a(text: &str) -> u64 {
    let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3));
    hash ^ (hash >> 33)
}
