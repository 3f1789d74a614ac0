//! The votes that a data root keeps: whole vote files under `sxs/votes/`, named by their content.
//!
//! They are what people were paid for, so runs only read them: the stage counts them anew whenever one comes or goes.
//! To take votes back, delete their file.

use tables::{InputFile, Storage, StorageError};

use super::votes::{Format, MAX_FILE_BYTES, VoteError, VoteFile};
use crate::error::EvaluateError;

const FOLDER: &str = "sxs/votes";

/// The vote files that there are, in the order of their names.
fn keys(storage: &Storage) -> Result<Vec<(String, u64)>, StorageError> {
    let is_votes = |key: &str| key.ends_with(".jsonl") || key.ends_with(".csv");
    Ok(storage.list_with_sizes(FOLDER)?.into_iter().filter(|(key, _)| is_votes(key)).collect())
}

/// The vote files as inputs of the stage.
///
/// # Errors
/// [`StorageError`].
pub fn input_files(storage: &Storage) -> Result<Vec<InputFile>, StorageError> {
    let file = |(key, _): (String, u64)| InputFile { location: storage.root().join(&key), name: key };
    Ok(keys(storage)?.into_iter().map(file).collect())
}

/// All votes that are kept.
///
/// # Errors
/// [`EvaluateError::Vote`] for a file that was edited and is no vote file any more; [`EvaluateError::Storage`].
pub fn read(storage: &Storage) -> Result<Vec<VoteFile>, EvaluateError> {
    let mut files = Vec::new();
    for (key, n_bytes) in keys(storage)? {
        let name = storage.name(&key);
        if n_bytes > MAX_FILE_BYTES {
            let problem = format!("has {n_bytes} bytes, more than the {MAX_FILE_BYTES} that are read");
            return Err(VoteError::File { file: name, problem }.into());
        }
        if let Some(bytes) = storage.get_bytes(&key)? {
            files.push(VoteFile::read(&name, &bytes)?);
        }
    }
    Ok(files)
}

/// Keeps a vote file; gives its key, and whether it was there already.
///
/// # Errors
/// [`StorageError`].
pub fn keep(storage: &Storage, bytes: &[u8]) -> Result<(String, bool), StorageError> {
    let key = format!("{FOLDER}/{}.{}", &tables::digest_bytes(bytes)[..16], Format::of(bytes).ending());
    let is_there = keys(storage)?.iter().any(|(known, _)| *known == key);
    if !is_there {
        storage.put(&key, bytes.to_vec())?;
    }
    Ok((key, is_there))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_kept_once_whatever_its_name_and_read_in_whole() {
        let folder = tempfile::tempdir().unwrap();
        let storage = Storage::open(&folder.path().into()).unwrap();
        assert_eq!((read(&storage).unwrap(), input_files(&storage).unwrap()), (vec![], vec![]));
        let csv = b"rater_id,pair_id,aspect,choice\nann,c~f,overall,fine\n";
        let (key, was_there) = keep(&storage, csv).unwrap();
        assert!(key.starts_with("sxs/votes/") && key.ends_with(".csv") && !was_there);
        assert_eq!(keep(&storage, csv).unwrap(), (key.clone(), true));
        keep(&storage, br#"{"rater_id":"bob","pair_id":"c~f","aspect":"overall","choice":"fine"}"#).unwrap();
        assert_eq!(input_files(&storage).unwrap().len(), 2);
        assert_eq!(read(&storage).unwrap().iter().map(|file| file.votes.len()).collect::<Vec<_>>(), [1, 1]);
        std::fs::write(folder.path().join(&key), "rater_id,pair_id\n").unwrap();
        let error = read(&storage).unwrap_err().to_string();
        assert!(error.contains(&key) && error.contains("`aspect` is missing"), "{error}");
    }
}
