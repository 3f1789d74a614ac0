//! Which attributes' labels agree (Fig. 5): the lower triangle, a whole percentage in each cell.

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, VPos};

use super::drawing::{Area, DrawingError, figure, letters};
use super::palette::{BLUE, VERMILLION};
use super::words::shortened;
use crate::error::EvaluateError;

/// Letters of a name, at most.
const LONGEST: usize = 20;
/// Width of the figure: more than a chart's, since every cell holds a number.
const WIDTH: u32 = 520;
/// Pixels a letter takes, about.
const LETTER: i32 = 7;

/// The panel and its size; `None` for fewer than two names. `agreement` is asked for a row and an earlier one.
///
/// # Errors
/// [`EvaluateError::Figure`].
pub fn heat_map(
    title: &str,
    names: &[&str],
    agreement: impl Fn(usize, usize) -> Option<f64>,
) -> Result<Option<(String, (u32, u32))>, EvaluateError> {
    let n = names.len() as i32;
    if n < 2 {
        return Ok(None);
    }
    let longest = names.iter().map(|name| name.chars().count().min(LONGEST)).max().unwrap_or(0) as i32;
    let left = longest * LETTER + 10;
    let cell = ((WIDTH as i32 - left - 4) / (n - 1)).clamp(12, 40);
    let bottom = (n - 1) * cell + 6;
    let height = bottom + longest * LETTER + 6;
    let size = f64::from((cell - 12).clamp(9, 15));
    let draw = |area: &Area| -> Result<(), DrawingError> {
        for (row, name) in names.iter().enumerate().skip(1) {
            let y = (row as i32 - 1) * cell + 4;
            let name = shortened(name, LONGEST);
            area.draw(&Text::new(name, (left - 6, y + cell / 2), letters(15.0, HPos::Right, VPos::Center)))?;
            for column in 0..row {
                let x = left + column as i32 * cell;
                let Some(share) = agreement(row, column) else { continue };
                // Nothing at one half, where two unrelated labels stand; never so dark that its number is lost.
                let color = if share >= 0.5 { BLUE } else { VERMILLION }.mix((share - 0.5).abs() * 2.0 * 0.65);
                area.draw(&Rectangle::new([(x + 1, y + 1), (x + cell - 1, y + cell - 1)], color.filled()))?;
                let number = format!("{:.0}", 100.0 * share);
                let middle = (x + cell / 2, y + cell / 2);
                area.draw(&Text::new(number, middle, letters(size, HPos::Center, VPos::Center)))?;
            }
        }
        for (column, name) in names[..names.len() - 1].iter().enumerate() {
            let upwards = ("sans-serif", 15.0).into_font().transform(FontTransform::Rotate270);
            let style = letters(15.0, HPos::Right, VPos::Center);
            let style = TextStyle { font: upwards, ..style };
            let at = (left + column as i32 * cell + cell / 2, bottom + 4);
            area.draw(&Text::new(shortened(name, LONGEST), at, style))?;
        }
        Ok(())
    };
    let size = (WIDTH, height as u32);
    figure(title, size, draw).map(|svg| Some((svg, size)))
}
