//! Contact sheets of the best and worst images of each attribute (Fig. 9): a row of the highest, a row of the lowest.

use std::collections::BTreeMap;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;

use super::Findings;
use super::drawing::{WIDTH, escaped};
use super::figures::Numbers;
use super::pictures::{ContactSheet, Shown};
use super::sheet::{Panel, Section};
use super::words::{count, fixed, listed};

/// Room above a row, for its name, and below it, for the values.
const ABOVE: f64 = 20.0;
const BELOW: f64 = 22.0;
const GAP: f64 = 6.0;

/// One panel for each attribute.
pub fn section(findings: &Findings) -> Section {
    let sheets = &findings.inputs.contact_sheets;
    let panels: Vec<Panel> = sheets.iter().map(panel).collect();
    let mut lacking = Vec::new();
    if panels.is_empty() {
        let has_pixels = findings.inputs.images.iter().any(|image| image.path.is_some());
        lacking.push(match (&findings.settings.report.contact_sheets, has_pixels) {
            (None, _) => "No contact sheets: `evaluate.report.contact_sheets` is not set.".to_owned(),
            (_, false) => "No contact sheets: no image has pixels (`images.path` is null throughout).".to_owned(),
            _ => "No contact sheets: no image has a score (tables `concept_predictions` and `attribute_scores`)."
                .to_owned(),
        });
    }
    let shown = || sheets.iter().flat_map(|sheet| sheet.highest.iter().chain(&sheet.lowest));
    let without: Vec<&String> = shown().filter_map(|one| one.copy.as_ref().err()).collect();
    if let Some(first) = without.first() {
        lacking.push(format!(
            "{} of {} pictures are not shown; the first: {first}.",
            count(without.len()),
            count(shown().count())
        ));
    }
    let mut judges: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for sheet in sheets {
        judges.entry(&sheet.judge).or_default().push(format!("\u{201c}{}\u{201d}", sheet.attribute));
    }
    let each = "For each attribute, the images that show it most and least";
    let lead = match judges.iter().collect::<Vec<_>>().as_slice() {
        [] => Vec::new(),
        [(judge, _)] => vec![format!("{each}, judged by {judge}.")],
        several => {
            let of_judges = several.iter().map(|(judge, attributes)| format!("{} by {judge}", listed(attributes)));
            vec![format!("{each}: {}.", of_judges.collect::<Vec<_>>().join("; "))]
        }
    };
    Section { heading: "Best and worst images".to_owned(), lead, panels, lacking, ..Section::default() }
}

fn panel(sheet: &ContactSheet) -> Panel {
    let mut numbers = Numbers::new(&["attribute", "judged_by", "end", "place", "image_id", "value", "picture"]);
    for (end, shown) in [("highest", &sheet.highest), ("lowest", &sheet.lowest)] {
        for (at, one) in shown.iter().enumerate() {
            numbers.push(vec![
                sheet.attribute.clone(),
                sheet.judge.clone(),
                end.to_owned(),
                (at + 1).to_string(),
                one.image_id.clone(),
                one.value.to_string(),
                one.copy.as_ref().err().cloned().unwrap_or_default(),
            ]);
        }
    }
    let n = sheet.highest.len().max(sheet.lowest.len()).max(1);
    let cell = (f64::from(WIDTH) - GAP * (n - 1) as f64) / n as f64;
    let row = ABOVE + cell + BELOW;
    let n_rows = if sheet.lowest.is_empty() { 1.0 } else { 2.0 };
    let height = (row * n_rows).ceil() as u32;
    let title = format!("Images that show \u{201c}{}\u{201d} most and least", sheet.attribute);
    let mut svg = format!(
        "<svg role=\"img\" aria-label=\"{}\" viewBox=\"0 0 {WIDTH} {height}\" xmlns=\"http://www.w3.org/2000/svg\">\n",
        escaped(&title)
    );
    for (at, (name, shown)) in [("highest", &sheet.highest), ("lowest", &sheet.lowest)].into_iter().enumerate() {
        if shown.is_empty() {
            continue;
        }
        let top = row * at as f64;
        svg += &text(0.0, top + 14.0, "start", name);
        for (nth, one) in shown.iter().enumerate() {
            svg += &picture(one, nth as f64 * (cell + GAP), top + ABOVE, cell);
        }
    }
    svg += "</svg>";
    Panel {
        heading: sheet.attribute.clone(),
        paper: "Fig. 9",
        svg,
        size: (WIDTH, height),
        file: format!("fig 9 images {}", sheet.attribute),
        numbers,
        ..Panel::default()
    }
}

fn picture(one: &Shown, x: f64, y: f64, cell: f64) -> String {
    let label = escaped(&one.image_id);
    let place = format!("x=\"{x:.1}\" y=\"{y:.1}\" width=\"{cell:.1}\" height=\"{cell:.1}\"");
    let drawn = match &one.copy {
        Ok(jpeg) => format!(
            "<image {place} href=\"data:image/jpeg;base64,{}\"><title>{label}</title></image>\n",
            BASE64_STANDARD.encode(jpeg)
        ),
        Err(why) => format!(
            "<rect {place} fill=\"none\" stroke=\"currentColor\" stroke-opacity=\"0.4\" stroke-dasharray=\"4 3\">\
             <title>{label}: {}</title></rect>\n",
            escaped(why)
        ),
    };
    drawn + &text(x + cell / 2.0, y + cell + 14.0, "middle", &fixed(one.value, 2))
}

fn text(x: f64, y: f64, anchor: &str, text: &str) -> String {
    format!(
        "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\" font-family=\"sans-serif\" font-size=\"13\" \
         fill=\"currentColor\">{}</text>\n",
        escaped(text)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(image_id: &str, copy: Result<Vec<u8>, String>) -> Shown {
        Shown { image_id: image_id.to_owned(), value: 0.5, copy }
    }

    #[test]
    fn a_sheet_embeds_its_pictures_and_escapes_its_names() {
        let sheet = ContactSheet {
            attribute: "<b>".to_owned(),
            judge: "a model".to_owned(),
            highest: vec![shown("a\"<script>", Ok(vec![1, 2, 3]))],
            lowest: vec![shown("b", Err("<i>".to_owned()))],
        };
        let panel = panel(&sheet);
        assert!(panel.svg.contains("href=\"data:image/jpeg;base64,AQID\""), "{}", panel.svg);
        assert!(
            panel.svg.contains("<title>a&quot;&lt;script&gt;</title>")
                && panel.svg.contains("<title>b: &lt;i&gt;</title>")
        );
        assert!(!panel.svg.contains("<script") && !panel.svg.contains("<b>") && !panel.svg.contains("<i>"));
    }
}
