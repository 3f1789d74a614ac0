//! Pictures for the annotation page: upright, on white, no larger than they are shown, and without the file's metadata.
//!
//! Everything is encoded anew, so that neither side shows by its format, and no generator's settings travel with a file.

/// High enough that the encoding does not pass for a distortion of the image.
const JPEG_QUALITY: u8 = 92;

/// The picture as a JPEG whose longer side is at most `max_side` pixels; of an animation the first frame.
///
/// # Errors
/// Why it cannot be decoded.
pub fn jpeg(file: &[u8], max_side: u32) -> Result<Vec<u8>, String> {
    let shown = shown_pictures::Opened::new(file).and_then(shown_pictures::Opened::shown);
    let jpeg = shown.and_then(|picture| shown_pictures::jpeg(&shown_pictures::scaled(picture, max_side), JPEG_QUALITY));
    jpeg.map_err(|error| error.to_string())
}
