//! The objects as vector shapes: flat with an outline, or shaded, and anything between.
//!
//! Each is drawn in its own square, x to the right and y down, both from -1 to 1, looking left.

use tiny_skia::{
    Color, FillRule, GradientStop, LineCap, LineJoin, Paint, Path, PathBuilder, Pixmap, Point, RadialGradient, Rect,
    Shader, SpreadMode, Stroke, Transform,
};

use crate::scene::DrawnObject;
use crate::words::{Action, Colour, Kind};

/// Red, green, blue, each in `[0, 1]`.
pub type Rgb = [f32; 3];

const INK: Rgb = [0.1, 0.09, 0.12];
const PAPER: Rgb = [0.97, 0.97, 0.95];

/// How a named colour looks.
pub fn rgb(colour: Colour) -> Rgb {
    match colour {
        Colour::Red => [0.86, 0.12, 0.14],
        Colour::Blue => [0.13, 0.32, 0.85],
        Colour::Green => [0.16, 0.62, 0.22],
        Colour::Yellow => [0.98, 0.86, 0.15],
        Colour::Orange => [0.98, 0.55, 0.1],
        Colour::Purple => [0.52, 0.2, 0.7],
        Colour::Pink => [0.98, 0.55, 0.75],
        Colour::White => [0.96, 0.96, 0.97],
        Colour::Black => [0.12, 0.12, 0.14],
        Colour::Brown => [0.5, 0.3, 0.15],
    }
}

/// A colour nearer to white (`amount` above 0) or black (below).
pub fn tone(colour: Rgb, amount: f32) -> Rgb {
    let to = if amount > 0.0 { 1.0 } else { 0.0 };
    colour.map(|channel| channel + (to - channel) * amount.abs())
}

/// Draws in the square of one object.
pub struct Pen<'a> {
    pixmap: &'a mut Pixmap,
    at: Transform,
    /// 0 flat and outlined, 1 shaded.
    realism: f32,
}

impl<'a> Pen<'a> {
    /// A pen for the square that `at` maps onto the picture.
    pub fn new(pixmap: &'a mut Pixmap, at: Transform, realism: f32) -> Self {
        Self { pixmap, at, realism }
    }

    /// A filled ellipse.
    pub fn ellipse(&mut self, x: f32, y: f32, rx: f32, ry: f32, colour: Rgb) {
        if let Some(rect) = Rect::from_xywh(x - rx, y - ry, 2.0 * rx, 2.0 * ry)
            && let Some(path) = PathBuilder::from_oval(rect)
        {
            self.fill(&path, colour);
        }
    }

    /// A filled polygon.
    pub fn polygon(&mut self, points: &[(f32, f32)], colour: Rgb) {
        let mut builder = PathBuilder::new();
        for (i, &(x, y)) in points.iter().enumerate() {
            if i == 0 { builder.move_to(x, y) } else { builder.line_to(x, y) }
        }
        builder.close();
        if let Some(path) = builder.finish() {
            self.fill(&path, colour);
        }
    }

    /// A filled rectangle.
    pub fn rect(&mut self, x: f32, y: f32, width: f32, height: f32, colour: Rgb) {
        self.polygon(&[(x, y), (x + width, y), (x + width, y + height), (x, y + height)], colour);
    }

    /// A curve through a control point, or with `via` on the way a straight line.
    pub fn curve(&mut self, from: (f32, f32), via: (f32, f32), to: (f32, f32), width: f32, colour: Rgb) {
        let mut builder = PathBuilder::new();
        builder.move_to(from.0, from.1);
        builder.quad_to(via.0, via.1, to.0, to.1);
        let Some(path) = builder.finish() else { return };
        self.stroke(&path, width, colour, 1.0);
    }

    /// A straight line.
    pub fn line(&mut self, from: (f32, f32), to: (f32, f32), width: f32, colour: Rgb) {
        self.curve(from, ((from.0 + to.0) / 2.0, (from.1 + to.1) / 2.0), to, width, colour);
    }

    fn fill(&mut self, path: &Path, colour: Rgb) {
        let shading = 0.6 * self.realism;
        let paint = Paint {
            shader: shaded(path, colour, shading).unwrap_or(Shader::SolidColor(opaque(colour, 1.0))),
            anti_alias: true,
            ..Paint::default()
        };
        self.pixmap.fill_path(path, &paint, FillRule::Winding, self.at, None);
        // A dark object needs a light outline to be seen at all.
        let edge = if colour.iter().sum::<f32>() < 0.6 { [0.45, 0.45, 0.5] } else { INK };
        self.stroke(path, 0.06, edge, (1.0 - 1.2 * self.realism).max(0.12));
    }

    fn stroke(&mut self, path: &Path, width: f32, colour: Rgb, alpha: f32) {
        let paint = Paint { shader: Shader::SolidColor(opaque(colour, alpha)), anti_alias: true, ..Paint::default() };
        let stroke = Stroke { width, line_cap: LineCap::Round, line_join: LineJoin::Round, ..Stroke::default() };
        self.pixmap.stroke_path(path, &paint, &stroke, self.at, None);
    }
}

/// A colour for tiny-skia; channels outside `[0, 1]` are clipped.
pub fn opaque(colour: Rgb, alpha: f32) -> Color {
    let [r, g, b] = colour.map(|channel| channel.clamp(0.0, 1.0));
    Color::from_rgba(r, g, b, alpha.clamp(0.0, 1.0)).unwrap_or(Color::BLACK)
}

// Light from the upper left.
fn shaded(path: &Path, colour: Rgb, shading: f32) -> Option<Shader<'static>> {
    let bounds = path.bounds();
    let light = Point::from_xy(bounds.left() + 0.32 * bounds.width(), bounds.top() + 0.28 * bounds.height());
    let reach = 0.85 * bounds.width().max(bounds.height()).max(0.05);
    RadialGradient::new(
        light,
        0.0,
        light,
        reach,
        vec![
            GradientStop::new(0.0, opaque(tone(colour, 0.6 * shading), 1.0)),
            GradientStop::new(0.45, opaque(colour, 1.0)),
            GradientStop::new(1.0, opaque(tone(colour, -0.85 * shading), 1.0)),
        ],
        SpreadMode::Pad,
        Transform::identity(),
    )
}

/// Draws one object with its pose.
pub fn draw(pen: &mut Pen<'_>, object: &DrawnObject) {
    let colour = rgb(object.colour);
    let pose = object.action;
    motion(pen, pose);
    match object.kind {
        Kind::Cat => cat(pen, colour, pose),
        Kind::Dog => dog(pen, colour, pose),
        Kind::Bird => bird(pen, colour, pose),
        Kind::Fish => fish(pen, colour, pose),
        Kind::Robot => robot(pen, colour, pose),
        Kind::Apple => apple(pen, colour),
        Kind::Ball => ball(pen, colour),
        Kind::Cup => cup(pen, colour),
        Kind::Car => car(pen, colour),
        Kind::House => house(pen, colour),
        Kind::Tree => tree(pen, colour),
        Kind::Flower => flower(pen, colour),
    }
}

// Marks around the object: speed lines, waves, z's, crumbs.
fn motion(pen: &mut Pen<'_>, pose: Option<Action>) {
    match pose {
        Some(Action::Running | Action::Chasing) => {
            for (y, reach) in [(-0.3, 1.15), (0.1, 1.3), (0.5, 1.15)] {
                pen.line((0.85, y), (reach, y), 0.08, PAPER);
                pen.line((0.85, y + 0.09), (reach, y + 0.09), 0.05, INK);
            }
        }
        Some(Action::Jumping) => {
            for x in [-0.45, 0.0, 0.45] {
                pen.curve((x - 0.18, 1.0), (x, 1.18), (x + 0.18, 1.0), 0.07, INK);
            }
        }
        Some(Action::Swimming) => {
            for y in [0.72, 0.92] {
                for x in [-0.9, -0.3, 0.3] {
                    pen.curve((x, y), (x + 0.3, y - 0.26), (x + 0.6, y), 0.09, [0.35, 0.65, 0.95]);
                }
            }
        }
        Some(Action::Sleeping) => {
            for (x, y, s) in [(-0.2, -0.75, 0.16), (0.15, -0.98, 0.22)] {
                pen.line((x, y), (x + s, y), 0.06, INK);
                pen.line((x + s, y), (x, y + s), 0.06, INK);
                pen.line((x, y + s), (x + s, y + s), 0.06, INK);
            }
        }
        Some(Action::Eating) => {
            for (x, y) in [(-1.0, 0.15), (-0.9, 0.4), (-1.05, 0.5), (-0.82, 0.58)] {
                pen.ellipse(x, y, 0.05, 0.05, [0.85, 0.7, 0.4]);
            }
        }
        Some(Action::Flying) => {
            for x in [-0.5, 0.2] {
                pen.curve((x, 0.95), (x + 0.2, 0.78), (x + 0.45, 0.95), 0.06, PAPER);
            }
        }
        _ => {}
    }
}

fn eye(pen: &mut Pen<'_>, x: f32, y: f32, size: f32, pose: Option<Action>) {
    if pose == Some(Action::Sleeping) {
        pen.curve((x - size, y), (x, y + size), (x + size, y), 0.05, INK);
    } else {
        pen.ellipse(x, y, size, size, PAPER);
        pen.ellipse(x - size * 0.3, y, size * 0.5, size * 0.55, INK);
    }
}

fn mouth(pen: &mut Pen<'_>, x: f32, y: f32, pose: Option<Action>) {
    if pose == Some(Action::Eating) {
        pen.ellipse(x, y, 0.11, 0.1, [0.55, 0.1, 0.15]);
    } else {
        pen.curve((x - 0.1, y), (x, y + 0.08), (x + 0.1, y), 0.04, INK);
    }
}

// Four legs from the belly; how they lie is most of the pose.
fn legs(pen: &mut Pen<'_>, belly: f32, colour: Rgb, pose: Option<Action>) {
    let dark = tone(colour, -0.18);
    let spread: [(f32, f32, f32); 4] = match pose {
        Some(Action::Running | Action::Chasing) => {
            [(-0.4, -0.78, 0.3), (-0.25, -0.5, 0.42), (0.4, 0.62, 0.42), (0.5, 0.88, 0.3)]
        }
        Some(Action::Jumping) => [(-0.4, -0.7, 0.12), (-0.28, -0.55, 0.22), (0.4, 0.75, 0.22), (0.5, 0.85, 0.12)],
        Some(Action::Sleeping) => [(-0.4, -0.62, 0.14), (0.4, 0.62, 0.14), (0.0, 0.2, 0.14), (0.3, 0.4, 0.14)],
        Some(Action::Sitting) => [(-0.28, -0.3, 0.4), (-0.12, -0.12, 0.4), (0.3, 0.0, 0.36), (0.4, 0.1, 0.36)],
        _ => [(-0.38, -0.4, 0.42), (-0.22, -0.2, 0.42), (0.38, 0.36, 0.42), (0.52, 0.54, 0.42)],
    };
    for (from, to, drop) in spread {
        pen.line((from, belly), (to, belly + drop), 0.15, dark);
    }
}

fn cat(pen: &mut Pen<'_>, colour: Rgb, pose: Option<Action>) {
    let dark = tone(colour, -0.2);
    if pose == Some(Action::Sleeping) {
        pen.curve((0.6, 0.55), (0.95, 0.75), (0.2, 0.85), 0.15, dark);
        pen.ellipse(0.15, 0.45, 0.68, 0.38, colour);
    } else if pose == Some(Action::Sitting) {
        pen.curve((0.4, 0.75), (1.0, 0.8), (0.85, 0.25), 0.14, dark);
        legs(pen, 0.45, colour, pose);
        pen.polygon(&[(-0.35, 0.8), (-0.2, -0.1), (0.1, -0.2), (0.5, 0.45), (0.5, 0.85)], colour);
    } else {
        pen.curve((0.6, 0.2), (1.05, 0.0), (0.8, -0.55), 0.14, dark);
        legs(pen, 0.42, colour, pose);
        pen.ellipse(0.12, 0.28, 0.58, 0.32, colour);
    }
    let (x, y) = (-0.42, -0.2);
    for side in [-1.0, 1.0] {
        pen.polygon(&[(x + side * 0.34, y - 0.1), (x + side * 0.3, y - 0.62), (x + side * 0.05, y - 0.3)], colour);
    }
    pen.ellipse(x, y, 0.38, 0.34, colour);
    eye(pen, x - 0.16, y - 0.05, 0.09, pose);
    eye(pen, x + 0.14, y - 0.05, 0.09, pose);
    pen.polygon(&[(x - 0.06, y + 0.06), (x + 0.04, y + 0.06), (x - 0.01, y + 0.12)], [0.95, 0.5, 0.55]);
    for side in [-1.0, 1.0] {
        for dy in [-0.04, 0.05] {
            pen.line((x + side * 0.15, y + 0.12), (x + side * 0.52, y + 0.1 + dy * 2.0), 0.025, INK);
        }
    }
    mouth(pen, x, y + 0.18, pose);
}

fn dog(pen: &mut Pen<'_>, colour: Rgb, pose: Option<Action>) {
    let dark = tone(colour, -0.35);
    if pose == Some(Action::Sleeping) {
        pen.ellipse(0.2, 0.5, 0.7, 0.3, colour);
        pen.curve((0.8, 0.5), (1.0, 0.6), (0.9, 0.75), 0.12, dark);
    } else if pose == Some(Action::Sitting) {
        legs(pen, 0.45, colour, pose);
        pen.polygon(&[(-0.4, 0.8), (-0.3, -0.1), (0.05, -0.2), (0.55, 0.5), (0.5, 0.85)], colour);
        pen.line((0.5, 0.7), (0.9, 0.4), 0.13, dark);
    } else {
        pen.line((0.68, 0.08), (0.95, -0.4), 0.13, dark);
        legs(pen, 0.4, colour, pose);
        pen.polygon(&[(-0.5, 0.0), (0.65, -0.02), (0.75, 0.2), (0.65, 0.5), (-0.4, 0.5)], colour);
    }
    let (x, y) = (-0.45, -0.22);
    pen.ellipse(x, y, 0.34, 0.34, colour);
    pen.ellipse(x - 0.32, y + 0.14, 0.26, 0.17, tone(colour, 0.25));
    pen.ellipse(x - 0.54, y + 0.08, 0.08, 0.07, INK);
    pen.polygon(&[(x + 0.08, y - 0.3), (x + 0.4, y - 0.2), (x + 0.36, y + 0.3), (x + 0.18, y + 0.28)], dark);
    eye(pen, x - 0.1, y - 0.1, 0.09, pose);
    mouth(pen, x - 0.3, y + 0.25, pose);
    if matches!(pose, Some(Action::Running | Action::Chasing)) {
        pen.ellipse(x - 0.28, y + 0.38, 0.07, 0.13, [0.95, 0.45, 0.5]);
    }
}

fn bird(pen: &mut Pen<'_>, colour: Rgb, pose: Option<Action>) {
    let dark = tone(colour, -0.25);
    let beak = [0.98, 0.65, 0.1];
    pen.polygon(&[(0.45, 0.15), (1.0, 0.0), (1.0, 0.3), (0.45, 0.4)], dark);
    if pose == Some(Action::Flying) {
        pen.polygon(&[(-0.2, 0.0), (0.15, -0.98), (0.6, -0.7), (0.4, 0.1)], dark);
    } else {
        let foot = if pose == Some(Action::Sitting) { 0.7 } else { 0.95 };
        for x in [-0.1, 0.15] {
            pen.line((x, 0.5), (x, foot), 0.06, beak);
            pen.line((x - 0.12, foot), (x + 0.08, foot), 0.06, beak);
        }
    }
    pen.ellipse(0.1, 0.25, 0.55, 0.36, colour);
    pen.ellipse(-0.38, -0.15, 0.3, 0.29, colour);
    pen.polygon(&[(-0.62, -0.22), (-1.0, -0.08), (-0.62, 0.02)], beak);
    if pose == Some(Action::Flying) {
        pen.polygon(&[(-0.1, 0.2), (0.35, -0.75), (0.75, -0.5), (0.45, 0.3)], tone(colour, 0.2));
    } else {
        pen.polygon(&[(-0.15, 0.1), (0.3, 0.05), (0.65, 0.4), (0.1, 0.45)], dark);
    }
    eye(pen, -0.44, -0.2, 0.09, pose);
}

fn fish(pen: &mut Pen<'_>, colour: Rgb, pose: Option<Action>) {
    let dark = tone(colour, -0.25);
    pen.polygon(&[(0.45, 0.05), (0.98, -0.4), (0.85, 0.05), (0.98, 0.5)], dark);
    pen.polygon(&[(-0.2, -0.3), (0.1, -0.7), (0.4, -0.25)], dark);
    pen.ellipse(-0.1, 0.05, 0.68, 0.42, colour);
    for x in [-0.1, 0.12, 0.32] {
        pen.curve((x, -0.18), (x + 0.14, 0.05), (x, 0.28), 0.05, dark);
    }
    pen.polygon(&[(-0.1, 0.15), (0.2, 0.25), (0.0, 0.55)], dark);
    eye(pen, -0.5, -0.05, 0.11, pose);
    mouth(pen, -0.66, 0.16, pose);
}

fn robot(pen: &mut Pen<'_>, colour: Rgb, pose: Option<Action>) {
    let metal = [0.55, 0.57, 0.62];
    let feet: [(f32, f32); 2] = match pose {
        Some(Action::Running | Action::Chasing) => [(-0.6, 0.85), (0.6, 0.85)],
        Some(Action::Jumping) => [(-0.5, 0.65), (0.5, 0.65)],
        Some(Action::Sitting) => [(-0.75, 0.72), (-0.6, 0.85)],
        _ => [(-0.22, 0.95), (0.22, 0.95)],
    };
    for (i, (x, y)) in feet.into_iter().enumerate() {
        pen.line((if i == 0 { -0.2 } else { 0.2 }, 0.5), (x, y), 0.15, metal);
        pen.line((x - 0.14, y), (x + 0.04, y), 0.16, INK);
    }
    let hands = if matches!(pose, Some(Action::Jumping | Action::Chasing)) { -0.5 } else { 0.45 };
    pen.line((-0.38, 0.05), (-0.8, hands), 0.13, metal);
    pen.line((0.38, 0.05), (0.8, hands.max(-0.3)), 0.13, metal);
    pen.rect(-0.4, -0.12, 0.8, 0.68, colour);
    pen.rect(-0.22, 0.08, 0.44, 0.24, tone(colour, -0.4));
    pen.line((0.0, -0.7), (0.0, -0.95), 0.06, metal);
    pen.ellipse(0.0, -0.95, 0.08, 0.08, [0.95, 0.3, 0.2]);
    pen.rect(-0.34, -0.72, 0.68, 0.52, colour);
    for x in [-0.16, 0.14] {
        eye(pen, x, -0.5, 0.11, pose);
    }
    pen.line((-0.16, -0.3), (0.16, -0.3), 0.06, INK);
}

fn apple(pen: &mut Pen<'_>, colour: Rgb) {
    pen.curve((0.02, -0.45), (0.05, -0.75), (0.2, -0.85), 0.1, [0.35, 0.22, 0.1]);
    pen.ellipse(-0.24, 0.15, 0.48, 0.62, colour);
    pen.ellipse(0.24, 0.15, 0.48, 0.62, colour);
    pen.ellipse(0.0, 0.2, 0.45, 0.56, colour);
    pen.polygon(&[(0.1, -0.55), (0.35, -0.85), (0.65, -0.75), (0.4, -0.5)], [0.25, 0.6, 0.2]);
    pen.ellipse(-0.35, -0.1, 0.08, 0.14, tone(colour, 0.6));
}

fn ball(pen: &mut Pen<'_>, colour: Rgb) {
    pen.ellipse(0.0, 0.0, 0.85, 0.85, colour);
    let band = if colour.iter().sum::<f32>() > 2.6 { [0.6, 0.6, 0.65] } else { PAPER };
    pen.curve((-0.72, -0.42), (0.0, 0.1), (0.72, -0.42), 0.16, band);
    pen.curve((-0.72, 0.42), (0.0, -0.1), (0.72, 0.42), 0.16, band);
}

fn cup(pen: &mut Pen<'_>, colour: Rgb) {
    let dark = tone(colour, -0.35);
    pen.curve((0.5, -0.25), (1.15, 0.05), (0.42, 0.45), 0.16, dark);
    pen.polygon(&[(-0.62, -0.55), (0.62, -0.55), (0.45, 0.8), (-0.45, 0.8)], colour);
    pen.ellipse(0.0, -0.55, 0.62, 0.17, tone(colour, 0.25));
    pen.ellipse(0.0, -0.53, 0.5, 0.11, [0.3, 0.17, 0.08]);
}

fn car(pen: &mut Pen<'_>, colour: Rgb) {
    pen.polygon(&[(-0.5, -0.1), (-0.3, -0.55), (0.4, -0.55), (0.68, -0.1)], colour);
    pen.polygon(&[(-0.36, -0.12), (-0.22, -0.43), (0.02, -0.43), (0.02, -0.12)], [0.75, 0.9, 0.97]);
    pen.polygon(&[(0.1, -0.12), (0.1, -0.43), (0.34, -0.43), (0.5, -0.12)], [0.75, 0.9, 0.97]);
    pen.polygon(&[(-0.97, 0.08), (-0.85, -0.1), (0.85, -0.1), (0.97, 0.1), (0.97, 0.42), (-0.97, 0.42)], colour);
    pen.ellipse(-0.9, 0.14, 0.08, 0.09, [1.0, 0.95, 0.6]);
    for x in [-0.52, 0.52] {
        pen.ellipse(x, 0.43, 0.24, 0.24, INK);
        pen.ellipse(x, 0.43, 0.11, 0.11, [0.7, 0.7, 0.73]);
    }
}

fn house(pen: &mut Pen<'_>, colour: Rgb) {
    pen.rect(0.35, -0.85, 0.2, 0.5, [0.45, 0.3, 0.25]);
    pen.rect(-0.68, -0.15, 1.36, 1.05, colour);
    pen.polygon(&[(-0.9, -0.12), (0.0, -0.92), (0.9, -0.12)], tone(colour, -0.45));
    pen.rect(-0.15, 0.35, 0.32, 0.55, [0.4, 0.25, 0.12]);
    for x in [-0.54, 0.28] {
        pen.rect(x, 0.05, 0.26, 0.26, [0.98, 0.93, 0.6]);
        pen.line((x + 0.13, 0.05), (x + 0.13, 0.31), 0.03, INK);
        pen.line((x, 0.18), (x + 0.26, 0.18), 0.03, INK);
    }
}

fn tree(pen: &mut Pen<'_>, colour: Rgb) {
    pen.polygon(&[(-0.14, 0.95), (-0.09, 0.1), (0.09, 0.1), (0.14, 0.95)], [0.42, 0.27, 0.13]);
    for (x, y, r) in
        [(-0.36, -0.05, 0.4), (0.36, -0.05, 0.4), (-0.18, -0.45, 0.4), (0.2, -0.45, 0.42), (0.0, -0.2, 0.46)]
    {
        pen.ellipse(x, y, r, r, colour);
    }
}

fn flower(pen: &mut Pen<'_>, colour: Rgb) {
    let stem = [0.2, 0.5, 0.18];
    pen.curve((0.0, 0.0), (0.1, 0.5), (0.0, 0.97), 0.09, stem);
    pen.polygon(&[(0.04, 0.65), (0.4, 0.35), (0.5, 0.5), (0.3, 0.66)], stem);
    pen.polygon(&[(0.02, 0.8), (-0.35, 0.5), (-0.45, 0.65), (-0.25, 0.8)], stem);
    for i in 0..6 {
        let angle = std::f32::consts::TAU * i as f32 / 6.0;
        pen.ellipse(0.38 * angle.cos(), -0.35 + 0.38 * angle.sin(), 0.27, 0.27, colour);
    }
    let centre = if colour[0] > 0.9 && colour[2] < 0.3 { [0.45, 0.25, 0.1] } else { [0.99, 0.83, 0.2] };
    pen.ellipse(0.0, -0.35, 0.24, 0.24, centre);
}

/// A party hat, goggling eyes and a moustache on top of an object.
pub fn silliness(pen: &mut Pen<'_>, amount: f32, hat: Rgb) {
    pen.polygon(&[(-0.75, -0.5), (-0.42, -1.3), (-0.05, -0.55)], hat);
    pen.line((-0.62, -0.78), (-0.2, -0.8), 0.08, PAPER);
    pen.ellipse(-0.42, -1.3, 0.12, 0.12, [1.0, 0.9, 0.2]);
    for (x, look) in [(-0.62, 0.05), (-0.22, -0.06)] {
        let size = 0.16 + 0.08 * amount;
        pen.ellipse(x, -0.22, size, size, PAPER);
        pen.ellipse(x + look, -0.18, 0.09, 0.09, INK);
    }
    pen.curve((-0.42, 0.1), (-0.7, -0.02), (-0.85, 0.16), 0.1, INK);
    pen.curve((-0.42, 0.1), (-0.15, -0.02), (0.0, 0.16), 0.1, INK);
}
