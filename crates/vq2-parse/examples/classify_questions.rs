//! Classifies questions from standard input, one a line (a tab and an answer may follow): bucket and rule, one a line.
//!
//! Says on standard error, as one line of JSON, how many there were and how long the classification alone took.
//! `scripts/bench_buckets.py` measures with it.

use std::io::{Read, Write};
use std::time::Instant;

fn main() -> std::io::Result<()> {
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text)?;
    let questions: Vec<(&str, Option<&str>)> =
        text.lines().map(|line| line.split_once('\t').map_or((line, None), |(q, answer)| (q, Some(answer)))).collect();
    vq2_parse::bucket("is there a dog?", None); // Loads the tagger, as the other side loads its model beforehand.
    let started = Instant::now();
    let decisions: Vec<_> = questions.iter().map(|&(question, answer)| vq2_parse::bucket(question, answer)).collect();
    let seconds = started.elapsed().as_secs_f64();
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    for decision in &decisions {
        writeln!(out, "{}\t{}", decision.bucket, decision.rule)?;
    }
    out.flush()?;
    eprintln!("{{\"questions\": {}, \"seconds\": {seconds:.6}}}", questions.len());
    Ok(())
}
