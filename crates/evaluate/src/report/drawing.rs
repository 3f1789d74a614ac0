//! SVG by `plotters`, made fit for a page: it scales, has no background, and its ink is the page's text colour.

use plotters::coord::Shift;
use plotters::coord::ranged1d::{KeyPointHint, NoDefaultFormatting, ValueFormatter};
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use crate::error::EvaluateError;

/// What a figure is drawn on.
pub type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// A chart with both axes ruled by an [`Axis`].
pub type Chart<'a, 'b> = ChartContext<'a, SVGBackend<'b>, Cartesian2d<Axis, Axis>>;

/// Why drawing failed.
pub type DrawingError = Box<dyn std::error::Error>;

/// Lines and letters: the page's text colour, whatever it is. No other element may have this colour.
pub const INK: RGBColor = RGBColor(1, 2, 3);

/// Width of a chart in units that are about pixels, on a desktop with three charts side by side as on a phone.
pub const WIDTH: u32 = 400;

/// Size of letters. The backend divides it by 1.24: these are 13 pixels.
pub const LETTERS: f64 = 16.0;

/// Letters of the page's own font, with an anchor.
pub fn letters(size: f64, horizontal: HPos, vertical: VPos) -> TextStyle<'static> {
    TextStyle::from(("sans-serif", size).into_font()).color(&INK).pos(Pos::new(horizontal, vertical))
}

/// Draws a figure of this width and height and gives it as an `<svg>` element. `title` is what a screen reader says.
///
/// # Errors
/// [`EvaluateError::Figure`].
pub fn figure(
    title: &str,
    size: (u32, u32),
    draw: impl FnOnce(&Area) -> Result<(), DrawingError>,
) -> Result<String, EvaluateError> {
    let failed = |error: DrawingError| EvaluateError::Figure { figure: title.to_owned(), reason: error.to_string() };
    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, size).into_drawing_area();
        draw(&area).map_err(failed)?;
        area.present().map_err(|error| failed(error.into()))?;
    }
    Ok(for_a_page(&svg, title, size))
}

/// One axis of a chart: linear, with ticks where it is told.
#[derive(Clone)]
pub struct Axis {
    /// Where it begins.
    pub low: f64,
    /// Where it ends; above `low`.
    pub high: f64,
    /// Where its ticks are, and what they say.
    pub ticks: Vec<(f64, String)>,
    /// What it shows; empty for no title.
    pub title: String,
    /// Room for its ticks' letters, in pixels.
    pub room: u32,
}

impl Axis {
    /// An axis with about `wanted` round ticks.
    pub fn round(low: f64, high: f64, wanted: usize, title: &str, room: u32) -> Self {
        let (ticks, decimals) = round_ticks(low, high, wanted);
        let ticks = ticks.into_iter().map(|tick| (tick, super::words::fixed(tick, decimals))).collect();
        Self { low, high, ticks, title: title.to_owned(), room }
    }
}

impl Ranged for Axis {
    type FormatOption = NoDefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, (first, last): (i32, i32)) -> i32 {
        let share = (value - self.low) / (self.high - self.low);
        first + (f64::from(last - first) * share).round() as i32
    }

    fn key_points<Hint: KeyPointHint>(&self, hint: Hint) -> Vec<f64> {
        // Light lines between the ticks are asked for too; there are none.
        if hint.weight().allow_light_points() { Vec::new() } else { self.ticks.iter().map(|(at, _)| *at).collect() }
    }

    fn range(&self) -> std::ops::Range<f64> {
        self.low..self.high
    }
}

impl ValueFormatter<f64> for Axis {
    fn format_ext(&self, at: &f64) -> String {
        self.ticks.iter().find(|(tick, _)| tick == at).map(|(_, text)| text.clone()).unwrap_or_default()
    }
}

/// An empty chart: faint lines at the ticks, their texts, the titles of the axes.
///
/// # Errors
/// [`DrawingError`].
pub fn chart<'a, 'b>(area: &Area<'b>, x: &Axis, y: &Axis) -> Result<Chart<'a, 'b>, DrawingError> {
    let mut chart = ChartBuilder::on(area)
        .margin_top(10)
        .margin_right(14)
        .x_label_area_size(x.room)
        .y_label_area_size(y.room)
        .build_cartesian_2d(x.clone(), y.clone())?;
    chart
        .configure_mesh()
        .light_line_style(TRANSPARENT)
        .bold_line_style(INK.mix(0.12))
        .axis_style(INK.mix(0.4))
        .x_labels(x.ticks.len())
        .y_labels(y.ticks.len())
        .label_style(letters(LETTERS, HPos::Center, VPos::Center))
        .axis_desc_style(letters(LETTERS, HPos::Center, VPos::Center))
        .x_desc(x.title.as_str())
        .y_desc(y.title.as_str())
        .draw()?;
    Ok(chart)
}

/// A straight line; nothing if it has no length in whole pixels, which no renderer of SVG can stroke.
///
/// # Errors
/// [`DrawingError`].
pub fn line(chart: &mut Chart, ends: [(f64, f64); 2], style: ShapeStyle) -> Result<(), DrawingError> {
    let [from, to] = ends.map(|end| chart.backend_coord(&end));
    if from != to {
        chart.draw_series([PathElement::new(ends, style)])?;
    }
    Ok(())
}

/// A faint area; nothing if it has no height in whole pixels, which no renderer of SVG can fill.
///
/// # Errors
/// [`DrawingError`].
pub fn band(chart: &mut Chart, corners: [(f64, f64); 2]) -> Result<(), DrawingError> {
    let [from, to] = corners.map(|corner| chart.backend_coord(&corner));
    if from.1 != to.1 {
        chart.draw_series([Rectangle::new(corners, INK.mix(0.1).filled())])?;
    }
    Ok(())
}

/// Sizes go (the page's style sets them), the ink becomes `currentColor`, the title is added.
fn for_a_page(svg: &str, title: &str, (width, height): (u32, u32)) -> String {
    let fixed_size = format!("<svg width=\"{width}\" height=\"{height}\"");
    let labelled = format!("<svg role=\"img\" aria-label=\"{}\"", escaped(title));
    // The two spellings are attributes that only the backend writes: text is escaped by it, and holds no quotes.
    svg.replacen(&fixed_size, &labelled, 1)
        .replace("fill=\"#010203\"", "fill=\"currentColor\"")
        .replace("stroke=\"#010203\"", "stroke=\"currentColor\"")
}

/// Text as it may stand in HTML and SVG, also in an attribute.
pub fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '&' => escaped.push_str("&amp;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}

/// Round numbers from `low` to `high`, about `wanted` of them, with the decimals they need.
pub fn round_ticks(low: f64, high: f64, wanted: usize) -> (Vec<f64>, usize) {
    let rough = (high - low) / wanted.max(1) as f64;
    if !rough.is_finite() || rough <= 0.0 {
        return (vec![low], 2);
    }
    let magnitude = 10f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0].into_iter().map(|m| m * magnitude).find(|step| *step >= rough).unwrap_or(rough);
    let first = (low / step - 1e-9).ceil();
    let n = ((high / step + 1e-9).floor() - first).max(0.0) as usize + 1;
    let decimals = (-(step.log10().floor())).max(0.0) as usize;
    ((0..n).map(|at| (first + at as f64) * step).collect(), decimals)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_takes_the_pages_colour_and_size() {
        let svg = figure("A <b> & \"c\"", (WIDTH, 100), |area| {
            area.draw(&Text::new("</svg><script>", (5, 5), letters(LETTERS, HPos::Left, VPos::Top)))?;
            area.draw(&PathElement::new([(0, 0), (10, 10)], INK.stroke_width(1)))?;
            Ok(())
        })
        .unwrap();
        assert!(svg.starts_with("<svg role=\"img\" aria-label=\"A &lt;b&gt; &amp; &quot;c&quot;\" viewBox="), "{svg}");
        assert!(svg.contains("fill=\"currentColor\"") && svg.contains("stroke=\"currentColor\""), "{svg}");
        assert!(!svg.contains("#010203") && !svg.contains("<script>"), "{svg}");
        assert_eq!(svg.matches("</svg>").count(), 1);
    }

    #[test]
    fn ticks_are_round_and_within_the_range() {
        assert_eq!(round_ticks(0.48, 0.93, 5), (vec![0.5, 0.6000000000000001, 0.7000000000000001, 0.8, 0.9], 1));
        assert_eq!(round_ticks(0.6, 0.7, 5).1, 2);
        assert_eq!(round_ticks(-4.0, 4.0, 4).0, [-4.0, -2.0, 0.0, 2.0, 4.0]);
        assert_eq!(round_ticks(1.0, 1.0, 5).0, [1.0]);
    }
}
