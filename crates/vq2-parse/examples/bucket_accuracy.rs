//! Accuracy of the bucket rules on gold questions: `DSG_BUCKETS=buckets_dev.tsv cargo run --example bucket_accuracy`.
//!
//! The file is tab-separated with a header that names `item_id`, `question`, `gold_bucket` and `state`. Rows are split
//! in halves by a hash of `item_id`: rules may be developed on the first, figures are quoted from the second.
//! `BUCKET_ERRORS=develop` lists the mistakes of the first half; those of the second half can't be listed.

use std::collections::BTreeMap;
use std::error::Error;
use std::str::FromStr;

use tables::Bucket;

/// (gold, chosen) → how many.
type Confusion = BTreeMap<(Bucket, Bucket), usize>;

fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::var("DSG_BUCKETS").map_err(|_| "set DSG_BUCKETS to the path of the gold questions")?;
    let list_errors = std::env::var("BUCKET_ERRORS").is_ok();
    let text = std::fs::read_to_string(&path)?;
    let mut lines = text.lines();
    let header: Vec<&str> = lines.next().unwrap_or_default().split('\t').collect();
    let column = |name: &str| header.iter().position(|&h| h == name).ok_or(format!("{path}: no column `{name}`"));
    let (item, question, gold, state) =
        (column("item_id")?, column("question")?, column("gold_bucket")?, column("state")?);

    let mut confusions: BTreeMap<&str, Confusion> = BTreeMap::new();
    let mut n_questions = 0_u32;
    let started = std::time::Instant::now();
    for line in lines {
        let fields: Vec<&str> = line.split('\t').collect();
        let Ok(expect) = Bucket::from_str(fields[gold]) else { continue };
        let decision = vq2_parse::bucket(fields[question], None);
        n_questions += 1;
        let develop = fnv1a(fields[item]).is_multiple_of(2);
        if list_errors && develop && decision.bucket != expect {
            println!("{expect}\t{}\t{}\t{}\t{}", decision.bucket, decision.rule, fields[question], fields[item]);
        }
        let half = if develop { "first half (for development)" } else { "second half (held back)" };
        *confusions.entry(half).or_default().entry((expect, decision.bucket)).or_default() += 1;
        if !develop && fields[state] == "0" {
            let entry = confusions.entry("second half (held back), without states").or_default();
            *entry.entry((expect, decision.bucket)).or_default() += 1;
        }
    }
    let seconds = started.elapsed().as_secs_f64();
    for (half, confusion) in &confusions {
        print_figures(half, confusion);
    }
    println!("{:.0} questions/s on one core", f64::from(n_questions) / seconds);
    Ok(())
}

fn print_figures(title: &str, confusion: &Confusion) {
    let count = |gold: &dyn Fn(Bucket) -> bool, chosen: &dyn Fn(Bucket) -> bool| -> f64 {
        confusion.iter().filter(|((g, c), _)| gold(*g) && chosen(*c)).map(|(_, &n)| n as f64).sum()
    };
    let any = |_: Bucket| true;
    let total = count(&any, &any);
    println!("\n{title}: {total} questions\n{:>12} {}", "gold", Bucket::ALL.map_names());
    let (mut right, mut f1_sum) = (0.0, 0.0);
    for &gold in Bucket::ALL {
        let row: Vec<String> =
            Bucket::ALL.iter().map(|&c| format!("{:>10}", count(&|g| g == gold, &|x| x == c))).collect();
        let hits = count(&|g| g == gold, &|c| c == gold);
        let f1 = 2.0 * hits / (count(&|g| g == gold, &any) + count(&any, &|c| c == gold));
        println!("{:>12} {}   F1 {f1:.3}", gold.as_str(), row.join(" "));
        right += hits;
        f1_sum += f1;
    }
    println!("accuracy {:.4}, macro-F1 {:.4}", right / total, f1_sum / Bucket::ALL.len() as f64);
}

trait Names {
    fn map_names(&self) -> String;
}

impl Names for &[Bucket] {
    fn map_names(&self) -> String {
        self.iter().map(|b| format!("{:>10}", b.as_str())).collect::<Vec<_>>().join(" ")
    }
}

/// FNV-1a of 64 bits, its high bits folded into the low ones.
fn fnv1a(text: &str) -> u64 {
    let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3));
    hash ^ (hash >> 33)
}
