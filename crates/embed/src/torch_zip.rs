//! The tensors' bytes in a file of PyTorch's `torch.save`, read without Python and without running its pickle.
//!
//! Such a file is a zip whose members are stored, not packed: `<name>/data/0`, `<name>/data/1`, … hold raw little-endian
//! numbers; `<name>/data.pkl` says which tensor each one is, with its shape and strides. Only that much of both formats is
//! read. Source: PKWARE's APPNOTE.TXT 6.3; `torch/serialization.py`; `_rebuild_tensor_v2` of `torch/_utils.py`; Python's
//! `pickletools.py`.

use std::collections::BTreeMap;

use crate::error::AnyError;

/// Far beyond any head; the file is read whole.
pub const LARGEST_FILE: u64 = 256 << 20;

/// A member of the archive: where its bytes are.
type Members<'a> = BTreeMap<&'a str, &'a [u8]>;

/// A tensor with its name in the state dict.
#[derive(Debug, Clone, PartialEq)]
pub struct Named {
    /// Its name.
    pub name: String,
    /// Its sides.
    pub shape: Vec<usize>,
    /// Its numbers, row by row.
    pub values: Vec<f32>,
}

/// The tensors whose names end in `.weight` or `.bias`, in the order of the file.
///
/// # Errors
/// What is wrong with the file, or beyond what is read of it: packed members, zip64, numbers that are not f32, strides
/// that are not those of rows one after another.
pub fn tensors(file: &[u8]) -> Result<Vec<Named>, AnyError> {
    let members = members(file)?;
    let pickle = members.get("data.pkl").ok_or("no `data.pkl`: not a file of torch.save")?;
    if members.get("byteorder").is_some_and(|order| *order != b"little") {
        return Err("its numbers are not little-endian".into());
    }
    let mut tensors = Vec::new();
    for Described { name, data, shape } in described(&tokens(pickle)?)? {
        let bytes = *members.get(format!("data/{data}").as_str()).ok_or_else(|| format!("no `data/{data}`"))?;
        let (numbers, rest) = bytes.as_chunks::<4>();
        let n_numbers = shape.iter().try_fold(1usize, |n, side| n.checked_mul(*side));
        if !rest.is_empty() || n_numbers != Some(numbers.len()) {
            return Err(format!("`data/{data}` has {} bytes, but `{name}` has the shape {shape:?}", bytes.len()).into());
        }
        let values = numbers.iter().map(|number| f32::from_le_bytes(*number)).collect();
        tensors.push(Named { name: name.to_owned(), shape, values });
    }
    Ok(tensors)
}

/// What a pickle says of a tensor.
struct Described<'a> {
    name: &'a str,
    /// The number of its data in the archive.
    data: &'a str,
    shape: Vec<usize>,
}

/// What is read of a pickle's opcodes.
#[derive(Debug, PartialEq)]
enum Token<'a> {
    Text(&'a str),
    /// Module and name of a type or function.
    Global(&'a str, &'a str),
    Int(usize),
    Mark,
    /// A tuple of that many things, or of all since the mark.
    Tuple(Option<usize>),
    /// A storage, by what stands before it.
    Storage,
    Other,
}

/// The opcodes of a pickle, without those that only keep things for later.
fn tokens(mut pickle: &[u8]) -> Result<Vec<Token<'_>>, AnyError> {
    let cut = || AnyError::from("a pickle that is cut");
    let mut tokens = Vec::new();
    while let Some((opcode, rest)) = pickle.split_first() {
        let number = |n_bytes: usize| -> Result<usize, AnyError> {
            let bytes = rest.get(..n_bytes).ok_or_else(cut)?;
            Ok(bytes.iter().rev().fold(0, |number, byte| number << 8 | usize::from(*byte)))
        };
        let line = |from: usize| {
            let line = rest.get(from..)?.split(|byte| *byte == b'\n').next()?;
            std::str::from_utf8(line).ok()
        };
        let (token, n_bytes) = match opcode {
            b'X' => {
                let text = rest.get(4..4 + number(4)?).ok_or_else(cut)?;
                (Some(Token::Text(std::str::from_utf8(text)?)), 4 + text.len())
            }
            b'c' => {
                let module = line(0).ok_or_else(cut)?;
                let name = line(module.len() + 1).ok_or_else(cut)?;
                (Some(Token::Global(module, name)), module.len() + name.len() + 2)
            }
            b'K' => (Some(Token::Int(number(1)?)), 1),
            b'M' => (Some(Token::Int(number(2)?)), 2),
            // Signed; a length beyond its range fails where it is compared.
            b'J' => (Some(Token::Int(number(4)?)), 4),
            b'(' => (Some(Token::Mark), 0),
            b't' => (Some(Token::Tuple(None)), 0),
            b')' => (Some(Token::Tuple(Some(0))), 0),
            b'\x85'..=b'\x87' => (Some(Token::Tuple(Some(usize::from(opcode - 0x84)))), 0),
            b'Q' => (Some(Token::Storage), 0),
            // Kept in the memo.
            b'q' => (None, 1),
            b'r' => (None, 4),
            // Fetched from it: the protocol; a long integer; containers, booleans, calls.
            b'h' | b'\x80' => (Some(Token::Other), 1),
            b'j' => (Some(Token::Other), 4),
            b'\x8a' => (Some(Token::Other), 1 + number(1)?),
            b'}' | b']' | b'N' | b'a' | b'e' | b's' | b'u' | b'R' | b'b' | b'\x88' | b'\x89' => (Some(Token::Other), 0),
            b'.' => break,
            other => {
                return Err(format!("a pickle with the opcode {other:#04x}, which torch.save does not write").into());
            }
        };
        tokens.extend(token);
        pickle = rest.get(n_bytes..).ok_or_else(cut)?;
    }
    Ok(tokens)
}

/// The tensors: a name, …, the kind of its storage, the storage's number, its place and size, the storage itself; then
/// the offset, shape and strides in it.
fn described<'a>(tokens: &[Token<'a>]) -> Result<Vec<Described<'a>>, AnyError> {
    let (mut found, mut name, mut data) = (Vec::new(), None, None);
    for (at, token) in tokens.iter().enumerate() {
        match token {
            Token::Global("torch", kind) if kind.ends_with("Storage") && *kind != "FloatStorage" => {
                return Err(format!("its numbers are of {kind}, not all f32").into());
            }
            Token::Text(text) if text.ends_with(".weight") || text.ends_with(".bias") => name = Some(*text),
            Token::Text(text) if text.bytes().all(|byte| byte.is_ascii_digit()) => data = Some(*text),
            Token::Storage => {
                // Taken, so that no other tensor has them: two in one storage name it once.
                let (Some(name), Some(data)) = (name.take(), data.take()) else {
                    return Err("a tensor without a name or data of its own".into());
                };
                let placed = match tokens.get(at + 1..) {
                    Some([Token::Int(0), rest @ ..]) => {
                        tuple(rest).and_then(|(shape, rest)| Some((shape, tuple(rest)?.0)))
                    }
                    _ => None,
                };
                let (shape, strides) = placed.ok_or_else(|| format!("`{name}` is a part of larger data"))?;
                if !is_row_major(&shape, &strides) {
                    return Err(
                        format!("`{name}` of shape {shape:?} has the strides {strides:?}, not row by row").into()
                    );
                }
                found.push(Described { name, data, shape });
            }
            _ => {}
        }
    }
    Ok(found)
}

/// The tuple of integers that begins here, and what follows it.
fn tuple<'t, 'a>(tokens: &'t [Token<'a>]) -> Option<(Vec<usize>, &'t [Token<'a>])> {
    let (is_marked, tokens) = match tokens {
        [Token::Mark, rest @ ..] => (true, rest),
        _ => (false, tokens),
    };
    let ints: Vec<usize> =
        tokens.iter().map_while(|token| if let Token::Int(int) = token { Some(*int) } else { None }).collect();
    let end = if is_marked { None } else { Some(ints.len()) };
    let rest = tokens.get(ints.len()..)?;
    let (last, rest) = rest.split_first()?;
    (*last == Token::Tuple(end)).then_some((ints, rest))
}

/// A side of one has a stride without a meaning.
fn is_row_major(shape: &[usize], strides: &[usize]) -> bool {
    let mut expected = Some(1usize);
    let each = shape.iter().zip(strides).rev().all(|(side, stride)| {
        let fits = *side == 1 || expected == Some(*stride);
        expected = expected.and_then(|expected| expected.checked_mul(*side));
        fits
    });
    shape.len() == strides.len() && each
}

const END_OF_DIRECTORY: [u8; 4] = *b"PK\x05\x06";
const ENTRY: [u8; 4] = *b"PK\x01\x02";
const MEMBER: [u8; 4] = *b"PK\x03\x04";

/// The members by their names without the archive's own first folder.
fn members(file: &[u8]) -> Result<Members<'_>, AnyError> {
    // The end record is 22 bytes and a comment of at most 65,535.
    let tail = file.len().saturating_sub(22 + 65_535);
    let end = file[tail..].windows(4).rposition(|bytes| bytes == END_OF_DIRECTORY).ok_or("no zip file")? + tail;
    let end = Record(file.get(end..end + 22).ok_or("no zip file: its end is cut")?);
    let (n_entries, mut at) = (end.u16(10), end.u32(16) as usize);
    if n_entries == u16::MAX || at == u32::MAX as usize {
        return Err("a zip64 file, which is not read".into());
    }
    let mut members = Members::new();
    for _ in 0..n_entries {
        let entry = Record(file.get(at..at.saturating_add(46)).ok_or("a zip directory that is cut")?);
        if entry.0[..4] != ENTRY {
            return Err("a zip directory that is broken".into());
        }
        let (flags, method) = (entry.u16(8), entry.u16(10));
        let (packed, size) = (entry.u32(20) as usize, entry.u32(24) as usize);
        let n_name = usize::from(entry.u16(28));
        let name = file.get(at + 46..at + 46 + n_name).and_then(|name| std::str::from_utf8(name).ok());
        let name = name.ok_or("a zip directory with a broken name")?;
        if method != 0 || packed != size || flags & 1 != 0 {
            return Err(format!("member `{name}` is packed or encrypted; torch.save stores its members").into());
        }
        let start = entry.u32(42) as usize;
        let bytes = bytes_of(file, start, size).ok_or_else(|| format!("member `{name}` lies outside the file"))?;
        members.insert(name.split_once('/').map_or(name, |(_, inner)| inner), bytes);
        at += 46 + n_name + usize::from(entry.u16(30)) + usize::from(entry.u16(32));
    }
    Ok(members)
}

/// A member's bytes, after its own header, whose name and padding have lengths of their own.
fn bytes_of(file: &[u8], start: usize, size: usize) -> Option<&[u8]> {
    let header = Record(file.get(start..start.checked_add(30)?)?);
    if header.0[..4] != MEMBER {
        return None;
    }
    let from = start + 30 + usize::from(header.u16(26)) + usize::from(header.u16(28));
    file.get(from..from.checked_add(size)?)
}

/// A zip record of known length; offsets are constants inside it.
struct Record<'a>(&'a [u8]);

impl Record<'_> {
    fn u16(&self, at: usize) -> u16 {
        u16::from_le_bytes([self.0[at], self.0[at + 1]])
    }

    fn u32(&self, at: usize) -> u32 {
        u32::from(self.u16(at)) | u32::from(self.u16(at + 2)) << 16
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn fixture() -> Vec<u8> {
        std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/clip/aesthetics.pth")).unwrap()
    }

    /// The fixture with the first of some bytes changed.
    fn patched(from: &[u8], to: &[u8]) -> Vec<u8> {
        let mut file = fixture();
        let at = file.windows(from.len()).position(|bytes| bytes == from).unwrap();
        file[at..at + to.len()].copy_from_slice(to);
        file
    }

    #[test]
    fn tensors_come_with_their_names_and_shapes_in_the_order_of_the_file() {
        let tensors = tensors(&fixture()).unwrap();
        let shapes: Vec<(&str, &[usize])> =
            tensors.iter().map(|tensor| (tensor.name.as_str(), tensor.shape.as_slice())).collect();
        let expected: [(&str, &[usize]); 6] = [
            ("layers.0.weight", &[8, 12]),
            ("layers.0.bias", &[8]),
            ("layers.2.weight", &[5, 8]),
            ("layers.2.bias", &[5]),
            ("layers.4.weight", &[1, 5]),
            ("layers.4.bias", &[1]),
        ];
        assert_eq!(shapes, expected);
        assert!(tensors.iter().all(|tensor| tensor.values.len() == tensor.shape.iter().product::<usize>()));
    }

    #[test]
    fn what_is_no_such_file_is_said() {
        for (bytes, expect) in [(&b""[..], "no zip file"), (b"PK\x05\x06", "cut"), (b"\x80\x02}q\x00.", "no zip file")]
        {
            let error = tensors(bytes).unwrap_err().to_string();
            assert!(error.contains(expect), "{error}");
        }
        let whole = fixture();
        assert!(tensors(&whole[..whole.len() / 2]).is_err());
        // In pickle, of the first tensor: kind, shape (8, 12), strides (12, 1), and the offset before them.
        for (from, to, expect) in [
            (&b"FloatStorage"[..], &b"XloatStorage"[..], "its numbers are of XloatStorage, not all f32"),
            (b"K\x08K\x0c\x86", b"K\x08K\x0b\x86", "strides [12, 1], not row by row"),
            (b"K\x08K\x0c\x86", b"K\x09K\x0c\x86", "has 384 bytes, but `layers.0.weight` has the shape [9, 12]"),
            (b"K\x0cK\x01\x86", b"K\x01K\x08\x86", "`layers.0.weight` of shape [8, 12] has the strides [1, 8]"),
            (b"QK\x00K\x08", b"QK\x01K\x08", "`layers.0.weight` is a part of larger data"),
            (b"QK\x00K\x08", b"QK\x00X\x08", "cut"),
            (b"QK\x00K\x08", b"Q\xffK\x00\x08", "opcode 0xff"),
        ] {
            let error = tensors(&patched(from, to)).unwrap_err().to_string();
            assert!(error.contains(expect), "{error}");
        }
    }

    proptest! {
        #[test]
        fn no_file_makes_it_panic(changes in prop::collection::vec((0usize..100_000, any::<u8>()), 1..8), from_end: bool) {
            let mut bytes = fixture();
            let n = bytes.len();
            for (at, value) in changes {
                // The directory is at the end; most of the rest is numbers.
                let at = if from_end { n - 1 - at % 1500.min(n) } else { at % n };
                bytes[at] = value;
            }
            let _ = tensors(&bytes);
        }
    }
}
