//! AUC against training pairs or cost (Fig. 2 and 3) or answers, one line an arm, with intervals and every seed.

use plotters::prelude::*;

use super::drawing::{Axis, Chart, DrawingError, INK, WIDTH, band, chart, figure, line};
use super::palette::Mark;
use crate::arms::Estimate;
use crate::bootstrap::Interval;
use crate::error::EvaluateError;

/// One arm's points, from left to right.
pub struct Curve {
    /// How it is drawn.
    pub mark: Mark,
    /// Its points.
    pub points: Vec<Point>,
}

/// One point of a curve.
pub struct Point {
    /// Training pairs or cost, above 0; or answers.
    pub x: f64,
    /// Mean AUC over seeds.
    pub value: f64,
    /// Its interval.
    pub interval: Option<Interval>,
    /// The AUC of each seed.
    pub seeds: Vec<f64>,
}

/// What lies along the axis.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Along {
    /// Training pairs, logarithmic: a tick at each number; arms stand side by side.
    Pairs,
    /// A cost, logarithmic: round ticks.
    Cost,
    /// A number of answers, from 0.
    Answers,
}

impl Along {
    fn place(self, x: f64) -> f64 {
        if self == Self::Answers { x } else { x.log10() }
    }
}

/// Size of the panel.
pub const SIZE: (u32, u32) = (WIDTH, 310);

/// The panel; `None` if no curve has a point. `ceiling` is a level across it, with a band for its interval.
///
/// # Errors
/// [`EvaluateError::Figure`].
pub fn curves(
    title: &str,
    x_title: &str,
    along: Along,
    curves: &[Curve],
    ceiling: Option<&Estimate>,
) -> Result<Option<String>, EvaluateError> {
    let points = || curves.iter().flat_map(|curve| &curve.points);
    let Some((x_low, x_high)) = range(points().map(|point| along.place(point.x))) else { return Ok(None) };
    let ends = points().flat_map(|point| {
        let interval = point.interval.map_or([point.value; 2], |interval| [interval.low, interval.high]);
        interval.into_iter().chain(point.seeds.iter().copied())
    });
    let ends = ends.chain(ceiling.map(|ceiling| ceiling.value));
    let Some((y_low, y_high)) = range(ends) else { return Ok(None) };

    let y = Axis::round(below(y_low), above(y_high), 6, "", 46);
    let pad = ((x_high - x_low) * 0.09).max(0.12);
    let (low, high) = (x_low - pad, x_high + pad);
    let ticks = match along {
        Along::Pairs => ticks_at(points().map(|point| point.x), high - low),
        Along::Cost => round_log_ticks(low, high),
        Along::Answers => whole_ticks(x_high),
    };
    let x = Axis { low, high, ticks, title: x_title.to_owned(), room: 48 };
    // Marks of one size side by side, all of them within a sixth of the axis.
    let step = (high - low) * (0.16 / curves.len() as f64).min(0.016);
    let draw = |area: &super::drawing::Area| -> Result<(), DrawingError> {
        let mut chart = chart(area, &x, &y)?;
        if y.low < 0.5 && y.high > 0.5 {
            let chance = DashedLineSeries::new([(low, 0.5), (high, 0.5)], 5, 4, INK.mix(0.6).stroke_width(1));
            chart.draw_series(chance)?;
        }
        if let Some(ceiling) = ceiling {
            if let Some(interval) = ceiling.interval {
                band(&mut chart, [(low, interval.low.max(y.low)), (high, interval.high.min(y.high))])?;
            }
            chart
                .draw_series(LineSeries::new([low, high].map(|x| (x, ceiling.value)), INK.mix(0.55).stroke_width(2)))?;
        }
        for (at, curve) in curves.iter().enumerate() {
            let aside = if along == Along::Pairs { at as f64 - (curves.len() - 1) as f64 / 2.0 } else { 0.0 };
            draw_curve(&mut chart, curve, |point| (along.place(point.x) + aside * step, point.value))?;
        }
        Ok(())
    };
    figure(title, SIZE, draw).map(Some)
}

fn draw_curve(chart: &mut Chart, curve: &Curve, at: impl Fn(&Point) -> (f64, f64)) -> Result<(), DrawingError> {
    let color = curve.mark.color;
    if curve.points.len() > 1 {
        let (line, style) = (curve.points.iter().map(&at), color.mix(0.75).stroke_width(2));
        if curve.mark.dashed {
            chart.draw_series(DashedLineSeries::new(line, 7, 5, style))?;
        } else {
            chart.draw_series(LineSeries::new(line, style))?;
        }
    }
    for point in &curve.points {
        let (x, value) = at(point);
        if let Some(Interval { low, high }) = point.interval {
            line(chart, [(x, low), (x, high)], color.stroke_width(1))?;
        }
        if point.seeds.len() > 1 {
            let seeds = point.seeds.iter().map(|seed| Circle::new((x, *seed), 2, color.mix(0.55).filled()));
            chart.draw_series(seeds)?;
        }
        curve.mark.draw(chart, (x, value))?;
    }
    Ok(())
}

fn range(values: impl Iterator<Item = f64>) -> Option<(f64, f64)> {
    values.fold(None, |range, value| {
        Some(range.map_or((value, value), |(low, high): (f64, f64)| (low.min(value), high.max(value))))
    })
}

/// The next twentieth below, or 0.
fn below(auc: f64) -> f64 {
    (((auc - 0.01) * 20.0).floor() / 20.0).max(0.0)
}

/// The next twentieth above, or 1.
fn above(auc: f64) -> f64 {
    (((auc + 0.01) * 20.0).ceil() / 20.0).min(1.0)
}

/// A tick at each number of pairs, those left out that would touch the one before.
fn ticks_at(values: impl Iterator<Item = f64>, span: f64) -> Vec<(f64, String)> {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    let mut ticks: Vec<(f64, String)> = Vec::new();
    for value in values {
        let at = value.log10();
        if ticks.last().is_none_or(|(last, _)| at - last > span * 0.09) {
            ticks.push((at, short(value)));
        }
    }
    ticks
}

/// 1, 2 and 5 times the powers of ten, or the powers alone if that is too many.
fn round_log_ticks(low: f64, high: f64) -> Vec<(f64, String)> {
    let steps: &[f64] = if high - low > 3.2 { &[1.0] } else { &[1.0, 2.0, 5.0] };
    let decades = low.floor() as i32..=high.ceil() as i32;
    let numbers = decades.flat_map(|decade| steps.iter().map(move |step| step * 10f64.powi(decade)));
    let within = numbers.map(|number| (number.log10(), short(number)));
    within.filter(|(at, _)| (low..=high).contains(at)).collect()
}

/// 0, 1, 2, …; every second one, or fifth, where that is too many.
fn whole_ticks(high: f64) -> Vec<(f64, String)> {
    let step = [1, 2, 5, 10, 20, 50, 100].into_iter().find(|step| high / f64::from(*step) <= 8.0).unwrap_or(1_000);
    (0..=high as i32).step_by(step as usize).map(|tick| (f64::from(tick), tick.to_string())).collect()
}

/// `500`, `2k`, `1.5M`.
fn short(number: f64) -> String {
    let (scaled, unit) = match number {
        n if n >= 999_500.0 => (n / 1e6, "M"),
        n if n >= 10_000.0 => (n / 1e3, "k"),
        n => (n, ""),
    };
    let text = format!("{scaled:.1}");
    format!("{}{unit}", text.strip_suffix(".0").unwrap_or(&text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cost_axes_have_round_ticks_at_any_scale() {
        let texts = |low: f64, high: f64| {
            round_log_ticks(low.log10(), high.log10()).into_iter().map(|(_, text)| text).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(texts(90.0, 6_000.0), "100 200 500 1000 2000 5000");
        assert_eq!(texts(90.0, 200_000.0), "100 1000 10k 100k");
        assert_eq!(texts(0.9, 3.0), "1 2");
    }

    #[test]
    fn numbers_of_pairs_that_would_touch_lose_their_tick() {
        let ticks = ticks_at([100.0, 398.0, 400.0, 200.0, 100.0].into_iter(), 0.75);
        assert_eq!(ticks.into_iter().map(|(_, text)| text).collect::<Vec<_>>(), ["100", "200", "398"]);
    }

    #[test]
    fn answers_are_counted_in_whole_numbers() {
        let texts = |high| whole_ticks(high).into_iter().map(|(_, text)| text).collect::<Vec<_>>().join(" ");
        assert_eq!([texts(3.0), texts(12.0), texts(0.0)], ["0 1 2 3", "0 2 4 6 8 10 12", "0"]);
    }

    #[test]
    fn no_points_no_panel() {
        assert!(curves("t", "x", Along::Pairs, &[], None).unwrap().is_none());
    }
}
