//! Colours and marks that also tell arms apart for the colour-blind and in print (Okabe and Ito 2008).
//!
//! As in the paper's Fig. 2: coarse is the colour of the text, image quality blue, alignment red (here vermillion),
//! both purple. Arms that would repeat a colour take the next free one.

use std::collections::{BTreeMap, BTreeSet};

use plotters::prelude::*;
use tables::{Bucket, VQ2};

use super::drawing::{Chart, DrawingError, INK};
use crate::arms::ArmPoint;

pub const BLUE: RGBColor = RGBColor(0x00, 0x72, 0xB2);
pub const VERMILLION: RGBColor = RGBColor(0xD5, 0x5E, 0x00);
pub const PURPLE: RGBColor = RGBColor(0xCC, 0x79, 0xA7);
const ORANGE: RGBColor = RGBColor(0xE6, 0x9F, 0x00);
const GREEN: RGBColor = RGBColor(0x00, 0x9E, 0x73);
const SKY: RGBColor = RGBColor(0x56, 0xB4, 0xE9);
/// In the order in which they are given out; yellow is left out, since nobody sees it on white.
const FINE: [RGBColor; 6] = [ORANGE, VERMILLION, GREEN, BLUE, SKY, PURPLE];
const SHAPES: [Shape; 6] =
    [Shape::Square, Shape::Triangle, Shape::Diamond, Shape::DownTriangle, Shape::Star, Shape::Circle];

/// How one arm is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark {
    /// Its colour.
    pub color: RGBColor,
    /// Its shape.
    pub shape: Shape,
}

/// A mark's outline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// Round.
    Circle,
    /// Upright square.
    Square,
    /// Pointing up.
    Triangle,
    /// Square on its corner.
    Diamond,
    /// Pointing down.
    DownTriangle,
    /// Four points.
    Star,
}

impl Shape {
    /// Its corners, in pixels around its middle; none for the circle.
    fn corners(self) -> &'static [(i32, i32)] {
        match self {
            Self::Circle => &[],
            Self::Square => &[(-4, -4), (4, -4), (4, 4), (-4, 4)],
            Self::Triangle => &[(0, -5), (5, 4), (-5, 4)],
            Self::Diamond => &[(0, -6), (6, 0), (0, 6), (-6, 0)],
            Self::DownTriangle => &[(0, 5), (5, -4), (-5, -4)],
            Self::Star => &[(0, -7), (2, -2), (7, 0), (2, 2), (0, 7), (-2, 2), (-7, 0), (-2, -2)],
        }
    }
}

impl Mark {
    /// Draws the mark at a point of a chart; hollow marks are outlines.
    ///
    /// # Errors
    /// [`DrawingError`].
    pub fn draw(self, chart: &mut Chart, at: (f64, f64), hollow: bool) -> Result<(), DrawingError> {
        let style = if hollow { self.color.stroke_width(2) } else { self.color.filled() };
        let corners = self.shape.corners();
        let at = EmptyElement::at(at);
        if corners.is_empty() {
            chart.draw_series([at + Circle::new((0, 0), 4, style)])?;
        } else if hollow {
            let outline = corners.iter().chain(&corners[..1]).copied().collect::<Vec<_>>();
            chart.draw_series([at + PathElement::new(outline, style)])?;
        } else {
            chart.draw_series([at + Polygon::new(corners.to_vec(), style)])?;
        }
        Ok(())
    }

    /// The mark alone, for a legend.
    pub fn svg(self) -> String {
        let RGBColor(r, g, b) = self.color;
        let color = if self.color == INK { "currentColor".to_owned() } else { format!("#{r:02X}{g:02X}{b:02X}") };
        let corners: Vec<String> = self.shape.corners().iter().map(|(x, y)| format!("{x},{y}")).collect();
        let outline = match corners.as_slice() {
            [] => format!("<circle r=\"4\" fill=\"{color}\"/>"),
            corners => format!("<polygon points=\"{}\" fill=\"{color}\"/>", corners.join(" ")),
        };
        format!(
            "<svg class=\"mark\" viewBox=\"-12 -8 24 16\" aria-hidden=\"true\"><line x1=\"-12\" x2=\"12\" y1=\"0\" y2=\"0\" \
             stroke=\"{color}\" stroke-width=\"2\"/>{outline}</svg>"
        )
    }
}

/// A mark for every arm of an experiment.
pub fn marks<'a>(points: &[ArmPoint<'a>]) -> BTreeMap<&'a str, Mark> {
    let mut arms: BTreeMap<&str, &ArmPoint> = BTreeMap::new();
    points.iter().for_each(|point| _ = arms.entry(point.arm).or_insert(point));
    // The largest set of a kind gets the kind's colour; one that learns from embeddings before one that reads scores.
    let mut fine: Vec<&ArmPoint> = arms.values().copied().filter(|point| !point.is_coarse()).collect();
    let reads_scores = |point: &ArmPoint| point.models.iter().any(|model| model.inputs == "scores");
    let n_attributes = |point: &ArmPoint| point.models.iter().map(|model| model.attributes.len()).max();
    fine.sort_by_key(|point| (reads_scores(point), std::cmp::Reverse(n_attributes(point)), point.arm));

    let mut colors: BTreeMap<&str, RGBColor> = BTreeMap::new();
    let mut taken: BTreeSet<[u8; 3]> = BTreeSet::new();
    let bytes = |RGBColor(r, g, b): RGBColor| [r, g, b];
    for point in &fine {
        let color = color_of_kind(point);
        if taken.insert(bytes(color)) {
            colors.insert(point.arm, color);
        }
    }
    for (at, point) in
        fine.iter().filter(|point| !colors.contains_key(point.arm)).copied().collect::<Vec<_>>().iter().enumerate()
    {
        let free = FINE.into_iter().find(|color| !taken.contains(&bytes(*color)));
        let color = free.unwrap_or(FINE[at % FINE.len()]);
        taken.insert(bytes(color));
        colors.insert(point.arm, color);
    }
    let coarse = arms.values().filter(|point| point.is_coarse());
    let coarse = coarse.map(|point| (point.arm, Mark { color: INK, shape: Shape::Circle }));
    let fine = fine
        .iter()
        .enumerate()
        .map(|(at, point)| (point.arm, Mark { color: colors[point.arm], shape: SHAPES[at % SHAPES.len()] }));
    coarse.chain(fine).collect()
}

fn color_of_kind(point: &ArmPoint) -> RGBColor {
    let attributes = || point.models.iter().flat_map(|model| &model.attributes);
    let is_alignment = |name: &String| name == VQ2 || Bucket::ALL.iter().any(|bucket| bucket.as_str() == name);
    match (attributes().any(is_alignment), attributes().all(is_alignment)) {
        (false, _) => BLUE,
        (true, true) => VERMILLION,
        (true, false) => PURPLE,
    }
}
