//! How the command ends: each exit code means one thing.

use std::process::ExitCode;

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Done, or nothing was left to do.
    Done,
    /// Something failed: a run, a day, a file, a query.
    Failed,
    /// The command line or the configuration makes no sense. clap uses the same code.
    Usage,
    /// What was asked for is not there (yet): the exchange has not published the file.
    Incomplete,
    /// The services cannot be reached.
    Unreachable,
    /// Ended by Ctrl-C.
    Interrupted,
    /// The reader of the answer has gone, as in `champion runs | head`.
    Unread,
}

/// The table of `champion --help`.
pub const HELP: &str = "Exit codes:
  0    done, or nothing was left to do
  1    failed: a run, a day, a file, a query
  2    the command line or the configuration makes no sense
  3    incomplete: the exchange has not published what was asked for (backfill: with --strict), or findings remain, or lake and warehouse differ
  4    the services cannot be reached
  130  interrupted
  141  nobody reads the answer any more, as in a pipe to head";

impl Exit {
    /// Returns the process's exit code.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::Incomplete => 3,
            Self::Unreachable => 4,
            Self::Interrupted => 130,
            Self::Unread => 141,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_help_names_every_exit_code() {
        let all = [Exit::Done, Exit::Failed, Exit::Usage, Exit::Incomplete, Exit::Unreachable, Exit::Interrupted];
        for exit in all {
            assert!(HELP.lines().any(|line| line.trim().starts_with(&format!("{} ", exit.code()))), "{exit:?}");
        }
    }
}
