//! A journal that is none any more: set aside, so that another one can be made from the lake.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use tracing::error;

use super::JournalError;

/// Moves a damaged journal away as `<name>.damaged-<n>`, with what SQLite keeps beside it.
pub(super) fn set_aside(journal: &Path, reason: &JournalError) -> Result<(), JournalError> {
    let aside = (1_u32..).map(|number| beside(journal, &format!(".damaged-{number}"))).find(|path| !path.exists());
    let Some(aside) = aside else { return Ok(()) };
    for end in ["-wal", "-shm", ""] {
        let (from, to) = (beside(journal, end), beside(&aside, end));
        match std::fs::rename(&from, to) {
            Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
                return Err(JournalError::File { action: "move away", path: from, source });
            }
            _ => {}
        }
    }
    error!(
        journal = %journal.display(),
        moved_to = %aside.display(),
        %reason,
        "the journal is damaged: it was moved away and is made anew from the lake; nothing is to be done, the damaged file can be deleted"
    );
    Ok(())
}

fn beside(path: &Path, end: &str) -> PathBuf {
    let mut name = path.file_name().map_or_else(OsString::new, OsString::from);
    name.push(end);
    path.with_file_name(name)
}
