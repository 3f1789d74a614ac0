//! Where the objects of a picture stand.

use rand::Rng;
use rand_chacha::ChaCha8Rng;

use crate::words::Relation;

/// A place for one object: centre and half-width in pixels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Place {
    /// Pixels from the left.
    pub x: f64,
    /// Pixels from the top.
    pub y: f64,
    /// Half-width in pixels.
    pub radius: f64,
}

/// How the groups of a picture are put together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Composition {
    /// Nothing was asked for.
    Free,
    /// The first group stands so to the second.
    Related(Relation),
    /// They stand as far apart as they can, whatever was asked for.
    Apart,
    /// The first group does something to the second.
    Close,
}

/// A rectangle of the picture: left, top, width, height.
type Zone = (f64, f64, f64, f64);

/// Places for groups of the given sizes, group by group.
pub fn places(counts: &[usize], composition: Composition, rng: &mut ChaCha8Rng) -> Vec<Vec<Place>> {
    let zones = zones(counts.len(), composition, rng);
    counts.iter().zip(zones).map(|(&n, zone)| grid(n, zone, rng)).collect()
}

fn zones(n_groups: usize, composition: Composition, rng: &mut ChaCha8Rng) -> Vec<Zone> {
    if n_groups < 2 {
        return vec![(16.0, 30.0, 160.0, 140.0); n_groups];
    }
    let [left, right] = [(6.0, 50.0, 88.0, 120.0), (98.0, 50.0, 88.0, 120.0)];
    let mirrored = rng.random_bool(0.5);
    let (first, second) = match composition {
        Composition::Related(Relation::LeftOf) => (left, right),
        Composition::Related(Relation::RightOf) => (right, left),
        Composition::Related(Relation::Above) => ((26.0, 6.0, 140.0, 86.0), (26.0, 100.0, 140.0, 86.0)),
        Composition::Related(Relation::Below) => ((26.0, 100.0, 140.0, 86.0), (26.0, 6.0, 140.0, 86.0)),
        Composition::Apart => {
            let corners = [(2.0, 4.0, 84.0, 76.0), (106.0, 112.0, 84.0, 76.0)];
            if mirrored { (corners[1], corners[0]) } else { (corners[0], corners[1]) }
        }
        Composition::Close | Composition::Related(Relation::NextTo) => {
            let close = [(18.0, 56.0, 78.0, 110.0), (96.0, 56.0, 78.0, 110.0)];
            if mirrored { (close[1], close[0]) } else { (close[0], close[1]) }
        }
        Composition::Free if mirrored => (right, left),
        Composition::Free => (left, right),
    };
    vec![first, second]
}

// Objects in rows, as large as they fit, each a little off its cell's centre.
fn grid(n: usize, (left, top, width, height): Zone, rng: &mut ChaCha8Rng) -> Vec<Place> {
    if n == 0 {
        return Vec::new();
    }
    let columns = (1..=n).min_by_key(|&columns| {
        let rows = n.div_ceil(columns);
        let cell = (width / columns as f64).min(height / rows as f64);
        (1000.0 - cell) as u64
    });
    let columns = columns.unwrap_or(1);
    let rows = n.div_ceil(columns);
    let (cell_width, cell_height) = (width / columns as f64, height / rows as f64);
    let radius = (cell_width.min(cell_height) * 0.46).min(46.0);
    (0..n)
        .map(|i| {
            let (row, column) = (i / columns, i % columns);
            let in_row = if row + 1 == rows { n - row * columns } else { columns };
            let indent = (columns - in_row) as f64 * cell_width / 2.0;
            let mut off = |room: f64| rng.random_range(-1.0..1.0) * (room * 0.5 - radius).clamp(0.0, 5.0);
            Place {
                x: left + indent + (column as f64 + 0.5) * cell_width + off(cell_width),
                y: top + (row as f64 + 0.5) * cell_height + off(cell_height),
                radius,
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scene::SIDE;
    use crate::seeded;

    #[test]
    fn objects_stay_in_the_picture_and_do_not_hide_each_other() {
        let mut rng = seeded::rng(1, "layout");
        for composition in [Composition::Free, Composition::Related(Relation::Above), Composition::Apart] {
            for counts in [vec![1], vec![6], vec![3, 2], vec![5, 1], vec![1, 1]] {
                let all: Vec<Place> = places(&counts, composition, &mut rng).concat();
                assert_eq!(all.len(), counts.iter().sum::<usize>());
                for (i, a) in all.iter().enumerate() {
                    assert!(a.x - a.radius > 0.0 && a.x + a.radius < f64::from(SIDE), "{a:?}");
                    assert!(a.y - a.radius > 0.0 && a.y + a.radius < f64::from(SIDE), "{a:?}");
                    assert!(a.radius > 12.0, "{counts:?} {a:?}");
                    for b in &all[..i] {
                        assert!((a.x - b.x).hypot(a.y - b.y) > 0.8 * (a.radius + b.radius), "{counts:?} {a:?} {b:?}");
                    }
                }
            }
        }
    }
}
