//! How a command ends otherwise than well: an exit code and at most one line.

use crate::backend::BackendError;
use crate::config::ConfigError;
use std::error::Error;
use std::io;
use vpt_core::CoreError;
use vpt_image::features::FeatureError;
use vpt_text::run::RunError;

/// Why a command did not do what it was asked.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Refused from the command line and the config alone: exit code 2.
    Usage(String),
    /// Anything read from elsewhere: exit code 1.
    Run(String),
    /// A signal ended it between two steps: exit code 128 + its number.
    Signal(i32),
    /// Whoever read our output has gone: nothing to say, and nobody to say it to.
    OutputClosed,
}

impl Failure {
    /// What goes to stderr after `error: `.
    pub(crate) fn line(&self) -> Option<String> {
        match self {
            Self::Usage(message) | Self::Run(message) => Some(folded(message)),
            Self::Signal(_) | Self::OutputClosed => None,
        }
    }

    /// The exit code.
    pub(crate) fn code(&self) -> u8 {
        match self {
            Self::Usage(_) => 2,
            Self::Run(_) => 1,
            Self::Signal(signal) => u8::try_from(128 + signal).unwrap_or(1),
            Self::OutputClosed => 0,
        }
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        Self::Usage(with_causes(&error))
    }
}

impl From<BackendError> for Failure {
    fn from(error: BackendError) -> Self {
        Self::Usage(with_causes(&error))
    }
}

impl From<RunError> for Failure {
    fn from(error: RunError) -> Self {
        if error.is_usage() {
            Self::Usage(with_causes(&error))
        } else {
            Self::Run(with_causes(&error))
        }
    }
}

impl From<vpt_image::run::RunError> for Failure {
    fn from(error: vpt_image::run::RunError) -> Self {
        if error.is_usage() {
            Self::Usage(with_causes(&error))
        } else {
            Self::Run(with_causes(&error))
        }
    }
}

impl From<CoreError> for Failure {
    fn from(error: CoreError) -> Self {
        Self::Run(with_causes(&error))
    }
}

impl From<FeatureError> for Failure {
    fn from(error: FeatureError) -> Self {
        Self::Run(with_causes(&error))
    }
}

impl From<io::Error> for Failure {
    /// From writing to stdout; files have errors of their own that name them.
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::OutputClosed,
            _ => Self::Run(format!("stdout: {error}")),
        }
    }
}

/// An error and its causes, joined by `: `; a cause that the error itself quotes is not said twice.
pub(crate) fn with_causes(error: &dyn Error) -> String {
    let mut message = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let said = error.to_string();
        if !message.contains(&said) {
            message = format!("{message}: {said}");
        }
        cause = error.source();
    }
    message
}

/// For `map_err` on what was read from elsewhere.
pub(crate) fn failed(error: impl Error) -> Failure {
    Failure::Run(with_causes(&error))
}

/// One line, whatever it was.
fn folded(message: &str) -> String {
    let lines: Vec<&str> = message
        .lines()
        .map(str::trim)
        .filter(|l| !l.is_empty())
        .collect();
    lines.join(" ")
}

/// Help and version go where they were asked for; a refusal becomes one line.
pub(crate) fn from_clap(error: &clap::Error) -> Result<(), Failure> {
    use clap::error::ErrorKind::{
        DisplayHelp, DisplayHelpOnMissingArgumentOrSubcommand, DisplayVersion,
    };
    match error.kind() {
        DisplayHelp | DisplayVersion => Ok(error.print()?),
        DisplayHelpOnMissingArgumentOrSubcommand => {
            Err(Failure::Usage("no command; `vpt --help` lists them".into()))
        }
        _ => {
            let text = error.render().to_string();
            let said = text
                .strip_prefix("error: ")
                .unwrap_or(&text)
                .lines()
                .take_while(|line| !line.starts_with("Usage:") && !line.starts_with("For more"))
                .collect::<Vec<_>>();
            Err(Failure::Usage(folded(&said.join("\n"))))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("outer")]
    struct Outer(#[source] io::Error);

    #[test]
    fn causes_are_joined_and_lines_folded() {
        let error = Outer(io::Error::other("in\n  two lines\n"));
        let failure = Failure::Run(with_causes(&error));
        assert_eq!(failure.line().as_deref(), Some("outer: in two lines"));
        assert_eq!(failure.code(), 1);
    }

    #[test]
    fn a_closed_pipe_is_no_error() {
        let failure = Failure::from(io::Error::from(io::ErrorKind::BrokenPipe));
        assert_eq!((failure.line(), failure.code()), (None, 0));
    }
}
