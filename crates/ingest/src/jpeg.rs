//! Whether a JPEG is whole: decoders paint what is missing grey, without a word.
//!
//! Source: ITU-T T.81, Annex B (markers and segments).

const END_OF_IMAGE: u8 = 0xd9;

/// Whether the segments of a JPEG go on to its end-of-image marker. Bytes after that do not matter.
pub(crate) fn is_whole(bytes: &[u8]) -> bool {
    let mut at = 2; // After the start-of-image marker, which is how the file was known for a JPEG.
    while let Some((marker, after)) = next_marker(bytes, at) {
        if marker == END_OF_IMAGE {
            return true;
        }
        // A segment is skipped by its length: a thumbnail in it has an end-of-image marker of its own.
        let Some(length) = bytes.get(after..after + 2) else { return false };
        at = after + usize::from(u16::from_be_bytes([length[0], length[1]])).max(2);
    }
    false
}

/// The next marker at or after a place, and where it ends. Coded data holds 0xff only before 0 and restart markers.
fn next_marker(bytes: &[u8], from: usize) -> Option<(u8, usize)> {
    let pairs = bytes.get(from..)?.windows(2);
    let is_marker = |pair: &[u8]| pair[0] == 0xff && !matches!(pair[1], 0x00 | 0x01 | 0xd0..=0xd7 | 0xff);
    let at = from + pairs.into_iter().position(is_marker)?;
    Some((bytes[at + 1], at + 2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_jpeg_is_whole_up_to_its_last_byte_and_with_bytes_after_it() {
        let mut bytes = Vec::new();
        let noise = image::RgbImage::from_fn(64, 48, |x, y| image::Rgb([(x * y % 251) as u8, (x * 7) as u8, y as u8]));
        noise.write_to(&mut std::io::Cursor::new(&mut bytes), image::ImageFormat::Jpeg).unwrap();
        assert!(is_whole(&bytes));
        for cut in 0..bytes.len() {
            assert!(!is_whole(&bytes[..cut]), "{cut} of {}", bytes.len());
        }
        bytes.extend([0xff, 0xda, 1, 2, 3]);
        assert!(is_whole(&bytes));
    }

    #[test]
    fn the_end_of_a_thumbnail_is_not_the_end() {
        let with_thumbnail =
            [0xff, 0xd8, 0xff, 0xe1, 0, 6, 0xff, 0xd8, 0xff, 0xd9, 0xff, 0xda, 0, 2, 5, 0xff, 0, 0xff, 0xd0];
        assert!(!is_whole(&with_thumbnail));
        assert!(is_whole(&[&with_thumbnail[..], &[0xff, 0xd9]].concat()));
    }
}
