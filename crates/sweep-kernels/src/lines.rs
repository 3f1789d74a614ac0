//! Memory that starts and ends on a cache line, which a vector load must not straddle.

/// How many f32 a cache line holds: one vector.
pub const LANES: usize = 16;

/// One cache line.
#[repr(C, align(64))]
#[derive(Debug, Clone, Copy, PartialEq)]
struct Line([f32; LANES]);

/// A vector of f32 in whole cache lines.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Lines(Vec<Line>);

impl Lines {
    /// Zeros; room for at least `n`.
    pub fn zeros(n: usize) -> Self {
        Self(vec![Line([0.0; LANES]); n.div_ceil(LANES)])
    }

    /// Makes room for at least `n`.
    pub fn grow(&mut self, n: usize) {
        let n_lines = self.0.len().max(n.div_ceil(LANES));
        self.0.resize(n_lines, Line([0.0; LANES]));
    }
}

impl std::ops::Deref for Lines {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        // SAFETY: a `Line` is 16 f32 without padding, so the lines are that many f32 one after another.
        #[allow(unsafe_code)]
        unsafe {
            std::slice::from_raw_parts(self.0.as_ptr().cast(), self.0.len() * LANES)
        }
    }
}

impl std::ops::DerefMut for Lines {
    fn deref_mut(&mut self) -> &mut [f32] {
        // SAFETY: as above; the borrow is unique.
        #[allow(unsafe_code)]
        unsafe {
            std::slice::from_raw_parts_mut(self.0.as_mut_ptr().cast(), self.0.len() * LANES)
        }
    }
}
