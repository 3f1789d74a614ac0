//! Accuracy of the bucket rules on gold questions, as Markdown: `make bucket-report DSG_DATA=…`, or
//! `DSG_BUCKETS=buckets_dev.tsv target/debug/examples/bucket_accuracy`.
//!
//! The file is tab-separated with a header that names `item_id`, `question`, `gold_bucket` and `state`. Rows are split
//! in halves by a hash of `item_id`: rules may be developed on the first, figures are quoted from the second.
//! `BUCKET_ERRORS=1` lists the mistakes of the first half instead; those of the second half can't be listed.

use std::error::Error;
use std::str::FromStr;
use std::time::Instant;

use tables::Bucket;
use vq2_parse::Rule;

mod confusion;
mod families;
mod report;

/// A question with its gold bucket, and what the rules made of it.
pub struct Scored {
    /// The data set that its prompt is from.
    pub source_set: String,
    /// Its text.
    pub question: String,
    /// Its bucket by DSG's category.
    pub gold: Bucket,
    /// Whether the gold is of the category "attribute - state", which is ambiguous.
    pub state: bool,
    /// Whether rules may be developed on it.
    pub develop: bool,
    /// The bucket that the rules chose.
    pub chosen: Bucket,
    /// The rule that fired.
    pub rule: Rule,
}

fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::var("DSG_BUCKETS").map_err(|_| "set DSG_BUCKETS to the path of the gold questions")?;
    let text = std::fs::read_to_string(&path)?;
    vq2_parse::bucket("is there a dog?", None); // Loads the tagger, which is not part of the speed.
    let started = Instant::now();
    let scored = score(&text)?;
    let seconds = started.elapsed().as_secs_f64();
    if std::env::var("BUCKET_ERRORS").is_ok() {
        for row in scored.iter().filter(|r| r.develop && r.gold != r.chosen) {
            println!("{}\t{}\t{}\t{}\t{}", row.gold, row.chosen, row.rule, row.question, row.source_set);
        }
    } else {
        print!("{}", report::markdown(&scored)?);
    }
    eprintln!("{:.0} questions/s on one core, reading the file included", scored.len() as f64 / seconds);
    Ok(())
}

/// Reads the gold questions and classifies them; rows without a gold bucket are left out.
fn score(text: &str) -> Result<Vec<Scored>, String> {
    let mut lines = text.lines();
    let header: Vec<&str> = lines.next().unwrap_or_default().split('\t').collect();
    let column = |name: &str| header.iter().position(|&h| h == name).ok_or(format!("no column `{name}`"));
    let (item, question, gold, state) =
        (column("item_id")?, column("question")?, column("gold_bucket")?, column("state")?);
    let mut scored = Vec::new();
    for line in lines {
        let fields: Vec<&str> = line.split('\t').collect();
        let field = |i: usize| fields.get(i).copied().unwrap_or_default();
        let Ok(gold) = Bucket::from_str(field(gold)) else { continue };
        let decision = vq2_parse::bucket(field(question), None);
        let source_set = field(item).trim_end_matches(|c: char| c.is_ascii_digit()).trim_end_matches('_');
        scored.push(Scored {
            source_set: source_set.to_owned(),
            question: field(question).to_owned(),
            gold,
            state: field(state) == "1",
            develop: fnv1a(field(item)).is_multiple_of(2),
            chosen: decision.bucket,
            rule: decision.rule,
        });
    }
    Ok(scored)
}

/// FNV-1a of 64 bits, its high bits folded into the low ones.
fn fnv1a(text: &str) -> u64 {
    let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3));
    hash ^ (hash >> 33)
}
