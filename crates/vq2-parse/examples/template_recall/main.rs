//! Recall and precision of the template questions on gold propositions, as Markdown:
//! `DSG_DATA=…/dsg cargo run --example template_recall > docs/templates.md`.
//!
//! `DSG_DATA` names a folder with `dsg-1k-anns.csv` (the prompts and their propositions) and `buckets_dev.tsv` (the bucket
//! of each proposition). Prompts are split in halves by a hash of `item_id`: rules may be developed on the first,
//! figures are quoted from the second too, in aggregate only. `TEMPLATE_MISSES=noun|adjective|verb|relation` lists what
//! the first half's questions miss, `TEMPLATE_EXTRA=…` the questions that cover nothing; the second half can't be listed.

mod families;
mod gold;
mod measure;
mod report;

use std::error::Error;
use std::path::PathBuf;

use measure::Measured;

fn main() -> Result<(), Box<dyn Error>> {
    let folder = PathBuf::from(std::env::var_os("DSG_DATA").ok_or("set DSG_DATA to the folder of DSG's files")?);
    let prompts = gold::read(&folder)?;
    let started = std::time::Instant::now();
    let questions: Vec<_> =
        prompts.iter().map(|p| vq2_parse::template_questions(&p.text).unwrap_or_default()).collect();
    let per_second = prompts.len() as f64 / started.elapsed().as_secs_f64();
    let measured: Vec<Measured> = prompts.iter().zip(&questions).map(|(p, q)| measure::measure(p, q)).collect();

    if let Ok(bucket) = std::env::var("TEMPLATE_MISSES") {
        report::list_misses(&prompts, &questions, &measured, &bucket);
    } else if let Ok(bucket) = std::env::var("TEMPLATE_EXTRA") {
        report::list_extra(&prompts, &questions, &measured, &bucket);
    } else {
        print!("{}", report::markdown(&prompts, &questions, &measured));
        eprintln!("{per_second:.0} prompts/s on one core, first call included");
    }
    Ok(())
}
