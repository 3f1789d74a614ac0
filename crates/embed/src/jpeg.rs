//! JPEG files, decoded into grey, colours or inks.

use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::{ZByteIoError, ZByteReaderTrait, ZSeekFrom};
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

use crate::error::AnyError;
use crate::picture::Picture;
use crate::resize::Pixels;

/// Decodes a JPEG file.
///
/// # Errors
/// What the decoder says of it.
pub fn of_jpeg(file: &[u8]) -> Result<Picture, AnyError> {
    // What a file may decode to is `ingest`'s to bound.
    let options = DecoderOptions::default().set_strict_mode(false).set_max_width(usize::MAX).set_max_height(usize::MAX);
    let mut decoder = JpegDecoder::new_with_options(FileBytes { bytes: file, at: 0 }, options);
    decoder.decode_headers()?;
    let info = decoder.info().ok_or("a JPEG without a header")?;
    let wanted = match (info.components, decoder.input_colorspace()) {
        (1, _) => ColorSpace::Luma,
        (3, _) => ColorSpace::RGB,
        // As they are stored: Pillow resizes inks.
        (4, Some(stored @ (ColorSpace::CMYK | ColorSpace::YCCK))) => stored,
        (n, _) => return Err(format!("a JPEG of {n} components that are neither grey, colours nor inks").into()),
    };
    decoder.set_options(options.jpeg_set_out_colorspace(wanted));
    let (width, height, values) = (usize::from(info.width), usize::from(info.height), decoder.decode()?);
    Ok(match wanted {
        ColorSpace::Luma => Picture::Grey(Pixels { width, height, values }),
        ColorSpace::RGB => Picture::Colour(Pixels { width, height, values }),
        stored => Picture::Cmyk(Pixels { width, height, values: inks(values, stored == ColorSpace::YCCK) }),
    })
}

/// The inks of stored samples. As Pillow does, all such files are taken for Adobe's, which store what is left of white;
/// in YCCK the first three as libjpeg's YCbCr (its constants, with 16 fractional bits).
fn inks(mut samples: Vec<u8>, is_ycck: bool) -> Vec<u8> {
    let byte = |value: i32| value.clamp(0, 255) as u8;
    for pixel in samples.as_chunks_mut::<4>().0 {
        let [y, blue, red, black] = pixel.map(i32::from);
        let (blue, red) = (blue - 128, red - 128);
        *pixel = if is_ycck {
            let cyan = y + ((91_881 * red + 32_768) >> 16);
            let magenta = y + ((-22_554 * blue - 46_802 * red + 32_768) >> 16);
            let yellow = y + ((116_130 * blue + 32_768) >> 16);
            [byte(cyan), byte(magenta), byte(yellow), byte(255 - black)]
        } else {
            pixel.map(|sample| 255 - sample)
        };
    }
    samples
}

/// A file in memory as the decoder reads it: what its own `ZCursor` gives, without `std::io` between them. The decoder
/// takes four bytes at a time, and with a `Read` each of them is a call of `memcpy`.
struct FileBytes<'a> {
    bytes: &'a [u8],
    /// May be beyond the end, where nothing is read.
    at: usize,
}

impl FileBytes<'_> {
    #[inline(always)]
    fn rest(&self) -> &[u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }
}

impl ZByteReaderTrait for FileBytes<'_> {
    #[inline(always)]
    fn read_byte_no_error(&mut self) -> u8 {
        let Some(byte) = self.bytes.get(self.at) else { return 0 };
        self.at += 1;
        *byte
    }

    #[inline(always)]
    fn read_exact_bytes(&mut self, buf: &mut [u8]) -> Result<(), ZByteIoError> {
        self.peek_exact_bytes(buf)?;
        self.at += buf.len();
        Ok(())
    }

    fn read_bytes(&mut self, buf: &mut [u8]) -> Result<usize, ZByteIoError> {
        let n_read = self.peek_bytes(buf)?;
        self.at += n_read;
        Ok(n_read)
    }

    fn peek_bytes(&mut self, buf: &mut [u8]) -> Result<usize, ZByteIoError> {
        let n_read = buf.len().min(self.rest().len());
        buf[..n_read].copy_from_slice(&self.rest()[..n_read]);
        Ok(n_read)
    }

    #[inline(always)]
    fn peek_exact_bytes(&mut self, buf: &mut [u8]) -> Result<(), ZByteIoError> {
        let too_few = ZByteIoError::NotEnoughBytes(self.rest().len(), buf.len());
        buf.copy_from_slice(self.rest().get(..buf.len()).ok_or(too_few)?);
        Ok(())
    }

    #[inline(always)]
    fn z_seek(&mut self, from: ZSeekFrom) -> Result<u64, ZByteIoError> {
        let at = match from {
            ZSeekFrom::Start(at) => usize::try_from(at).ok(),
            ZSeekFrom::End(by) => self.bytes.len().checked_add_signed(by as isize),
            ZSeekFrom::Current(by) => self.at.checked_add_signed(by as isize),
        };
        self.at = at.ok_or(ZByteIoError::SeekError("outside of what a file can be"))?;
        Ok(self.at as u64)
    }

    #[inline(always)]
    fn is_eof(&mut self) -> Result<bool, ZByteIoError> {
        Ok(self.at >= self.bytes.len())
    }

    fn z_position(&mut self) -> Result<u64, ZByteIoError> {
        Ok(self.at as u64)
    }

    fn read_remaining(&mut self, sink: &mut Vec<u8>) -> Result<usize, ZByteIoError> {
        let n_read = self.rest().len();
        sink.extend_from_slice(self.rest());
        self.at += n_read;
        Ok(n_read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use zune_jpeg::zune_core::bytestream::ZCursor;

    /// What a call gives; of errors only that there is one.
    fn call(reader: &mut impl ZByteReaderTrait, (what, n): (u8, i64)) -> (Option<u64>, Vec<u8>) {
        let mut buffer = vec![0; n.unsigned_abs() as usize];
        let done = match what {
            0 => Ok(u64::from(reader.read_byte_no_error())),
            1 => reader.read_exact_bytes(&mut buffer).map(|()| 0),
            2 => reader.read_bytes(&mut buffer).map(|n_read| n_read as u64),
            3 => reader.peek_bytes(&mut buffer).map(|n_read| n_read as u64),
            4 => reader.peek_exact_bytes(&mut buffer).map(|()| 0),
            5 => reader.z_seek(ZSeekFrom::Current(n)),
            6 => reader.z_seek(ZSeekFrom::End(n)),
            7 => reader.z_seek(ZSeekFrom::Start(n.unsigned_abs())),
            8 => reader.is_eof().map(u64::from),
            _ => {
                buffer.clear();
                reader.read_remaining(&mut buffer).map(|n_read| n_read as u64)
            }
        };
        // What stands in the buffer after an error is nobody's.
        if done.is_err() {
            buffer.clear();
        }
        (done.ok(), buffer)
    }

    proptest! {
        #[test]
        fn a_file_is_read_as_the_decoders_own_cursor_reads_it(
            bytes in prop::collection::vec(any::<u8>(), 0..30),
            calls in prop::collection::vec((0u8..10, -12i64..12), 0..40),
        ) {
            let (mut ours, mut theirs) = (FileBytes { bytes: &bytes, at: 0 }, ZCursor::new(&bytes));
            for each in calls {
                prop_assert_eq!(call(&mut ours, each), call(&mut theirs, each), "{:?}", each);
                prop_assert_eq!(ours.z_position().ok(), theirs.z_position().ok(), "{:?}", each);
            }
        }
    }
}
