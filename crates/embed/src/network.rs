//! What every image encoder is to the stage, and the steps that they share.

use std::mem::MaybeUninit;

use tch::{Device, Kind, TchError, Tensor};

/// An image encoder with its weights, ready to run on one device.
pub trait ImageNetwork: Sync {
    /// Starts on squares, each `side × side × 3` values in [0, 255], row by row: their vectors as `[squares, features]` on
    /// the device. On CUDA this returns while the device computes; [`rows_of`] waits for it.
    ///
    /// # Errors
    /// What LibTorch says, such as that the device's memory is full.
    fn start(&self, squares: &[&[u8]]) -> Result<Tensor, TchError>;

    /// The vectors of squares.
    ///
    /// # Errors
    /// What LibTorch says.
    fn vectors(&self, squares: &[&[u8]]) -> Result<Vec<Vec<f32>>, TchError> {
        rows_of(&self.start(squares)?, squares.len())
    }
}

/// What is done to a channel's 8-bit values: (x / 255 − mean) / standard deviation.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scaling {
    /// Mean of red, green and blue.
    pub mean: [f32; 3],
    /// Standard deviation of red, green and blue.
    pub standard_deviation: [f32; 3],
}

impl std::fmt::Display for Scaling {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        write!(f, "(x / 255 - {:?}) / {:?}", self.mean, self.standard_deviation)
    }
}

impl Scaling {
    /// Whether every number is finite and no deviation nothing.
    pub fn is_sound(&self) -> bool {
        let deviations = &self.standard_deviation;
        self.mean.iter().chain(deviations).all(|value| value.is_finite()) && deviations.iter().all(|value| *value > 0.0)
    }

    /// What each 8-bit value becomes in each channel.
    fn table(&self) -> [[f32; 256]; 3] {
        std::array::from_fn(|c| {
            std::array::from_fn(|value| (value as f32 / 255.0 - self.mean[c]) / self.standard_deviation[c])
        })
    }
}

/// Squares as `[n, 3, side, side]`, scaled, in single precision.
///
/// # Errors
/// What LibTorch says.
pub fn pixels_of(squares: &[&[u8]], side: i64, scaling: &Scaling, device: Device) -> Result<Tensor, TchError> {
    if device != Device::Cpu {
        let values = uploaded(squares, side, device)?;
        // Numbers, not tensors: those would be copied to the device, and the copy waited for.
        let of_channel = |c: usize| {
            let unit = values.f_select(3, c as i64)?.f_to_kind(Kind::Float)?.f_div_scalar(255.0)?;
            unit.f_sub_scalar(f64::from(scaling.mean[c]))?.f_div_scalar(f64::from(scaling.standard_deviation[c]))
        };
        return Tensor::f_stack(&[of_channel(0)?, of_channel(1)?, of_channel(2)?], 1);
    }
    let n_pixels = (side * side) as usize;
    if let Some(other) = squares.iter().find(|square| square.len() != 3 * n_pixels) {
        return Err(TchError::Shape(format!("a square of {} values, expected {side} × {side} × 3", other.len())));
    }
    let planes = Tensor::f_empty([squares.len() as i64, 3, side, side], (Kind::Float, device))?;
    #[allow(unsafe_code, reason = "tch makes tensors from slices by filling them with zeros and copying")]
    // SAFETY: the tensor is new, on the CPU and contiguous, so that nobody else reads or writes its numbers.
    let values = unsafe {
        std::slice::from_raw_parts_mut(planes.data_ptr().cast::<MaybeUninit<f32>>(), squares.len() * 3 * n_pixels)
    };
    let [of_red, of_green, of_blue] = scaling.table();
    for (square, planes) in squares.iter().zip(values.chunks_exact_mut(3 * n_pixels)) {
        let (red, others) = planes.split_at_mut(n_pixels);
        let (green, blue) = others.split_at_mut(n_pixels);
        let planes = red.iter_mut().zip(green).zip(blue);
        for ([r, g, b], ((red, green), blue)) in square.as_chunks::<3>().0.iter().zip(planes) {
            red.write(of_red[usize::from(*r)]);
            green.write(of_green[usize::from(*g)]);
            blue.write(of_blue[usize::from(*b)]);
        }
    }
    Ok(planes)
}

/// Squares as `[n, side, side, 3]` of 8 bits on a CUDA device. The copy goes on while the caller does, from memory that the
/// system does not move; LibTorch keeps that memory until the copy is done.
///
/// # Errors
/// What LibTorch says.
pub fn uploaded(squares: &[&[u8]], side: i64, device: Device) -> Result<Tensor, TchError> {
    let values = Tensor::f_from_data_size(&squares.concat(), &[squares.len() as i64, side, side, 3], Kind::Uint8)?;
    values.f_internal_pin_memory(device)?.f_to_device_(device, Kind::Uint8, true, false)
}

/// The rows of a matrix of so many rows, in single precision. Waits for the device.
///
/// # Errors
/// What LibTorch says; [`TchError::Shape`] if it is no such matrix.
pub fn rows_of(matrix: &Tensor, n_rows: usize) -> Result<Vec<Vec<f32>>, TchError> {
    let size = matrix.size();
    let n_columns = match size.as_slice() {
        [rows, n_columns] if *rows == n_rows as i64 && *n_columns > 0 => *n_columns as usize,
        _ => {
            let problem = format!("the encoder gives shape {size:?}, expected [{n_rows} images, features]");
            return Err(TchError::Shape(problem));
        }
    };
    let flat = matrix.f_to_device(Device::Cpu)?.f_to_kind(Kind::Float)?.f_contiguous()?.f_view(-1)?;
    Ok(Vec::<f32>::try_from(flat)?.chunks(n_columns).map(<[f32]>::to_vec).collect())
}

/// Half of a batch's size, if its error is that the device's memory is too small and a half is left; says so.
pub fn halved(batch_size: usize, error: &dyn std::fmt::Display) -> Option<usize> {
    // LibTorch has no code for it that reaches Rust; cuBLAS and cuDNN have words of their own.
    let error = error.to_string();
    let is_out_of_memory = error.contains("out of memory") || error.contains("STATUS_ALLOC_FAILED");
    let half = Some(batch_size / 2).filter(|half| is_out_of_memory && *half > 0)?;
    tracing::warn!(batch_size, halved = half, "the device's memory is too small for a batch");
    Some(half)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clip::SCALING;

    #[test]
    fn scaled_pixels_are_those_of_the_formula_in_libtorch() {
        let squares: Vec<Vec<u8>> = (0..2).map(|at| crate::testing::patterned_square(20, 91 * at)).collect();
        let squares: Vec<&[u8]> = squares.iter().map(Vec::as_slice).collect();
        let values = Tensor::from_data_size(&squares.concat(), &[2, 20, 20, 3], Kind::Uint8);
        let of_channels = |values: &[f32; 3]| Tensor::from_slice(values).view([3i64, 1, 1]);
        let unit = values.permute([0, 3, 1, 2]).to_kind(Kind::Float) / 255.0;
        let expected = (unit - of_channels(&SCALING.mean)) / of_channels(&SCALING.standard_deviation);
        let ours = pixels_of(&squares, 20, &SCALING, Device::Cpu).unwrap();
        assert_eq!(ours.size(), [2, 3, 20, 20]);
        assert!(ours.equal(&expected), "to the last bit");
        assert!(pixels_of(&squares, 21, &SCALING, Device::Cpu).unwrap_err().to_string().contains("1200 values"));
    }

    #[test]
    fn a_matrix_of_another_shape_is_named() {
        let rows = |size: &[i64], n| rows_of(&Tensor::zeros(size, (Kind::Float, Device::Cpu)), n);
        assert_eq!(rows(&[2, 3], 2).unwrap(), vec![vec![0.0; 3]; 2]);
        for (size, n) in [(&[2i64, 3][..], 3), (&[2, 3, 1], 2), (&[6], 6), (&[2, 0], 2)] {
            assert!(rows(size, n).unwrap_err().to_string().contains("expected ["), "{size:?}");
        }
    }
}
