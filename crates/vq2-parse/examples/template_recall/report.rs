//! The tables of the report, and the lists for development.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use tables::Bucket;
use vq2_parse::TemplateQuestion;

use crate::families::Family;
use crate::gold::{GoldPrompt, Proposition};
use crate::measure::{Judged, Measured, Recalled};

const DEFINITIONS: &str = include_str!("definitions.md");

/// The whole report.
pub fn markdown(prompts: &[GoldPrompt], questions: &[Vec<TemplateQuestion>], measured: &[Measured]) -> String {
    let mut text = DEFINITIONS.to_owned();
    for (develop, title) in [(false, "held-back half"), (true, "half that rules were developed on")] {
        let n = prompts.iter().filter(|p| p.develop == develop).count();
        let _ = writeln!(text, "\n## The {title}: {n} prompts\n");
        text += &bucket_table(&select(prompts, measured, &|p| p.develop == develop));
    }
    text += "\n## By source, held-back half\n";
    let sources: BTreeSet<&str> = prompts.iter().map(|p| p.source.as_str()).collect();
    for source in sources {
        let n = prompts.iter().filter(|p| !p.develop && p.source == source).count();
        let _ = writeln!(text, "\n### {source}: {n} prompts\n");
        text += &bucket_table(&select(prompts, measured, &|p| !p.develop && p.source == source));
    }
    text += "\n## Misses by family, held-back half\n\n";
    text += &family_table(&select(prompts, measured, &|p| !p.develop));
    text += "\n## Misses by family, half that rules were developed on\n\n";
    text += &family_table(&select(prompts, measured, &|p| p.develop));
    let n_without = questions.iter().filter(|q| q.is_empty()).count();
    let _ = writeln!(text, "\n{n_without} of {} prompts got no question.", prompts.len());
    text
}

type Pairs<'a> = (Vec<(&'a Proposition, &'a Recalled)>, Vec<(Bucket, &'a Judged)>);

fn select<'a>(prompts: &'a [GoldPrompt], measured: &'a [Measured], keep: &dyn Fn(&GoldPrompt) -> bool) -> Pairs<'a> {
    let kept = || prompts.iter().zip(measured).filter(|(p, _)| keep(p));
    (
        kept().flat_map(|(p, m)| p.propositions.iter().zip(&m.recalled)).collect(),
        kept().flat_map(|(_, m)| m.judged.iter().map(|j| (j.bucket, j))).collect(),
    )
}

fn bucket_table((propositions, questions): &Pairs<'_>) -> String {
    let mut text = "| bucket | propositions | recall | recall, reachable | recall, strict | questions | precision | precision, own bucket | words a question | words a proposition |\n".to_owned();
    text += "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n";
    let row = |name: &str, keep: &dyn Fn(Option<Bucket>) -> bool, text: &mut String| {
        let gold: Vec<_> = propositions.iter().filter(|(p, _)| p.bucket.is_some() && keep(p.bucket)).collect();
        let reachable: Vec<_> = gold.iter().filter(|(_, r)| r.reachable).collect();
        let asked: Vec<_> = questions.iter().filter(|(b, _)| keep(Some(*b))).collect();
        let _ = writeln!(
            text,
            "| {name} | {} | {} | {} | {} | {} | {} | {} | {} | {} |",
            gold.len(),
            share(gold.iter().filter(|(_, r)| r.content).count(), gold.len()),
            share(reachable.iter().filter(|(_, r)| r.content).count(), reachable.len()),
            share(gold.iter().filter(|(_, r)| r.words).count(), gold.len()),
            asked.len(),
            share(asked.iter().filter(|(_, j)| j.covers).count(), asked.len()),
            share(asked.iter().filter(|(_, j)| j.covers_own).count(), asked.len()),
            mean(asked.iter().map(|(_, j)| j.n_words).sum(), asked.len()),
            mean(gold.iter().map(|(p, _)| p.content.len()).sum(), gold.len()),
        );
    };
    for &bucket in Bucket::ALL {
        row(bucket.as_str(), &|b| b == Some(bucket), &mut text);
    }
    row("all", &|_| true, &mut text);
    text
}

fn family_table((propositions, _): &Pairs<'_>) -> String {
    let mut counts: BTreeMap<(Family, Bucket), usize> = BTreeMap::new();
    for (proposition, recalled) in propositions {
        if let (Some(bucket), Some(family)) = (proposition.bucket, recalled.family) {
            *counts.entry((family, bucket)).or_default() += 1;
        }
    }
    let mut text = "| family | noun | adjective | verb | relation |\n| --- | ---: | ---: | ---: | ---: |\n".to_owned();
    for &family in Family::ALL {
        let cells: Vec<String> =
            Bucket::ALL.iter().map(|&b| counts.get(&(family, b)).copied().unwrap_or(0).to_string()).collect();
        let _ = writeln!(text, "| {} | {} |", family.as_str(), cells.join(" | "));
    }
    text
}

/// Prints what the first half's questions of a bucket miss, with all questions of the prompt.
pub fn list_misses(prompts: &[GoldPrompt], questions: &[Vec<TemplateQuestion>], measured: &[Measured], bucket: &str) {
    for ((prompt, asked), measured) in prompts.iter().zip(questions).zip(measured).filter(|((p, _), _)| p.develop) {
        let misses: Vec<_> = prompt
            .propositions
            .iter()
            .zip(&measured.recalled)
            .filter(|(p, r)| !r.content && p.bucket.is_some_and(|b| b.as_str() == bucket))
            .collect();
        if misses.is_empty() {
            continue;
        }
        println!("\n[{}] {}", prompt.source, prompt.text);
        for question in asked {
            println!("      {} {}", &question.bucket.as_str()[..1], question.question);
        }
        for (proposition, recalled) in misses {
            println!("   -- {} <{}>", proposition.tuple, recalled.family.map_or("", Family::as_str));
        }
    }
}

/// Prints the first half's questions of a bucket that cover nothing of it.
pub fn list_extra(prompts: &[GoldPrompt], questions: &[Vec<TemplateQuestion>], measured: &[Measured], bucket: &str) {
    for ((prompt, asked), measured) in prompts.iter().zip(questions).zip(measured).filter(|((p, _), _)| p.develop) {
        let extra: Vec<_> =
            asked.iter().zip(&measured.judged).filter(|(q, j)| !j.covers_own && q.bucket.as_str() == bucket).collect();
        if extra.is_empty() {
            continue;
        }
        println!("\n[{}] {}", prompt.source, prompt.text);
        for (question, judged) in extra {
            println!("   ++ {}{}", question.question, if judged.covers { "" } else { "   (covers nothing)" });
        }
        for proposition in &prompt.propositions {
            println!("      {}", proposition.tuple);
        }
    }
}

fn share(part: usize, whole: usize) -> String {
    if whole == 0 { "–".to_owned() } else { format!("{:.3}", part as f64 / whole as f64) }
}

fn mean(sum: usize, n: usize) -> String {
    if n == 0 { "–".to_owned() } else { format!("{:.1}", sum as f64 / n as f64) }
}
