//! The report of `docs/buckets.md`.

use std::collections::BTreeMap;
use std::fmt::{self, Write};

use tables::Bucket;
use vq2_parse::Rule;

use crate::Scored;
use crate::confusion::Confusion;
use crate::families::{FAMILIES, family_of};

const HEAD: &str = "\
# Buckets: what was measured

Made by `make bucket-report DSG_DATA=…` from the DSG questions of six source sets; do not edit. Gold as in DSG's own
categories: entity is noun, attribute adjective, relation-action verb, other relations relation; a state is a verb if a
word in -ing names it, else an adjective. Questions of other categories (global, count, text) are not scored.

Rows are halved by a hash of the prompt's identifier. Rules were developed on the first half and on sentences of our
own; of the second half only counts were looked at meanwhile. (A sample of the spaCy peer's mistakes, printed once when
the rules stood, showed some of its questions; no rule was changed for them.) The word lists are general English, none
extracted from these questions.
";

/// The whole report.
///
/// # Errors
/// If an example sentence no longer makes its family's rule fire.
pub fn markdown(scored: &[Scored]) -> Result<String, Box<dyn std::error::Error>> {
    for family in FAMILIES {
        let decision = vq2_parse::bucket(family.example, None);
        if decision.rule != family.rule || decision.bucket == family.gold {
            return Err(format!("`{}` is read by `{}`, not `{}`", family.example, decision.rule, family.rule).into());
        }
    }
    let mut out = HEAD.to_owned();
    figures(&mut out, scored)?;
    matrix(&mut out, scored)?;
    source_sets(&mut out, scored)?;
    families(&mut out, scored)?;
    rules(&mut out, scored)?;
    Ok(out)
}

fn figures(out: &mut String, scored: &[Scored]) -> fmt::Result {
    writeln!(out, "\n## Figures\n\n{}", figure_head("questions"))?;
    let parts: &[(&str, &dyn Fn(&&Scored) -> bool)] = &[
        ("held back", &|r| !r.develop),
        ("held back, without state items", &|r| !r.develop && !r.state),
        ("held back, without posescript", &|r| !r.develop && r.source_set != "posescript"),
        ("developed on", &|r| r.develop),
        ("all", &|_| true),
        ("all, without state items", &|r| !r.state),
    ];
    for (name, part) in parts {
        figure_row(out, name, &scored.iter().filter(part).collect())?;
    }
    Ok(())
}

fn figure_head(first: &str) -> String {
    let buckets: Vec<&str> = Bucket::ALL.iter().map(|b| b.as_str()).collect();
    format!(
        "| {first} | n | accuracy | macro-F1 | F1 {} |\n|---|{}",
        buckets.join(" | F1 "),
        "---:|".repeat(3 + buckets.len())
    )
}

fn figure_row(out: &mut String, name: &str, confusion: &Confusion) -> fmt::Result {
    let f1: Vec<String> = Bucket::ALL.iter().map(|&b| format!("{:.3}", confusion.f1(b))).collect();
    let (n, accuracy, macro_f1) = (confusion.total(), confusion.accuracy(), confusion.macro_f1());
    writeln!(out, "| {name} | {n} | {accuracy:.4} | {macro_f1:.4} | {} |", f1.join(" | "))
}

fn matrix(out: &mut String, scored: &[Scored]) -> fmt::Result {
    let confusion: Confusion = scored.iter().filter(|r| !r.develop).collect();
    let buckets: Vec<&str> = Bucket::ALL.iter().map(|b| b.as_str()).collect();
    writeln!(out, "\n## Confusion on the half held back\n")?;
    writeln!(out, "| gold \\ chosen | {} | recall |\n|---|{}", buckets.join(" | "), "---:|".repeat(buckets.len() + 1))?;
    let share = |hits: usize, of: usize| format!("{:.3}", hits as f64 / of as f64);
    for &gold in Bucket::ALL {
        let counts: Vec<String> = Bucket::ALL.iter().map(|&c| confusion.count(gold, c).to_string()).collect();
        let recall = share(confusion.count(gold, gold), confusion.n_gold(gold));
        writeln!(out, "| {gold} | {} | {recall} |", counts.join(" | "))?;
    }
    let precision: Vec<String> =
        Bucket::ALL.iter().map(|&b| share(confusion.count(b, b), confusion.n_chosen(b))).collect();
    writeln!(out, "| precision | {} | |", precision.join(" | "))
}

fn source_sets(out: &mut String, scored: &[Scored]) -> fmt::Result {
    for (title, develop) in [("the half held back", false), ("the half developed on", true)] {
        writeln!(out, "\n## By source set, {title}\n\n{}", figure_head("source set"))?;
        let mut sets: BTreeMap<&str, Vec<&Scored>> = BTreeMap::new();
        for row in scored.iter().filter(|r| r.develop == develop) {
            sets.entry(&row.source_set).or_default().push(row);
        }
        for (name, rows) in sets {
            figure_row(out, name, &rows.into_iter().collect())?;
        }
    }
    Ok(())
}

fn families(out: &mut String, scored: &[Scored]) -> fmt::Result {
    let mut counts: BTreeMap<(Bucket, Rule), [usize; 2]> = BTreeMap::new();
    for row in scored.iter().filter(|r| r.gold != r.chosen) {
        counts.entry((row.gold, row.rule)).or_default()[usize::from(row.develop)] += 1;
    }
    let mut families: Vec<_> = counts.into_iter().collect();
    families.sort_by_key(|&(key, [held_back, develop])| (std::cmp::Reverse(held_back + develop), key));
    writeln!(out, "\n## Families of mistakes\n\nThe sentences are our own; each makes the rule of its family fire.\n")?;
    writeln!(
        out,
        "| gold → chosen | rule | held back | developed on | for example | why |\n|---|---|---:|---:|---|---|"
    )?;
    let (mut rest, mut n_rest) = ([0, 0], 0);
    for ((gold, rule), [held_back, develop]) in families {
        let Some(family) = family_of(gold, rule) else {
            rest = [rest[0] + held_back, rest[1] + develop];
            n_rest += 1;
            continue;
        };
        let (example, why, chosen) = (family.example, family.why, rule.bucket());
        writeln!(out, "| {gold} → {chosen} | `{rule}` | {held_back} | {develop} | {example} | {why} |")?;
    }
    writeln!(out, "| {n_rest} other pairs | | {} | {} | | a few questions each |", rest[0], rest[1])
}

fn rules(out: &mut String, scored: &[Scored]) -> fmt::Result {
    writeln!(out, "\n## The rules, and how often they are right on the half held back\n")?;
    writeln!(out, "| rule | bucket | n | right | what it sees |\n|---|---|---:|---:|---|")?;
    for &rule in Rule::ALL {
        let fired: Vec<&Scored> = scored.iter().filter(|r| !r.develop && r.rule == rule).collect();
        let right = fired.iter().filter(|r| r.gold == r.chosen).count();
        writeln!(out, "| `{rule}` | {} | {} | {right} | {} |", rule.bucket(), fired.len(), rule.meaning())?;
    }
    Ok(())
}
