//! The tensors' bytes in a file of PyTorch's `torch.save`, read without Python and without running its pickle.
//!
//! Such a file is a zip whose members are stored, not packed: `<name>/data/0`, `<name>/data/1`, … hold raw little-endian
//! numbers, `<name>/data.pkl` says in their order which tensor each one is. Only that much of both formats is read.
//! Source: PKWARE's APPNOTE.TXT 6.3; `torch/serialization.py`.

use std::collections::BTreeMap;

use crate::error::AnyError;

/// Far beyond any head; the file is read whole.
pub const LARGEST_FILE: u64 = 256 << 20;

/// A member of the archive: where its bytes are.
type Members<'a> = BTreeMap<&'a str, &'a [u8]>;

/// The names of the tensors that end in `.weight` or `.bias`, each with its numbers, in the order of the file.
///
/// # Errors
/// What is wrong with the file, or beyond what is read of it: packed members, zip64, numbers that are not f32.
pub fn tensors(file: &[u8]) -> Result<Vec<(String, Vec<f32>)>, AnyError> {
    let members = members(file)?;
    let pickle = members.get("data.pkl").ok_or("no `data.pkl`: not a file of torch.save")?;
    if members.get("byteorder").is_some_and(|order| *order != b"little") {
        return Err("its numbers are not little-endian".into());
    }
    let is_float = pickle.windows(12).any(|bytes| bytes == b"FloatStorage");
    if !is_float
        || [&b"HalfStorage"[..], b"DoubleStorage", b"BFloat16Storage"].iter().any(|kind| contains(pickle, kind))
    {
        return Err("its numbers are not all f32".into());
    }
    let names = names(pickle);
    let n_data = members.keys().filter(|name| name.starts_with("data/")).count();
    if n_data != names.len() {
        return Err(format!("{n_data} tensors for the {} names {names:?}", names.len()).into());
    }
    let numbered = names.into_iter().enumerate().map(|(at, name)| {
        let bytes = *members.get(format!("data/{at}").as_str()).ok_or_else(|| format!("no `data/{at}`"))?;
        let (numbers, rest) = bytes.as_chunks::<4>();
        if !rest.is_empty() {
            return Err(format!("`data/{at}` has {} bytes, not a multiple of 4", bytes.len()));
        }
        Ok((name, numbers.iter().map(|number| f32::from_le_bytes(*number)).collect()))
    });
    Ok(numbered.collect::<Result<_, _>>()?)
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

/// The strings `….weight` and `….bias` of a pickle, in order of their first appearance: a state dict's keys.
fn names(pickle: &[u8]) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    let mut rest = pickle;
    // BINUNICODE: `X`, a length, UTF-8.
    while let Some(at) = rest.iter().position(|byte| *byte == b'X') {
        rest = &rest[at + 1..];
        let Some((length, text)) = rest.split_first_chunk::<4>() else { break };
        let name = text.get(..u32::from_le_bytes(*length) as usize).and_then(|bytes| std::str::from_utf8(bytes).ok());
        let Some(name) = name.filter(|name| name.ends_with(".weight") || name.ends_with(".bias")) else { continue };
        if !names.iter().any(|known| known == name) {
            names.push(name.to_owned());
        }
        rest = &text[name.len()..];
    }
    names
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

    #[test]
    fn tensors_come_with_their_names_in_the_order_of_the_file() {
        let tensors = tensors(&fixture()).unwrap();
        let sizes: Vec<(&str, usize)> = tensors.iter().map(|(name, values)| (name.as_str(), values.len())).collect();
        let expected = [
            ("layers.0.weight", 96),
            ("layers.0.bias", 8),
            ("layers.2.weight", 40),
            ("layers.2.bias", 5),
            ("layers.4.weight", 5),
            ("layers.4.bias", 1),
        ];
        assert_eq!(sizes, expected);
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
        let mut of_doubles = whole.clone();
        let at = whole.windows(12).position(|bytes| bytes == b"FloatStorage").unwrap();
        of_doubles[at..at + 5].copy_from_slice(b"Xloat");
        assert!(tensors(&of_doubles).unwrap_err().to_string().contains("f32"));
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
