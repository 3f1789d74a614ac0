//! What can go wrong while a demo world is written or served.

use std::net::SocketAddr;
use std::path::PathBuf;

/// Every failure of this crate.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// A setting is outside its range.
    #[error("`{setting}` is {value}; it must be {expected}")]
    Setting {
        /// The setting's name.
        setting: &'static str,
        /// What was given.
        value: String,
        /// What is allowed.
        expected: &'static str,
    },
    /// The closed vocabulary cannot make that many different prompts.
    #[error("only {made} different prompts could be made of the {asked} asked for; ask for fewer")]
    TooManyPrompts {
        /// How many were asked for.
        asked: usize,
        /// How many there are.
        made: usize,
    },
    /// The folder holds files of someone else.
    #[error("{} has `{name}` but no `demo.json`: not a demo world, so it is left alone; choose an empty folder", folder.display())]
    NotADemoWorld {
        /// The folder.
        folder: PathBuf,
        /// The file that is in the way.
        name: String,
    },
    /// The folder holds no whole world.
    #[error("{} holds no whole demo world; write one with `finegrain demo {}`", folder.display(), folder.display())]
    NoWorld {
        /// The folder.
        folder: PathBuf,
    },
    /// A file could not be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A file could not be written.
    #[error("cannot write {}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A line of the truth is not what this version writes.
    #[error("{}, line {line}: not a scene of this version; write the world anew", path.display())]
    BadScene {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
    /// A value could not be turned into JSON.
    #[error("cannot write {} as JSON", path.display())]
    Json {
        /// The file it was for.
        path: PathBuf,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
    /// A picture could not be drawn or encoded.
    #[error("image `{image_id}`: {reason}")]
    Picture {
        /// The image.
        image_id: String,
        /// Why.
        reason: String,
    },
    /// A fault specification could not be read.
    #[error("fault `{text}`: {reason}; known faults: {known}")]
    Fault {
        /// The part that could not be read.
        text: String,
        /// Why.
        reason: String,
        /// The faults there are, with their forms.
        known: String,
    },
    /// A dialect that there is not.
    #[error("there is no dialect `{text}`; known: {known}")]
    Dialect {
        /// What was asked for.
        text: String,
        /// Those that there are.
        known: String,
    },
    /// The port could not be had.
    #[error("cannot listen on {address}; choose another port, or 0 for any free one")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The server stopped.
    #[error("the simulated VLM stopped")]
    Serve {
        /// Why.
        #[source]
        source: std::io::Error,
    },
}
