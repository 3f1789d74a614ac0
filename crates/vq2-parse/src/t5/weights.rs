//! `model.safetensors`, read tensor by tensor into a network's variables.
//!
//! The header is checked against the shapes that `config.json` implies before rust-bert makes a single variable: its
//! constructors end the program where a size is absurd. Half-precision weights become `f32`.

use std::collections::HashMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use safetensors::Dtype;
use safetensors::tensor::Metadata;
use tch::nn::VarStore;
use tch::{Kind, Tensor};

use super::error::{AnyError, T5Error, guarded};

// The format's own limit (safetensors 0.8, MAX_HEADER_SIZE).
const LONGEST_HEADER_BYTES: u64 = 100_000_000;

/// An open safetensors file whose header has been read.
pub struct WeightFile {
    path: PathBuf,
    file: File,
    /// Where the tensors' bytes start.
    data_start: u64,
    header: Metadata,
    n_tensors: usize,
    /// Other names under which a variable may stand in the file.
    aliases: fn(&str) -> Vec<String>,
}

impl WeightFile {
    /// Opens the file; `aliases` gives other names of a variable, the likeliest first.
    ///
    /// # Errors
    /// [`T5Error::Unfit`] if it is no whole safetensors file.
    pub fn open(path: &Path, aliases: fn(&str) -> Vec<String>) -> Result<Self, T5Error> {
        let unfit = |source: AnyError| T5Error::Unfit { file: path.to_owned(), source };
        let mut file = File::open(path).map_err(|error| unfit(error.into()))?;
        let (header, header_bytes) = read_header(&mut file).map_err(unfit)?;
        let n_tensors = header.tensors().len();
        Ok(Self { path: path.to_owned(), file, data_start: 8 + header_bytes, header, n_tensors, aliases })
    }

    fn name_in_file(&self, variable: &str) -> Result<String, T5Error> {
        let names = std::iter::once(variable.to_owned()).chain((self.aliases)(variable));
        names.into_iter().find(|name| self.header.info(name).is_some()).ok_or_else(|| T5Error::NoTensor {
            file: self.path.clone(),
            tensor: variable.to_owned(),
            n_tensors: self.n_tensors,
        })
    }

    /// Checks that a variable is there and has this shape.
    ///
    /// # Errors
    /// [`T5Error::NoTensor`], [`T5Error::Shape`], or [`T5Error::Unfit`] if it holds no floating-point numbers.
    pub fn expect(&self, variable: &str, shape: &[i64]) -> Result<(), T5Error> {
        let name = self.name_in_file(variable)?;
        let Some(info) = self.header.info(&name) else {
            unreachable!("`name_in_file` gives names that are in the header");
        };
        if !info.shape.iter().map(|&n| i64::try_from(n)).eq(shape.iter().map(|&n| Ok(n))) {
            return Err(T5Error::Shape {
                file: self.path.clone(),
                tensor: name,
                found: info.shape.clone(),
                expected: shape.to_vec(),
            });
        }
        let (start, end) = info.data_offsets;
        let n_bytes = shape.iter().product::<i64>() as usize * (info.dtype.bitsize() / 8);
        if kind_of(info.dtype).is_none() || end.checked_sub(start) != Some(n_bytes) {
            let source = format!("tensor `{name}` holds no floating-point numbers of 16, 32 or 64 bits").into();
            return Err(T5Error::Unfit { file: self.path.clone(), source });
        }
        Ok(())
    }

    /// Fills all variables and freezes them.
    ///
    /// # Errors
    /// Those of [`Self::expect`]; [`T5Error::Unfit`] if the file cannot be read, [`T5Error::Torch`] if the device is full.
    pub fn fill(&mut self, variables: &mut VarStore) -> Result<(), T5Error> {
        for (variable, mut tensor) in variables.variables() {
            self.expect(&variable, &tensor.size())?;
            let name = self.name_in_file(&variable)?;
            let read = self.read(&name).map_err(|source| T5Error::Unfit { file: self.path.clone(), source })?;
            guarded("reading weights", || Ok(tensor.f_copy_(&read.f_to_kind(Kind::Float)?)?))?;
        }
        variables.freeze();
        Ok(())
    }

    fn read(&mut self, name: &str) -> Result<Tensor, AnyError> {
        let Some(info) = self.header.info(name) else { return Err(format!("has no tensor `{name}`").into()) };
        let Some(kind) = kind_of(info.dtype) else { return Err(format!("tensor `{name}` is no float").into()) };
        let (start, end) = info.data_offsets;
        let shape: Vec<i64> = info.shape.iter().map(|&n| n as i64).collect();
        let mut bytes = vec![0; end - start];
        self.file.seek(SeekFrom::Start(self.data_start + start as u64))?;
        self.file.read_exact(&mut bytes)?;
        Ok(Tensor::f_from_data_size(&bytes, &shape, kind)?)
    }
}

fn kind_of(dtype: Dtype) -> Option<Kind> {
    Some(match dtype {
        Dtype::F16 => Kind::Half,
        Dtype::BF16 => Kind::BFloat16,
        Dtype::F32 => Kind::Float,
        Dtype::F64 => Kind::Double,
        _ => return None,
    })
}

fn read_header(file: &mut File) -> Result<(Metadata, u64), AnyError> {
    let file_bytes = file.metadata()?.len();
    let mut length = [0; 8];
    file.read_exact(&mut length)?;
    let header_bytes = u64::from_le_bytes(length);
    if header_bytes > LONGEST_HEADER_BYTES || header_bytes > file_bytes {
        return Err("is no safetensors file: the length of its header is absurd".into());
    }
    let mut header = vec![0; header_bytes as usize];
    file.read_exact(&mut header)?;
    let header: Metadata = serde_json::from_slice(&header)?;
    let tensors: HashMap<_, _> = header.tensors();
    let end = tensors.values().map(|info| info.data_offsets.1).max().unwrap_or(0) as u64;
    if 8_u64.checked_add(header_bytes).and_then(|at| at.checked_add(end)).is_none_or(|whole| whole > file_bytes) {
        return Err("is cut off: its header names more bytes than it has".into());
    }
    Ok((header, header_bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::{Device, nn};

    fn written(folder: &tempfile::TempDir, tensors: &[(&str, Tensor)]) -> PathBuf {
        let path = folder.path().join("model.safetensors");
        Tensor::write_safetensors(tensors, &path).unwrap();
        path
    }

    fn none(_: &str) -> Vec<String> {
        Vec::new()
    }

    #[test]
    fn half_precision_and_aliased_tensors_fill_the_variables() {
        let folder = tempfile::tempdir().unwrap();
        let tensor = Tensor::from_slice(&[0.5_f32, -2.0]).to_kind(Kind::BFloat16);
        let path = written(&folder, &[("norm.gamma", tensor)]);
        let mut file = WeightFile::open(&path, |name| vec![name.replace("weight", "gamma")]).unwrap();
        let mut variables = VarStore::new(Device::Cpu);
        let weight = (variables.root() / "norm").var("weight", &[2], nn::Init::Const(0.0));
        file.expect("norm.weight", &[2]).unwrap();
        file.fill(&mut variables).unwrap();
        assert_eq!(Vec::<f32>::try_from(&weight).unwrap(), [0.5, -2.0]);
        assert!(!weight.requires_grad());
    }

    #[test]
    fn a_missing_tensor_a_wrong_shape_and_a_wrong_type_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = written(
            &folder,
            &[("a.weight", Tensor::from_slice(&[1.0_f32, 2.0])), ("ids", Tensor::from_slice(&[1_i64]))],
        );
        let file = WeightFile::open(&path, none).unwrap();
        let said = |result: Result<(), T5Error>| {
            let error = result.unwrap_err();
            format!("{error}: {}", std::error::Error::source(&error).map_or_else(String::new, ToString::to_string))
        };
        assert!(said(file.expect("b.weight", &[2])).contains("has no tensor `b.weight`"));
        assert!(
            said(file.expect("a.weight", &[3])).contains("has the shape [2], and by `config.json` it must have [3]")
        );
        assert!(said(file.expect("ids", &[1])).contains("`ids` holds no floating-point numbers"));
    }

    #[test]
    fn a_file_that_is_no_safetensors_file_or_is_cut_off_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let whole = std::fs::read(written(&folder, &[("a", Tensor::from_slice(&[1.0_f32; 64]))])).unwrap();
        let path = folder.path().join("broken.safetensors");
        let mut absurd = u64::MAX.to_le_bytes().to_vec();
        absurd.extend([b'{'; 100]);
        let garbage = [&20_u64.to_le_bytes()[..], &[b'x'; 40]].concat();
        for bytes in [&[][..], &whole[..5], &whole[..whole.len() - 1], &whole[..30], &absurd, &garbage] {
            std::fs::write(&path, bytes).unwrap();
            let error = WeightFile::open(&path, none).err().unwrap();
            assert!(error.to_string().contains("broken.safetensors"), "{error}");
        }
    }
}
