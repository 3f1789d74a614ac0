//! Image files, decoded into the kind of pixels that Pillow would resize.
//!
//! Pillow resizes a picture as it is stored and converts it to RGB afterwards, so its storage decides the vector: a
//! palette is resized by the nearest pixel, transparent colours are premultiplied, 16-bit grey keeps its 16 bits until
//! the conversion cuts it at 255. Only what differs in that is told apart here.

use std::io::Cursor;

use gif::{ColorOutput, DecodeOptions, MemoryLimit};
use image::{DynamicImage, ImageFormat, ImageReader};
use png::{BitDepth, ColorType, Limits, Transformations};

use crate::error::AnyError;
use crate::jpeg::of_jpeg;
use crate::resize::Pixels;

/// A decoded picture.
#[derive(Debug, PartialEq, Eq)]
pub enum Picture {
    /// Grey of 8 bits (Pillow's mode L).
    Grey(Pixels<1>),
    /// Grey of 16 bits (I;16).
    DeepGrey(Pixels<1, u16>),
    /// RGB.
    Colour(Pixels<3>),
    /// RGB and alpha (RGBA, LA), not premultiplied.
    Transparent(Pixels<4>),
    /// Cyan, magenta, yellow and black, 255 being all of it (CMYK).
    Cmyk(Pixels<4>),
    /// The colours of a palette or of a 1-bit image (P, 1).
    Indexed(Pixels<3>),
}

/// Decodes an image file.
///
/// # Errors
/// What the decoder says of a file that is no picture, or not a whole one.
pub fn decode(file: &[u8]) -> Result<Picture, AnyError> {
    match image::guess_format(file)? {
        ImageFormat::Png => of_png(file),
        ImageFormat::Jpeg => of_jpeg(file),
        ImageFormat::Gif => of_gif(file),
        ImageFormat::Bmp => of_bmp(file),
        _ => Ok(of_image(file)?),
    }
}

fn of_image(file: &[u8]) -> Result<Picture, image::ImageError> {
    let picture = ImageReader::new(Cursor::new(file)).with_guessed_format()?.decode()?;
    let (width, height) = (picture.width() as usize, picture.height() as usize);
    Ok(match picture {
        DynamicImage::ImageLuma8(grey) => Picture::Grey(Pixels { width, height, values: grey.into_raw() }),
        picture if picture.color().has_alpha() => {
            Picture::Transparent(Pixels { width, height, values: picture.into_rgba8().into_raw() })
        }
        picture => Picture::Colour(Pixels { width, height, values: picture.into_rgb8().into_raw() }),
    })
}

fn of_png(file: &[u8]) -> Result<Picture, AnyError> {
    // What a file may decode to is `ingest`'s to bound.
    let mut decoder = png::Decoder::new_with_limits(Cursor::new(file), Limits { bytes: usize::MAX });
    decoder.set_ignore_text_chunk(true);
    decoder.set_transformations(Transformations::IDENTITY);
    let mut reader = decoder.read_info()?;
    let mut samples = vec![0; reader.output_buffer_size().ok_or("too large to decode")?];
    let frame = reader.next_frame(&mut samples)?;
    samples.truncate(frame.buffer_size());
    let (width, height) = (frame.width as usize, frame.height as usize);
    Ok(match (frame.color_type, frame.bit_depth) {
        (ColorType::Grayscale, BitDepth::Sixteen) => {
            let values = samples.as_chunks::<2>().0.iter().map(|value| u16::from_be_bytes(*value)).collect();
            Picture::DeepGrey(Pixels { width, height, values })
        }
        (ColorType::Grayscale, BitDepth::One) => {
            let values = unpacked(&samples, width, 1, frame.line_size).flat_map(|bit| [255 * bit; 3]).collect();
            Picture::Indexed(Pixels { width, height, values })
        }
        (ColorType::Grayscale, BitDepth::Eight) => Picture::Grey(Pixels { width, height, values: samples }),
        (ColorType::Grayscale, depth) => {
            let scale = if depth == BitDepth::Two { 85 } else { 17 };
            let values = unpacked(&samples, width, depth as usize, frame.line_size).map(|value| scale * value);
            Picture::Grey(Pixels { width, height, values: values.collect() })
        }
        (ColorType::Indexed, depth) => {
            let palette = reader.info().palette.as_deref().unwrap_or_default();
            let indices = unpacked(&samples, width, depth as usize, frame.line_size);
            Picture::Indexed(Pixels {
                width,
                height,
                values: indices.flat_map(|index| colour(palette, index)).collect(),
            })
        }
        (ColorType::Rgb, depth) => Picture::Colour(Pixels { width, height, values: high_bytes(samples, depth) }),
        (ColorType::Rgba, depth) => Picture::Transparent(Pixels { width, height, values: high_bytes(samples, depth) }),
        (ColorType::GrayscaleAlpha, depth) => {
            let values = high_bytes(samples, depth);
            let pixels = values.as_chunks::<2>().0.iter().flat_map(|[grey, alpha]| [*grey, *grey, *grey, *alpha]);
            Picture::Transparent(Pixels { width, height, values: pixels.collect() })
        }
    })
}

/// Samples of 1, 2, 4 or 8 bits; a row begins with a byte of its own.
fn unpacked(samples: &[u8], width: usize, depth: usize, line_size: usize) -> impl Iterator<Item = u8> {
    let per_byte = 8 / depth;
    let mask = (0xffu16 >> (8 - depth)) as u8;
    samples
        .chunks_exact(line_size)
        .flat_map(move |row| (0..width).map(move |x| row[x / per_byte] >> (8 - depth - x % per_byte * depth) & mask))
}

/// Samples of 16 bits as their high bytes.
fn high_bytes(samples: Vec<u8>, depth: BitDepth) -> Vec<u8> {
    match depth {
        BitDepth::Sixteen => samples.into_iter().step_by(2).collect(),
        _ => samples,
    }
}

/// A palette's colour; black beyond its end.
fn colour(palette: &[u8], index: u8) -> [u8; 3] {
    palette.as_chunks::<3>().0.get(usize::from(index)).copied().unwrap_or_default()
}

/// The most pixels that Pillow makes of a canvas (`DecompressionBombError`).
const LARGEST_CANVAS: usize = 2 * (1 << 30) / 12;

/// The first frame on its canvas, which grows where the frame is larger, as Pillow's does.
fn of_gif(file: &[u8]) -> Result<Picture, AnyError> {
    let mut options = DecodeOptions::new();
    options.set_color_output(ColorOutput::Indexed);
    options.set_memory_limit(MemoryLimit::Unlimited);
    let mut decoder = options.read_info(Cursor::new(file))?;
    let screen = (usize::from(decoder.width()), usize::from(decoder.height()));
    let global = decoder.global_palette().map(<[u8]>::to_vec);
    let frame = decoder.read_next_frame()?.ok_or("a GIF without a frame")?;
    let palette = frame.palette.clone().or(global).unwrap_or_default();
    let (left, top, across) = (usize::from(frame.left), usize::from(frame.top), usize::from(frame.width));
    let (width, height) = (screen.0.max(left + across), screen.1.max(top + usize::from(frame.height)));
    if width == 0 || height == 0 {
        return Err("a GIF without pixels".into());
    }
    // `ingest` bounds the screen, and nothing what a frame makes of it.
    if (width, height) != screen && width * height > LARGEST_CANVAS {
        return Err(format!("a GIF whose first frame makes it {width} × {height} pixels").into());
    }
    let mut indices = vec![frame.transparent.unwrap_or(0); width * height];
    for (row, drawn) in indices.chunks_exact_mut(width).skip(top).zip(frame.buffer.chunks_exact(across.max(1))) {
        for (index, drawn) in row.iter_mut().skip(left).zip(drawn) {
            *index = *drawn;
        }
    }
    // Pillow drops a palette whose colour n is the grey n.
    if palette.as_chunks::<3>().0.iter().enumerate().all(|(at, colour)| colour.iter().all(|c| usize::from(*c) == at)) {
        return Ok(Picture::Grey(Pixels { width, height, values: indices }));
    }
    let values = indices.into_iter().flat_map(|index| colour(&palette, index)).collect();
    Ok(Picture::Indexed(Pixels { width, height, values }))
}

fn of_bmp(file: &[u8]) -> Result<Picture, AnyError> {
    let picture = of_image(file)?;
    let Picture::Colour(Pixels { width, height, mut values }) = picture else { return Ok(picture) };
    Ok(match bmp_kind(file) {
        None => Picture::Colour(Pixels { width, height, values }),
        Some(BmpKind::Grey) => Picture::Grey(Pixels { width, height, values: values.into_iter().step_by(3).collect() }),
        Some(BmpKind::Palette) => Picture::Indexed(Pixels { width, height, values }),
        Some(BmpKind::FewBits { green }) => {
            for [red, of_green, blue] in values.as_chunks_mut::<3>().0 {
                for (channel, most) in [(red, 31), (of_green, green), (blue, 31)] {
                    // Pillow rounds down where `image` rounds to the nearest.
                    *channel = ((u32::from(*channel) * most + 127) / 255 * 255 / most) as u8;
                }
            }
            Picture::Colour(Pixels { width, height, values })
        }
    })
}

/// Kinds of BMP that Pillow treats in a way of its own.
enum BmpKind {
    /// The n-th of its colours is the grey n.
    Grey,
    /// Any other palette.
    Palette,
    /// 16 bits a pixel, with that greatest value of green.
    FewBits { green: u32 },
}

/// The kind of a BMP, by its header (`BITMAPCOREHEADER` or `BITMAPINFOHEADER` and later).
fn bmp_kind(file: &[u8]) -> Option<BmpKind> {
    let u16_at = |at: usize| file.get(at..at + 2).map(|bytes| usize::from(u16::from_le_bytes([bytes[0], bytes[1]])));
    let header_size = u16_at(14)?;
    let (n_bits, entry) = if header_size == 12 { (u16_at(24)?, 3) } else { (u16_at(28)?, 4) };
    if n_bits == 16 {
        // The mask of green, if there are masks (compression 3).
        let has_six = u16_at(30)? == 3 && u16_at(58)? == 0x7e0;
        return Some(BmpKind::FewBits { green: if has_six { 63 } else { 31 } });
    }
    if n_bits > 8 {
        return None;
    }
    let start = 14 + header_size;
    // How many colours there are, if the header says so.
    let n_colours = if header_size == 12 { 0 } else { u16_at(46)? };
    let entries = file.get(start..start + if n_colours == 0 { 256 } else { n_colours } * entry);
    let is_ramp = |entries: &[u8]| {
        entries.chunks_exact(entry).enumerate().all(|(at, colour)| colour[..3].iter().all(|c| usize::from(*c) == at))
    };
    Some(if n_bits == 8 && entries.is_some_and(is_ramp) { BmpKind::Grey } else { BmpKind::Palette })
}
