//! What the process says when it ends: 0 done or nothing to do, 1 a stage failed, 2 bad usage or configuration,
//! 75 failed but worth retrying (the convention of BSD's `sysexits.h`, EX_TEMPFAIL).

use std::process::ExitCode;

use synth_feedback::SynthFeedbackError;

/// A failure that decides the exit code.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The command line or the pipeline file is wrong.
    #[error("{}", told(.0))]
    Usage(anyhow::Error),
    /// A stage failed, or a check found something.
    #[error("{}", told(.0))]
    Failed(anyhow::Error),
    /// A stage failed for a reason that time may mend.
    #[error("{}", told(.0))]
    RetryLater(anyhow::Error),
}

/// The error with its causes, without the C++ stack that LibTorch adds to its own.
fn told(error: &anyhow::Error) -> String {
    let text = format!("{error:#}");
    let is_of_the_stack = |line: &&str| line.starts_with("frame #") || line.starts_with("Exception raised from ");
    text.lines().filter(|line| !is_of_the_stack(line)).collect::<Vec<_>>().join("\n").trim_end().to_owned()
}

impl Failure {
    /// Whether nobody reads what is written any more.
    pub fn is_broken_pipe(&self) -> bool {
        let (Self::Usage(error) | Self::Failed(error) | Self::RetryLater(error)) = self;
        let cause = error.downcast_ref::<std::io::Error>();
        cause.is_some_and(|cause| cause.kind() == std::io::ErrorKind::BrokenPipe)
    }

    /// The process's exit code.
    pub fn exit_code(&self) -> ExitCode {
        ExitCode::from(match self {
            Self::Failed(_) => 1,
            Self::Usage(_) => 2,
            Self::RetryLater(_) => 75,
        })
    }
}

impl From<SynthFeedbackError> for Failure {
    fn from(error: SynthFeedbackError) -> Self {
        let retry_later = error.retry_later();
        let error = anyhow::Error::new(error);
        if retry_later { Self::RetryLater(error) } else { Self::Failed(error) }
    }
}

/// Marks an error as one of usage or configuration.
pub fn usage(error: impl Into<anyhow::Error>) -> Failure {
    Failure::Usage(error.into())
}

/// Marks an error as a failure of the work itself.
pub fn failed(error: impl Into<anyhow::Error>) -> Failure {
    Failure::Failed(error.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_told_with_its_causes_and_without_c_s_stack() {
        let torch = "Internal torch error: invalid file name: x\nException raised from f at g.cpp:1 (most recent call \
                     first):\nframe #0: c10::h() + 0x6a (0x7f in libc10.so)\nframe #1: main\n";
        let error = anyhow::Error::msg(torch).context("cannot write `m.pt`");
        assert_eq!(failed(error).to_string(), "cannot write `m.pt`: Internal torch error: invalid file name: x");
        assert_eq!(usage(anyhow::Error::msg("one\ntwo")).to_string(), "one\ntwo");
    }
}
