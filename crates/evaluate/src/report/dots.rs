//! One row a name, one or more dots a row: validity of attributes, weights of aggregators.

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, VPos};

use super::drawing::{Axis, DrawingError, INK, LETTERS, WIDTH, chart, figure, letters, line};
use super::palette::Mark;
use super::words::shortened;
use crate::bootstrap::Interval;
use crate::error::EvaluateError;

/// One row.
pub struct Row {
    /// Its name, at the left.
    pub name: String,
    /// What it shows.
    pub dots: Vec<Dot>,
}

/// One value.
pub struct Dot {
    /// Where it is.
    pub value: f64,
    /// The line through it.
    pub interval: Option<Interval>,
    /// How it is drawn.
    pub mark: Mark,
}

/// A dashed line across all rows, with its name above.
pub struct Reference {
    /// Where it is.
    pub value: f64,
    /// Its name.
    pub name: String,
}

/// Height of one row.
const ROW: u32 = 24;
/// Letters of a name, at most.
const LONGEST: usize = 22;
/// Half the pixels that the name of a reference takes, at most.
const NAME_ABOVE: i32 = 36;

/// The panel and its size; `None` without rows. The first row is at the top.
///
/// # Errors
/// [`EvaluateError::Figure`].
pub fn dots(
    title: &str,
    x_title: &str,
    rows: &[Row],
    references: &[Reference],
) -> Result<Option<(String, (u32, u32))>, EvaluateError> {
    let values = rows.iter().flat_map(|row| &row.dots).flat_map(|dot| {
        let interval = dot.interval.map_or([dot.value; 2], |interval| [interval.low, interval.high]);
        [dot.value].into_iter().chain(interval)
    });
    let all: Vec<f64> = values.chain(references.iter().map(|reference| reference.value)).collect();
    let (Some(low), Some(high)) = (all.iter().copied().reduce(f64::min), all.iter().copied().reduce(f64::max)) else {
        return Ok(None);
    };
    if rows.is_empty() {
        return Ok(None);
    }
    let pad = ((high - low) * 0.06).max(0.01);
    let x = Axis::round(low - pad, high + pad, 5, x_title, 48);
    let names = rows.iter().rev().enumerate().map(|(at, row)| (at as f64, shortened(&row.name, LONGEST))).collect();
    let longest = rows.iter().map(|row| row.name.chars().count().min(LONGEST)).max().unwrap_or(0) as u32;
    let top = rows.len() as f64 - 0.5;
    let y = Axis { low: -0.5, high: top, ticks: names, title: String::new(), room: 16 + longest * 7 };
    let named_above = u32::from(!references.iter().all(|reference| reference.name.is_empty())) * 20;
    let draw = |area: &super::drawing::Area| -> Result<(), DrawingError> {
        let (_, below_names) = area.split_vertically(named_above);
        let mut chart = chart(&below_names, &x, &y)?;
        for (nth, reference) in references.iter().enumerate() {
            let ends = [(reference.value, -0.5), (reference.value, top)];
            chart.draw_series(DashedLineSeries::new(ends, 5, 4, INK.mix(0.7).stroke_width(1)))?;
            let at = |value: f64| chart.backend_coord(&(value, top)).0;
            let x = at(reference.value);
            // Names that would run into each other, or off the edge, stand beside their line instead of above it.
            let near = |other: &Reference| (at(other.value) - x).abs() < 2 * NAME_ABOVE;
            let others = || references.iter().enumerate().filter(|(other, _)| *other != nth).map(|(_, other)| other);
            let anchor = match others().find(|other| near(other)) {
                Some(other) if other.value > reference.value => HPos::Right,
                Some(_) if x + 2 * NAME_ABOVE < WIDTH as i32 => HPos::Left,
                _ if x + NAME_ABOVE > WIDTH as i32 => HPos::Right,
                _ => HPos::Center,
            };
            let style = letters(LETTERS, anchor, VPos::Bottom);
            area.draw(&Text::new(reference.name.clone(), (x, named_above as i32 + 4), style))?;
        }
        for (at, row) in rows.iter().rev().enumerate() {
            // Several dots of one row stand a little apart, so that their intervals do not cover each other.
            let n = row.dots.iter().filter(|dot| dot.interval.is_some()).count() as f64;
            let mut apart = (n - 1.0) / 2.0 * 0.26;
            for dot in &row.dots {
                let y = at as f64 + if dot.interval.is_some() { apart } else { 0.0 };
                apart -= if dot.interval.is_some() { 0.26 } else { 0.0 };
                if let Some(Interval { low, high }) = dot.interval {
                    line(&mut chart, [(low, y), (high, y)], dot.mark.color.stroke_width(2))?;
                }
                dot.mark.draw(&mut chart, (dot.value, y))?;
            }
        }
        Ok(())
    };
    let size = (WIDTH, named_above + 60 + ROW * rows.len() as u32);
    figure(title, size, draw).map(|svg| Some((svg, size)))
}
