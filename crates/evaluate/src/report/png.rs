//! SVG to PNG by `resvg`, with a font of our own, so that a figure has the same bytes on every machine.

use std::sync::{Arc, LazyLock};

use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::{Options, Tree, fontdb};

use crate::error::EvaluateError;

/// Pixels per unit of a figure: sharp on screens with two pixels a point, and in print at half size.
const SCALE: f32 = 2.0;

static FONTS: LazyLock<Arc<fontdb::Database>> = LazyLock::new(|| {
    let mut fonts = fontdb::Database::new();
    fonts.load_font_data(include_bytes!("../../fonts/Roboto-subset.ttf").to_vec());
    fonts.set_sans_serif_family("Roboto");
    Arc::new(fonts)
});

/// The picture; `figure` names it in messages.
///
/// # Errors
/// [`EvaluateError::Figure`].
pub fn png(svg: &str, figure: &str) -> Result<Vec<u8>, EvaluateError> {
    let failed = |reason: String| EvaluateError::Figure { figure: figure.to_owned(), reason };
    let mut options = Options { fontdb: FONTS.clone(), font_family: "Roboto".to_owned(), ..Options::default() };
    // Pictures come as data; a link to a file or a server is never followed.
    options.image_href_resolver.resolve_string = Box::new(|_, _| None);
    let tree = Tree::from_str(svg, &options).map_err(|error| failed(error.to_string()))?;
    let size = tree.size().to_int_size();
    let scaled = |side: u32| (side as f32 * SCALE) as u32;
    let mut picture =
        Pixmap::new(scaled(size.width()), scaled(size.height())).ok_or_else(|| failed("it has no size".to_owned()))?;
    resvg::render(&tree, Transform::from_scale(SCALE, SCALE), &mut picture.as_mut());
    picture.encode_png().map_err(|error| failed(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture(inside: &str) -> Vec<u8> {
        let svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"60\" height=\"30\" font-family=\"sans-serif\">\
             <rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>{inside}</svg>"
        );
        png(&svg, "test").unwrap()
    }

    /// How many pixels are dark.
    fn ink(png: &[u8]) -> usize {
        let picture = image::load_from_memory(png).unwrap().to_luma8();
        assert_eq!(picture.dimensions(), (120, 60));
        picture.pixels().filter(|pixel| pixel.0[0] < 128).count()
    }

    #[test]
    fn letters_are_drawn_with_the_font_that_comes_along() {
        let empty = picture("");
        let letters = picture("<text x=\"4\" y=\"20\" font-size=\"14\">AUC −0.5</text>");
        assert_eq!(ink(&empty), 0);
        assert!(ink(&letters) > 300, "{}", ink(&letters));
        assert_eq!(letters, picture("<text x=\"4\" y=\"20\" font-size=\"14\">AUC −0.5</text>"), "the same bytes");
    }

    #[test]
    fn no_file_is_read_and_broken_drawings_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let black = folder.path().join("black.png");
        image::GrayImage::new(10, 10).save(&black).unwrap();
        let linked = format!("<image width=\"60\" height=\"30\" href=\"{}\"/>", black.display());
        assert_eq!(ink(&picture(&linked)), 0);
        assert!(png("<svg", "test").unwrap_err().to_string().contains("`test`"));
    }
}
