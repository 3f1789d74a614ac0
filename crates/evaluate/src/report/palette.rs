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
    /// Outline only.
    pub hollow: bool,
    /// Its line is dashed.
    pub dashed: bool,
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
    /// A filled mark.
    pub const fn new(color: RGBColor, shape: Shape) -> Self {
        Self { color, shape, hollow: false, dashed: false }
    }

    /// The same mark as an outline.
    pub const fn hollow(self) -> Self {
        Self { hollow: true, ..self }
    }

    /// The same mark as an outline on a dashed line: for arms beyond those that colours and shapes tell apart.
    const fn again(self) -> Self {
        Self { hollow: true, dashed: true, ..self }
    }

    /// Draws the mark at a point of a chart.
    ///
    /// # Errors
    /// [`DrawingError`].
    pub fn draw(self, chart: &mut Chart, at: (f64, f64)) -> Result<(), DrawingError> {
        let style = if self.hollow { self.color.stroke_width(2) } else { self.color.filled() };
        let corners = self.shape.corners();
        let at = EmptyElement::at(at);
        if corners.is_empty() {
            chart.draw_series([at + Circle::new((0, 0), 4, style)])?;
        } else if self.hollow {
            let outline = corners.iter().chain(&corners[..1]).copied().collect::<Vec<_>>();
            chart.draw_series([at + PathElement::new(outline, style)])?;
        } else {
            chart.draw_series([at + Polygon::new(corners.to_vec(), style)])?;
        }
        Ok(())
    }

    /// The mark alone, for a legend, with a stroke through it if `on_line`.
    pub fn svg(self, on_line: bool) -> String {
        let RGBColor(r, g, b) = self.color;
        let color = if self.color == INK { "currentColor".to_owned() } else { format!("#{r:02X}{g:02X}{b:02X}") };
        let corners: Vec<String> = self.shape.corners().iter().map(|(x, y)| format!("{x},{y}")).collect();
        let style = match self.hollow {
            true => format!("fill=\"none\" stroke=\"{color}\" stroke-width=\"2\""),
            false => format!("fill=\"{color}\""),
        };
        let outline = match corners.as_slice() {
            [] => format!("<circle r=\"4\" {style}/>"),
            corners => format!("<polygon points=\"{}\" {style}/>", corners.join(" ")),
        };
        let dashes = if self.dashed { " stroke-dasharray=\"4 3\"" } else { "" };
        let line = format!("<path d=\"M-12 0H12\" stroke=\"{color}\" stroke-width=\"2\"{dashes}/>");
        let line = if on_line { line.as_str() } else { "" };
        format!("<svg class=\"mark\" viewBox=\"-12 -8 24 16\" aria-hidden=\"true\">{line}{outline}</svg>")
    }
}

/// A level with its band, for a legend.
pub fn level() -> String {
    "<svg class=\"mark\" viewBox=\"-12 -8 24 16\" aria-hidden=\"true\"><path d=\"M-12 0H12\" stroke=\"currentColor\" \
     stroke-width=\"14\" opacity=\"0.1\"/><path d=\"M-12 0H12\" stroke=\"currentColor\" stroke-width=\"2\" opacity=\"0.55\"/></svg>"
        .to_owned()
}

/// A mark for every arm of an experiment, coarse first, then the largest sets.
pub fn marks<'a>(points: &[ArmPoint<'a>]) -> Vec<(&'a str, Mark)> {
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
    // Only the first coarse arm is a filled circle; from the seventh on fine arms repeat shapes as outlines.
    let nth = |color, at: usize, is_first: bool| {
        let mark = Mark::new(color, SHAPES[at % SHAPES.len()]);
        if is_first { mark } else { mark.again() }
    };
    let coarse = coarse.enumerate().map(|(at, point)| (point.arm, nth(INK, at + SHAPES.len() - 1, at == 0)));
    let fine = fine.iter().enumerate();
    let fine = fine.map(|(at, point)| (point.arm, nth(colors[point.arm], at, at < SHAPES.len())));
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::model;

    const QUALITY: [&str; 8] = crate::synthetic::QUALITY;

    fn colors(arms: &[(&str, &[&str])]) -> Vec<(String, RGBColor)> {
        drawn(arms).into_iter().map(|(arm, mark)| (arm, mark.color)).collect()
    }

    fn drawn(arms: &[(&str, &[&str])]) -> Vec<(String, Mark)> {
        let models: Vec<_> = arms.iter().map(|(arm, attributes)| model("e", arm, attributes, 10, 0)).collect();
        let point = |model| ArmPoint {
            experiment: "e",
            arm: "",
            n_train: 10,
            models: vec![model],
            validation: None,
            test: None,
            test_of_seeds: Vec::new(),
        };
        let points: Vec<ArmPoint> = models.iter().map(|model| ArmPoint { arm: &model.arm, ..point(model) }).collect();
        marks(&points).into_iter().map(|(arm, mark)| (arm.to_owned(), mark)).collect()
    }

    #[test]
    fn no_two_of_four_coarse_and_eleven_fine_arms_look_the_same() {
        let names: Vec<String> = (0..15).map(|at| format!("arm {at:02}")).collect();
        let attributes = |at: usize| if at < 4 { &[][..] } else { &QUALITY[..2] };
        let arms: Vec<(&str, &[&str])> =
            names.iter().enumerate().map(|(at, name)| (name.as_str(), attributes(at))).collect();
        let marks = drawn(&arms);
        for (at, (arm, mark)) in marks.iter().enumerate() {
            assert!(marks[..at].iter().all(|(_, other)| other != mark), "{arm} {mark:?}");
        }
        assert_eq!(marks[0].1, Mark::new(INK, Shape::Circle));
        assert!(marks[1].1.svg(true).contains("stroke-dasharray"));
    }

    #[test]
    fn the_papers_arms_have_the_papers_colours() {
        let both: Vec<&str> = QUALITY.into_iter().chain(["noun", "verb"]).collect();
        let fig_2 = colors(&[("both", &both), ("coarse", &[]), ("prompt", &["noun", "verb"]), ("quality", &QUALITY)]);
        let named = |pairs: &[(&str, RGBColor)]| pairs.iter().map(|(a, c)| ((*a).to_owned(), *c)).collect::<Vec<_>>();
        assert_eq!(fig_2, named(&[("coarse", INK), ("both", PURPLE), ("quality", BLUE), ("prompt", VERMILLION)]));
        let fig_3 =
            colors(&[("all", &QUALITY), ("coarse", &[]), ("not in tree", &QUALITY[..5]), ("tree", &QUALITY[5..])]);
        assert_eq!(fig_3, named(&[("coarse", INK), ("all", BLUE), ("not in tree", ORANGE), ("tree", VERMILLION)]));
    }

    #[test]
    fn no_two_of_six_fine_arms_have_the_same_colour() {
        let names: Vec<String> = (0..6).map(|at| format!("arm {at}")).collect();
        let arms: Vec<(&str, &[&str])> = names.iter().map(|name| (name.as_str(), &QUALITY[..2])).collect();
        let mut colors: Vec<_> = colors(&arms).into_iter().map(|(_, RGBColor(r, g, b))| (r, g, b)).collect();
        colors.sort_unstable();
        colors.dedup();
        assert_eq!(colors.len(), 6);
    }
}
