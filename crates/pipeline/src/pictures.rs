//! Pictures that are not in any table: the files of a folder, or those that a list names.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use ingest::{BadImage, ImageBounds, Pixels, check_pixels};
use sources::{Sources, WantedColumn};
use tables::ImageFiles;

use crate::out_file::folder_of;

/// One picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    /// What it is called.
    pub image_id: String,
    /// Its file, relative to the root.
    pub path: String,
    /// The text it was generated from, if the list says so.
    pub prompt: Option<String>,
    /// That text's name, if the list says so.
    pub prompt_id: Option<String>,
}

/// Pictures and where they lie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pictures {
    /// What paths are relative to.
    pub root: PathBuf,
    /// Sorted by `image_id`, each once.
    pub list: Vec<Picture>,
}

/// Endings of the files of a folder that are taken for pictures.
const ENDINGS: &[&str] = &["png", "jpg", "jpeg", "webp", "gif", "bmp"];

/// What a picture may be where the pipeline file has no section `ingest` that says so.
pub const BOUNDS: ImageBounds = ImageBounds { max_bytes: 1 << 28, max_pixels: 100_000_000 };

impl Pictures {
    /// The pictures of a folder, at any depth, named by their relative paths; or those of a list.
    ///
    /// # Errors
    /// What cannot be read; a list without `image_id` or `path`, with an `image_id` twice, or without a prompt where
    /// prompts are needed.
    pub fn find(images: &Path, image_root: Option<&Path>, needs_prompts: bool) -> anyhow::Result<Self> {
        let is_folder = images.metadata().with_context(|| format!("cannot read `{}`", images.display()))?.is_dir();
        let mut pictures = if is_folder { of_folder(images, image_root)? } else { of_list(images, image_root)? };
        if pictures.list.is_empty() {
            bail!("`{}` lists no picture", images.display());
        }
        pictures.list.sort_by(|a, b| a.image_id.cmp(&b.image_id));
        let mut seen = HashSet::new();
        if let Some(twice) = pictures.list.iter().find(|picture| !seen.insert(&picture.image_id)) {
            bail!("`{}`: image_id `{}` comes twice", images.display(), twice.image_id);
        }
        let without = pictures.list.iter().find(|picture| picture.prompt.as_ref().is_none_or(String::is_empty));
        if let Some(without) = without.filter(|_| needs_prompts) {
            bail!(
                "`{}`: image `{}` has no prompt, which one of the models reads; give a file with the columns image_id, \
                 path and prompt",
                images.display(),
                without.image_id
            );
        }
        Ok(pictures)
    }
}

fn of_folder(folder: &Path, image_root: Option<&Path>) -> anyhow::Result<Pictures> {
    if image_root.is_some() {
        bail!("--image-root goes with a file that lists pictures, but `{}` is a folder", folder.display());
    }
    let mut list = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        let entries = std::fs::read_dir(&next).with_context(|| format!("cannot read `{}`", next.display()))?;
        for entry in entries {
            let entry = entry.with_context(|| format!("cannot read `{}`", next.display()))?;
            let path = entry.path();
            // Links are not followed: they may lead out of the folder, or around in a circle.
            let kind = entry.file_type().with_context(|| format!("cannot read `{}`", path.display()))?;
            let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or("").to_ascii_lowercase();
            if kind.is_dir() {
                folders.push(path);
            } else if kind.is_file() && ENDINGS.contains(&ending.as_str()) {
                let relative = path.strip_prefix(folder).unwrap_or(&path);
                let Some(relative) = relative.to_str() else {
                    bail!("`{}`: its name is not UTF-8; rename it", path.display())
                };
                let (image_id, path) = (relative.to_owned(), relative.to_owned());
                list.push(Picture { image_id, path, prompt: None, prompt_id: None });
            }
        }
    }
    if list.is_empty() {
        bail!("`{}` has no picture: no file ends in .{}", folder.display(), ENDINGS.join(", ."));
    }
    Ok(Pictures { root: folder.to_owned(), list })
}

fn of_list(file: &Path, image_root: Option<&Path>) -> anyhow::Result<Pictures> {
    const WANTED: [WantedColumn; 4] = [
        WantedColumn::text("image_id"),
        WantedColumn::text("path"),
        WantedColumn::text("prompt").optional(),
        WantedColumn::text("prompt_id").optional(),
    ];
    let sources = Sources([("images".to_owned(), file.into())].into());
    // Other columns may stand there, for whoever made the list.
    let columns = sources.columns("images")?;
    let there: Vec<&str> =
        WANTED.iter().map(|wanted| wanted.name).filter(|name| columns.iter().any(|column| column == name)).collect();
    if let Some(lacking) = WANTED.iter().find(|wanted| !wanted.nullable && !there.contains(&wanted.name)) {
        let columns = columns.join(", ");
        bail!("`{}` has no column `{}`; its columns are: {columns}", file.display(), lacking.name);
    }
    let selected = sources.select(&format!("SELECT {} FROM images", there.join(", ")), "score --images", &WANTED)?;
    let prompts = selected.text("prompt").into_iter().zip(selected.text("prompt_id"));
    let rows = selected.required_text("image_id").into_iter().zip(selected.required_text("path")).zip(prompts);
    let root = image_root.unwrap_or(folder_of(file));
    if !root.is_dir() {
        bail!("--image-root `{}` is no folder", root.display());
    }
    // A whole path may stand there, too, if it lies below the root.
    let below = |path: String| match Path::new(&path).strip_prefix(root).ok().and_then(Path::to_str) {
        Some(relative) => relative.to_owned(),
        None => path,
    };
    let picture = |((image_id, path), (prompt, prompt_id))| Picture { image_id, path: below(path), prompt, prompt_id };
    Ok(Pictures { root: root.to_owned(), list: rows.map(picture).collect() })
}

/// What `ingest` would know of a picture's file.
///
/// # Errors
/// [`BadImage`]: a file that is not there, lies outside the root, is too large, or is no whole picture.
pub fn check(files: &ImageFiles, picture: &Picture, bounds: ImageBounds) -> Result<Pixels, BadImage> {
    check_pixels(&files.read(&picture.path, bounds.max_bytes)?, bounds.max_pixels)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, content) in files {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, content).unwrap();
        }
        folder
    }

    fn problem(folder: &tempfile::TempDir, name: &str, needs_prompts: bool) -> String {
        format!("{:#}", Pictures::find(&folder.path().join(name), None, needs_prompts).unwrap_err())
    }

    #[test]
    fn a_folder_s_pictures_are_named_by_their_paths_and_nothing_else_is_taken() {
        let folder = folder(&[("b.png", ""), ("a/c.JPG", ""), ("notes.txt", ""), ("a/.png/d.webp", "")]);
        std::os::unix::fs::symlink(folder.path(), folder.path().join("a/around")).unwrap();
        let pictures = Pictures::find(folder.path(), None, false).unwrap();
        let ids: Vec<&str> = pictures.list.iter().map(|picture| picture.image_id.as_str()).collect();
        assert_eq!(ids, ["a/.png/d.webp", "a/c.JPG", "b.png"]);
        assert!(problem(&folder, "", true).contains("`a/.png/d.webp` has no prompt"));
        assert!(problem(&folder, "nowhere", false).contains("nowhere"));
    }

    #[test]
    fn a_bomb_and_a_picture_that_is_cut_are_not_taken() {
        let folder = folder(&[("page.png", "<html>404</html>")]);
        let fixture = concat!(env!("CARGO_MANIFEST_DIR"), "/../embed/fixtures/pixels/jpeg-444.jpg");
        let jpeg = std::fs::read(fixture).unwrap();
        std::fs::write(folder.path().join("whole.jpg"), &jpeg).unwrap();
        std::fs::write(folder.path().join("cut.jpg"), &jpeg[..jpeg.len() - 40]).unwrap();
        // 60,000 × 60,000 grey pixels.
        let header = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR\0\0\xea\x60\0\0\xea\x60\x08\0\0\0\0\xa5\xb9\x2a\x9e";
        let body = b"\0\0\0\x08IDAT\x78\x9c\x03\0\0\0\0\x01\0\0\0\0\0\0\0\0IEND\xaeB`\x82";
        std::fs::write(folder.path().join("bomb.png"), [&header[..], body].concat()).unwrap();
        let files = ImageFiles::open(&folder.path().into()).unwrap();
        let problem = |path: &str| {
            let picture = Picture { image_id: "a".into(), path: path.into(), prompt: None, prompt_id: None };
            check(&files, &picture, BOUNDS).map(|pixels| (pixels.width, pixels.height)).map_err(|bad| bad.to_string())
        };
        assert_eq!(problem("whole.jpg"), Ok((82, 62)));
        assert!(problem("cut.jpg").unwrap_err().contains("cut off"));
        assert!(problem("bomb.png").unwrap_err().contains("60000 × 60000 pixels, more than the 100000000"));
        assert!(problem("page.png").unwrap_err().contains("HTML"));
        assert!(problem("none.png").unwrap_err().contains("none.png"));
    }

    #[test]
    fn a_list_names_pictures_and_prompts_and_may_have_more_columns() {
        let folder = folder(&[
            ("list.csv", "seed,prompt,path,image_id\n1,a dog,x/2.png,two\n2,a cat,x/1.png,one\n"),
            ("twice.csv", "image_id,path\na,1.png\na,2.png\n"),
            ("no_path.csv", "image_id,file\na,1.png\n"),
            ("empty_prompt.csv", "image_id,path,prompt\na,1.png,\n"),
        ]);
        let pictures = Pictures::find(&folder.path().join("list.csv"), None, true).unwrap();
        assert_eq!(pictures.root, folder.path());
        let two = &pictures.list[1];
        assert_eq!((two.image_id.as_str(), two.path.as_str()), ("two", "x/2.png"));
        assert_eq!((two.prompt.as_deref(), two.prompt_id.as_deref()), (Some("a dog"), None));
        assert!(problem(&folder, "twice.csv", false).contains("`a` comes twice"));
        assert!(problem(&folder, "no_path.csv", false).contains("no column `path`; its columns are: image_id, file"));
        assert!(problem(&folder, "empty_prompt.csv", true).contains("`a` has no prompt"));
    }
}
