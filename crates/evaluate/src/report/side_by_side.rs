//! Side by side: the pairs, and what raters said of them (Table 1).

use std::collections::HashMap;

use tables::{OVERALL, SxsChoice, SxsSummary, SxsTest};

use super::Findings;
use super::sheet::{Section, Sheet};
use super::words::{counted, nothing, optional, p_text, with_interval};
use crate::bootstrap::Interval;
use crate::settings::SideBySide;

/// The pairs with the votes on them; nothing without the setting `sxs`.
pub fn section(findings: &Findings) -> Option<Section> {
    let settings = findings.settings.sxs.as_ref()?;
    let (pairs, summary) = (&findings.sxs.selection.pairs, &findings.sxs.summary);
    let prompts: HashMap<&str, &str> =
        findings.inputs.prompts.iter().map(|prompt| (prompt.prompt_id.as_str(), prompt.prompt.as_str())).collect();
    let rows = pairs.iter().map(|pair| {
        let prompt = prompts.get(pair.prompt_id.as_str()).copied().unwrap_or(&pair.prompt_id);
        let disagreement = optional(Some(pair.disagreement), 2);
        vec![prompt.to_owned(), pair.coarse_image_id.clone(), pair.fine_image_id.clone(), disagreement]
    });
    let models = pairs.first().map(|pair| format!(" ({} and {})", pair.coarse_run_id, pair.fine_run_id));
    let of_what = if settings.scores.is_some() { "the scored generations" } else { "the test split" };
    let mut lead = vec![format!(
        "On {} of {of_what}, \u{201c}{}\u{201d} and \u{201c}{}\u{201d}{} each like another image best. The {} on which \
         they disagree most are the ones to show to people: `finegrain sxs page`.",
        counted(findings.sxs.selection.n_disputed, "prompt"),
        settings.coarse,
        settings.fine,
        models.unwrap_or_default(),
        counted(pairs.len(), "pair"),
    )];
    let columns = ["Prompt", "Best for coarse", "Best for fine", "#Disagreement"];
    let pairs = Sheet::new(counted(pairs.len(), "pair"), &columns).with_rows(rows).folded();
    if summary.tests.is_empty() {
        let lacking = "No votes yet: tables `sxs_votes` and `sxs_summary` are empty.".to_owned();
        let heading = "Pairs to show side by side".to_owned();
        return Some(Section { heading, lead, lacking: vec![lacking], sheets: vec![pairs], ..Section::default() });
    }
    lead.extend(summary.tests.iter().find(|test| test.aspect == OVERALL).map(|test| in_words(test, settings)));
    lead.push(
        "Shares of the votes with 95 % intervals that redraw pairs, each with all its votes. The binomial test takes votes for \
         independent; believe the interval first. Alpha is Krippendorff\u{2019}s: 1 if raters agree, 0 if only by chance."
            .to_owned(),
    );
    let heading = "Side by side: what raters prefer".to_owned();
    let sheets = vec![shares(&summary.shares), tests(&summary.tests), pairs];
    Some(Section { heading, lead, sheets, ..Section::default() })
}

fn in_words(test: &SxsTest, settings: &SideBySide) -> String {
    let votes = format!("{} by {}", counted(test.n_votes as usize, "vote"), counted(test.n_raters as usize, "rater"));
    let (Some(share), Some(p_value)) = (test.fine_share, test.p_value) else {
        return format!("In general, of {votes} none is decided.");
    };
    let interval = test.ci_low.zip(test.ci_high).map(|(low, high)| Interval { low: 100.0 * low, high: 100.0 * high });
    let verdict = match interval {
        Some(interval) if interval.low > 50.0 => format!("people prefer what \u{201c}{}\u{201d} likes", settings.fine),
        Some(interval) if interval.high < 50.0 => {
            format!("people prefer what \u{201c}{}\u{201d} likes", settings.coarse)
        }
        _ => "these votes do not tell which model\u{2019}s images people prefer".to_owned(),
    };
    format!(
        "In general {verdict}: of {votes}, {} are decided, {} % of these for \u{201c}{}\u{201d} (p {}).",
        test.n_decided,
        with_interval(100.0 * share, interval, 0),
        settings.fine,
        if p_value < 0.001 { p_text(p_value) } else { format!("= {}", p_text(p_value)) },
    )
}

/// The rows of Table 1, in percent.
fn shares(rows: &[SxsSummary]) -> Sheet {
    let columns = ["Asked", "#Coarse, %", "#Fine, %", "#Unsure, %", "#Votes"];
    let percent = |row: &SxsSummary| {
        let interval = row.ci_low.zip(row.ci_high);
        let interval = interval.map(|(low, high)| Interval { low: 100.0 * low, high: 100.0 * high });
        with_interval(100.0 * row.share, interval, 1)
    };
    let of_aspect = rows.chunk_by(|a, b| a.aspect == b.aspect).map(|rows| {
        let mut cells = vec![asked(&rows[0].aspect)];
        cells.extend(
            SxsChoice::ALL
                .iter()
                .map(|&choice| rows.iter().find(|row| row.choice == choice).map_or_else(nothing, percent)),
        );
        cells.push(rows.iter().map(|row| row.n_votes).sum::<i64>().to_string());
        cells
    });
    Sheet::new("Side-by-side preferences (Table 1)", &columns).with_rows(of_aspect)
}

fn tests(rows: &[SxsTest]) -> Sheet {
    let columns = [
        "Asked",
        "#Decided",
        "#For fine, % of these",
        "#p, binomial",
        "#Alpha",
        "#For the left, %",
        "#Seconds a vote",
        "Why not",
    ];
    let row = |test: &SxsTest| {
        let interval =
            test.ci_low.zip(test.ci_high).map(|(low, high)| Interval { low: 100.0 * low, high: 100.0 * high });
        vec![
            asked(&test.aspect),
            test.n_decided.to_string(),
            test.fine_share.map_or_else(nothing, |share| with_interval(100.0 * share, interval, 1)),
            test.p_value.map_or_else(nothing, p_text),
            optional(test.alpha, 2),
            optional(test.left_share.map(|share| 100.0 * share), 0),
            optional(test.mean_seconds, 1),
            test.reason.clone().unwrap_or_default(),
        ]
    };
    Sheet::new("Do the votes favour a model, and do raters agree?", &columns).with_rows(rows.iter().map(row))
}

fn asked(aspect: &str) -> String {
    if aspect == OVERALL { "preferred".to_owned() } else { format!("more {aspect}") }
}
