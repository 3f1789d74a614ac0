//! A safetensors file, read one tensor at a time: loading costs the memory of the network and of its largest tensor.
//!
//! A file may come from anywhere: sizes are checked against the file before anything is allocated, and each tensor's
//! shape against the network's before it is read.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use safetensors::Dtype;
use safetensors::tensor::{Metadata, TensorInfo};
use tch::{Device, Kind, Tensor};

use crate::error::{AnyError, EmbedError, absent_or_unfit, unfit};

/// The format's own bound.
const LONGEST_HEADER: u64 = 100_000_000;

/// An open safetensors file, and where its tensors are to go.
pub struct Checkpoint {
    path: PathBuf,
    file: File,
    tensors: Metadata,
    /// Where the tensors' bytes begin and end in the file.
    start: u64,
    end: u64,
    device: Device,
    kind: Kind,
}

impl Checkpoint {
    /// Opens a file and reads its header. Tensors will come as `kind`, on `device`.
    ///
    /// # Errors
    /// [`EmbedError::NoWeights`] if it is not there, [`EmbedError::Weights`] if it is no safetensors file.
    pub fn open(path: &Path, device: Device, kind: Kind) -> Result<Self, EmbedError> {
        let mut file = File::open(path).map_err(absent_or_unfit(path))?;
        let header = header(&mut file).map_err(unfit(path))?;
        let start = 8 + header.len() as u64;
        let end = file.seek(SeekFrom::End(0)).map_err(unfit(path))?;
        let tensors: Metadata = serde_json::from_slice(&header).map_err(unfit(path))?;
        Ok(Self { path: path.to_owned(), file, tensors, start, end, device, kind })
    }

    /// The names of all tensors, in no order.
    pub fn names(&self) -> Vec<String> {
        self.tensors.offset_keys()
    }

    /// The shape of a tensor.
    pub fn shape(&self, name: &str) -> Option<Vec<usize>> {
        self.tensors.info(name).map(|info| info.shape.clone())
    }

    /// Reads the tensor of that name, which must have that shape.
    ///
    /// # Errors
    /// [`EmbedError::Weights`] that names the tensor: it is missing, has another shape or type, or the file is cut.
    pub fn tensor(&mut self, name: &str, shape: &[i64]) -> Result<Tensor, EmbedError> {
        let read = match self.tensors.info(name) {
            None => Err(format!("no tensor `{name}`").into()),
            Some(info) => place(info, shape, self.start, self.end)
                .and_then(|(from, kind)| read(&mut self.file, from, kind, shape, (self.device, self.kind)))
                .map_err(|error| format!("tensor `{name}`: {error}").into()),
        };
        read.map_err(|error: AnyError| self.failed(error))
    }

    /// The error for something that is wrong with this file.
    pub fn failed(&self, error: impl Into<AnyError>) -> EmbedError {
        unfit(&self.path)(error)
    }
}

fn header(file: &mut File) -> Result<Vec<u8>, AnyError> {
    let whole = file.seek(SeekFrom::End(0))?;
    file.seek(SeekFrom::Start(0))?;
    let mut length = [0; 8];
    file.read_exact(&mut length).map_err(|_| "no safetensors file: shorter than 8 bytes")?;
    let length = u64::from_le_bytes(length);
    if length > LONGEST_HEADER || length > whole - 8 {
        return Err(format!("no safetensors file: a header of {length} bytes in a file of {whole}").into());
    }
    let mut header = vec![0; length as usize];
    file.read_exact(&mut header)?;
    Ok(header)
}

/// Where a tensor of that shape begins in the file, and the type of its numbers.
fn place(info: &TensorInfo, shape: &[i64], start: u64, end: u64) -> Result<(u64, Kind), AnyError> {
    let kind = match info.dtype {
        Dtype::F32 => Kind::Float,
        Dtype::F16 => Kind::Half,
        Dtype::BF16 => Kind::BFloat16,
        Dtype::F64 => Kind::Double,
        other => return Err(format!("its numbers are {other:?}, expected F16, BF16, F32 or F64").into()),
    };
    if !info.shape.iter().map(|side| i64::try_from(*side).ok()).eq(shape.iter().copied().map(Some)) {
        return Err(format!("its shape is {:?}, expected {shape:?}", info.shape).into());
    }
    let n_bytes = shape
        .iter()
        .try_fold(kind.elt_size_in_bytes() as u64, |bytes, side| bytes.checked_mul(u64::try_from(*side).ok()?));
    let (from, to) = (info.data_offsets.0 as u64, info.data_offsets.1 as u64);
    let fits = to.checked_sub(from) == n_bytes && start.checked_add(to).is_some_and(|to| to <= end);
    if !fits {
        return Err(format!("bytes {from}..{to} are not its size, or lie outside the file").into());
    }
    Ok((start + from, kind))
}

fn read(
    file: &mut File,
    from: u64,
    kind: Kind,
    shape: &[i64],
    (device, wanted): (Device, Kind),
) -> Result<Tensor, AnyError> {
    let n_bytes = shape.iter().product::<i64>() as usize * kind.elt_size_in_bytes();
    file.seek(SeekFrom::Start(from))?;
    let mut bytes = vec![0; n_bytes];
    file.read_exact(&mut bytes).map_err(|error: io::Error| format!("the file is cut: {error}"))?;
    Ok(Tensor::f_from_data_size(&bytes, shape, kind)?.f_to_device(device)?.f_to_kind(wanted)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn written(bytes: &[u8]) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model.safetensors");
        std::fs::write(&path, bytes).unwrap();
        (folder, path)
    }

    fn file_of(header: &str, n_data: usize) -> Vec<u8> {
        let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
        bytes.extend(header.as_bytes());
        bytes.extend((0..n_data).map(|at| at as u8));
        bytes
    }

    /// What opening a file and reading `[2, 3]` of `w` fails with.
    fn problem(bytes: &[u8]) -> Option<String> {
        let (_folder, path) = written(bytes);
        let read = Checkpoint::open(&path, Device::Cpu, Kind::Float).and_then(|mut file| file.tensor("w", &[2, 3]));
        read.err().map(|error| std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default())
    }

    #[test]
    fn a_tensor_is_read_in_the_type_that_is_wanted() {
        let values = [1.5f32, -2.0, 0.25, 3.0, 0.0, -0.5];
        let mut bytes = file_of(r#"{"w":{"dtype":"BF16","shape":[2,3],"data_offsets":[0,12]}}"#, 0);
        // A bfloat16 is the upper half of an f32.
        bytes.extend(values.iter().flat_map(|value| value.to_le_bytes().into_iter().skip(2)));
        let (_folder, path) = written(&bytes);
        let tensor = Checkpoint::open(&path, Device::Cpu, Kind::Float).unwrap().tensor("w", &[2, 3]).unwrap();
        assert_eq!(tensor.kind(), Kind::Float);
        assert_eq!(Vec::<f32>::try_from(tensor.view(-1)).unwrap(), values);
    }

    #[test]
    fn what_is_wrong_with_a_file_is_said_and_the_tensor_named() {
        let tensor = |dtype: &str, shape: &str, offsets: &str| {
            file_of(&format!(r#"{{"w":{{"dtype":"{dtype}","shape":{shape},"data_offsets":{offsets}}}}}"#), 24)
        };
        assert_eq!(problem(&tensor("F32", "[2,3]", "[0,24]")), None);
        for (bytes, expect) in [
            (tensor("F32", "[3,2]", "[0,24]"), "tensor `w`: its shape is [3, 2], expected [2, 3]"),
            (tensor("F32", "[2,3,1]", "[0,24]"), "tensor `w`: its shape is [2, 3, 1]"),
            (tensor("I32", "[2,3]", "[0,24]"), "tensor `w`: its numbers are I32"),
            (tensor("F32", "[2,3]", "[8,32]"), ""),
            (tensor("F32", "[2,3]", "[0,20]"), ""),
            (tensor("F32", "[2,3]", "[24,0]"), ""),
            (tensor("F32", "[2,3]", "[0,18446744073709551615]"), ""),
            (file_of("{}", 24), "no tensor `w`"),
            (file_of("not json", 24), ""),
            (b"cut".to_vec(), "shorter than 8 bytes"),
            (u64::MAX.to_le_bytes().to_vec(), "a header of 18446744073709551615 bytes"),
            (1000u64.to_le_bytes().to_vec(), "a header of 1000 bytes in a file of 8"),
        ] {
            let problem = problem(&bytes).unwrap();
            assert!(problem.contains(expect), "{problem}");
        }
        let mut cut = tensor("F32", "[2,3]", "[0,24]");
        cut.truncate(cut.len() - 1);
        assert!(problem(&cut).unwrap().contains("tensor `w`"));
    }

    proptest! {
        #[test]
        fn no_file_makes_it_panic(at in 0usize..90, value: u8, cut in 0usize..120) {
            let header = r#"{"w":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]},"__metadata__":{"a":"b"}}"#;
            let mut bytes = file_of(header, 24);
            bytes[at] = value;
            bytes.truncate(bytes.len().min(cut + 20));
            let _ = problem(&bytes);
        }
    }
}
