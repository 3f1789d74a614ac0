//! What every image encoder is to the stage, and the steps that they share.

use tch::{Device, Kind, TchError, Tensor};

/// An image encoder with its weights, ready to run on one device.
pub trait ImageNetwork: Sync {
    /// The vectors of squares, each `side × side × 3` values in [0, 255], row by row.
    ///
    /// # Errors
    /// What LibTorch says, such as that the device's memory is full.
    fn vectors(&self, squares: &[&[u8]]) -> Result<Vec<Vec<f32>>, TchError>;
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

/// Squares as `[n, 3, side, side]`, scaled, in single precision.
///
/// # Errors
/// What LibTorch says.
pub fn pixels_of(squares: &[&[u8]], side: i64, scaling: &Scaling, device: Device) -> Result<Tensor, TchError> {
    let shape = [squares.len() as i64, side, side, 3];
    let values = Tensor::f_from_data_size(&squares.concat(), &shape, Kind::Uint8)?.f_to_device(device)?;
    let of_channels = |values: &[f32; 3]| Tensor::f_from_slice(values)?.f_view([3i64, 1, 1])?.f_to_device(device);
    let unit = values.f_permute([0, 3, 1, 2])?.f_contiguous()?.f_to_kind(Kind::Float)?.f_div_scalar(255.0)?;
    unit.f_sub(&of_channels(&scaling.mean)?)?.f_div(&of_channels(&scaling.standard_deviation)?)
}

/// The rows of a matrix, in single precision.
///
/// # Errors
/// What LibTorch says; [`TchError::Shape`] if it is no matrix.
pub fn rows_of(matrix: &Tensor) -> Result<Vec<Vec<f32>>, TchError> {
    let size = matrix.size();
    let n_columns = match size.as_slice() {
        [_, n_columns] if *n_columns > 0 => *n_columns as usize,
        _ => return Err(TchError::Shape(format!("the encoder gives shape {size:?}, expected [images, features]"))),
    };
    let flat = matrix.f_to_device(Device::Cpu)?.f_to_kind(Kind::Float)?.f_contiguous()?.f_view(-1)?;
    Ok(Vec::<f32>::try_from(flat)?.chunks(n_columns).map(<[f32]>::to_vec).collect())
}
