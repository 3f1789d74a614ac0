//! Figures as files: what stands in the page also lies beside it as SVG, PNG and CSV, each with its heading and legend.

use std::collections::BTreeSet;

use rayon::prelude::*;

use super::drawing::escaped;
use super::png::png;
use super::sheet::{Legend, Panel, Section};
use crate::error::EvaluateError;

/// Where figures lie, below the report's folder.
const FOLDER: &str = "report";
/// Letters of a file's name, at most.
const LONGEST_NAME: usize = 60;
/// Width of a letter beside its size, on average, in the widest of the fonts that files may be drawn with.
const LETTER: f64 = 0.56;
/// The ink of a file, which has no page to take it from; and its ground.
const INK: &str = "#1c1e21";
const GROUND: &str = "#ffffff";

/// The numbers behind a figure, as they go into its CSV file.
#[derive(Debug, Clone, Default)]
pub struct Numbers {
    columns: Vec<&'static str>,
    rows: Vec<Vec<String>>,
}

impl Numbers {
    /// No rows yet.
    pub fn new(columns: &[&'static str]) -> Self {
        Self { columns: columns.to_vec(), rows: Vec::new() }
    }

    /// One more row, with a cell for each column.
    pub fn push(&mut self, row: Vec<String>) {
        debug_assert_eq!(row.len(), self.columns.len());
        self.rows.push(row);
    }

    fn csv(&self) -> Result<Vec<u8>, csv::Error> {
        let mut writer = csv::Writer::from_writer(Vec::new());
        writer.write_record(&self.columns)?;
        self.rows.iter().try_for_each(|row| writer.write_record(row))?;
        writer.into_inner().map_err(|error| error.into_error().into())
    }
}

/// A number with all its digits; empty where there is none.
pub fn exact(value: Option<f64>) -> String {
    value.map_or_else(String::new, |value| value.to_string())
}

/// The ends of an interval with all their digits.
pub fn ends(interval: Option<crate::bootstrap::Interval>) -> [String; 2] {
    [exact(interval.map(|interval| interval.low)), exact(interval.map(|interval| interval.high))]
}

/// Gives every figure a file name of its own and makes its files: key under the data root to content.
///
/// # Errors
/// [`EvaluateError::Figure`] or [`EvaluateError::Numbers`].
pub fn files(sections: &mut [Section]) -> Result<Vec<(String, Vec<u8>)>, EvaluateError> {
    let mut taken = BTreeSet::new();
    for panel in sections.iter_mut().flat_map(|section| &mut section.panels) {
        panel.file = free_name(&panel.file, &mut taken);
    }
    let panels: Vec<(&Panel, &[Legend])> = sections
        .iter()
        .flat_map(|section| section.panels.iter().map(|panel| (panel, section.legend.as_slice())))
        .collect();
    let of_panel = |(panel, legend): &(&Panel, &[Legend])| -> Result<Vec<(String, Vec<u8>)>, EvaluateError> {
        let svg = standalone(panel, legend);
        let failed = |source| EvaluateError::Numbers { figure: panel.heading.clone(), source };
        let png = png(&svg, &panel.heading)?;
        let csv = panel.numbers.csv().map_err(failed)?;
        let key = |ending: &str| format!("{FOLDER}/{}.{ending}", panel.file);
        Ok(vec![(key("svg"), svg.into_bytes()), (key("png"), png), (key("csv"), csv)])
    };
    let files: Vec<Vec<_>> = panels.par_iter().map(of_panel).collect::<Result<_, _>>()?;
    Ok(files.into_iter().flatten().collect())
}

/// Small letters, digits and dashes; with a number at the end if that name is taken.
fn free_name(wanted: &str, taken: &mut BTreeSet<String>) -> String {
    let mut name = String::new();
    for letter in wanted.to_lowercase().chars() {
        match letter {
            'a'..='z' | '0'..='9' => name.push(letter),
            _ if !name.is_empty() && !name.ends_with('-') => name.push('-'),
            _ => {}
        }
    }
    name.truncate(LONGEST_NAME);
    let stem = name.trim_end_matches('-');
    let stem = if stem.is_empty() { "figure" } else { stem };
    let name = std::iter::once(stem.to_owned()).chain((2..).map(|nth| format!("{stem}-{nth}")));
    let name = name.into_iter().find(|name| !taken.contains(name)).unwrap_or_default();
    taken.insert(name.clone());
    name
}

/// Pixels that text of this size takes in the widest of the fonts that it may be drawn with, about.
fn width_of(text: &str, size: f64) -> f64 {
    text.chars().count() as f64 * size * LETTER
}

/// The panel with its heading and its legend above, on white, with a size of its own.
fn standalone(panel: &Panel, legend: &[Legend]) -> String {
    const MARGIN: f64 = 12.0;
    let (width, height) = (f64::from(panel.size.0), f64::from(panel.size.1));
    let text = |x: f64, y: f64, size: f64, weight: &str, text: &str| {
        format!(
            "<text x=\"{x:.0}\" y=\"{y:.0}\" font-size=\"{size}\" font-weight=\"{weight}\" fill=\"{INK}\">{}</text>\n",
            escaped(text)
        )
    };
    let mut above = String::new();
    let mut y = MARGIN;
    for line in wrapped(&panel.heading, width, 15.0) {
        y += 18.0;
        above += &text(MARGIN, y, 15.0, "bold", &line);
    }
    let legend = if panel.with_legend { legend } else { &[] };
    let mut x = MARGIN;
    for (at, entry) in legend.iter().enumerate() {
        let longest = ((width - 34.0) / (13.0 * LETTER)) as usize;
        let label = entry.label();
        let label = if label.chars().count() > longest { &entry.name } else { &label };
        let name = super::words::shortened(label, longest);
        let needed = 34.0 + width_of(&name, 13.0);
        if at == 0 || x + needed > width + MARGIN {
            (x, y) = (MARGIN, y + 21.0);
        }
        // A mark is a small picture of 24 by 16 around its middle.
        above += &format!("<g transform=\"translate({:.0} {:.0})\">{}</g>\n", x + 12.0, y - 5.0, entry.mark_shapes());
        above += &text(x + 30.0, y, 13.0, "normal", &name);
        x += needed;
    }
    let top = y + 10.0;
    let (full_width, full_height) = (width + 2.0 * MARGIN, top + height + MARGIN);
    let inner = panel.svg.replacen(
        "<svg ",
        &format!("<svg x=\"{MARGIN}\" y=\"{top}\" width=\"{width}\" height=\"{height}\" "),
        1,
    );
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{full_width}\" height=\"{full_height}\" \
         viewBox=\"0 0 {full_width} {full_height}\" color=\"{INK}\" font-family=\"Roboto, Arial, sans-serif\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"{GROUND}\"/>\n{above}{inner}\n</svg>\n"
    )
    .replace("currentColor", INK)
    .chars()
    .filter(|letter| is_of_xml(*letter))
    .collect()
}

/// XML has no form at all for most control characters; a name that holds one must not cost the figure.
fn is_of_xml(letter: char) -> bool {
    !(letter.is_control() && !matches!(letter, '\t' | '\n' | '\r') || matches!(letter, '\u{fffe}' | '\u{ffff}'))
}

fn wrapped(text: &str, width: f64, size: f64) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        let word = super::words::shortened(word, (width / (size * LETTER)) as usize);
        match lines.last_mut() {
            Some(line) if width_of(line, size) + width_of(&word, size) + size <= width => {
                line.push(' ');
                line.push_str(&word);
            }
            _ => lines.push(word),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(wanted: &[&str]) -> Vec<String> {
        let mut taken = BTreeSet::new();
        wanted.iter().map(|name| free_name(name, &mut taken)).collect()
    }

    #[test]
    fn every_figure_has_a_plain_file_name_of_its_own() {
        assert_eq!(
            names(&["Fig. 2, left: preferences", "fig 2 left preferences"]),
            ["fig-2-left-preferences", "fig-2-left-preferences-2"]
        );
        assert_eq!(
            names(&["../../etc/passwd\0", "größe <b>", "///", ""]),
            ["etc-passwd", "gr-e-b", "figure", "figure-2"]
        );
        assert!(names(&["x".repeat(500).as_str()])[0].len() <= LONGEST_NAME);
    }

    #[test]
    fn numbers_keep_their_digits_and_hostile_cells_are_quoted() {
        let mut numbers = Numbers::new(&["arm", "auc"]);
        numbers.push(vec!["a,\"b\"\n".to_owned(), exact(Some(0.1 + 0.2))]);
        numbers.push(vec!["c".to_owned(), exact(None)]);
        let text = String::from_utf8(numbers.csv().unwrap()).unwrap();
        assert_eq!(text, "arm,auc\n\"a,\"\"b\"\"\n\",0.30000000000000004\nc,\n");
    }

    #[test]
    fn control_characters_do_not_reach_the_file() {
        let kept: String = "a\0b\u{1b}\n\u{ffff}c".chars().filter(|letter| is_of_xml(*letter)).collect();
        assert_eq!(kept, "ab\nc");
    }

    #[test]
    fn long_headings_are_wrapped() {
        let lines = wrapped("Test AUC by seconds of the raters\u{2019} own time, experiment preferences", 400.0, 15.0);
        assert!(lines.len() == 2 && lines.iter().all(|line| width_of(line, 15.0) <= 400.0), "{lines:?}");
    }
}
