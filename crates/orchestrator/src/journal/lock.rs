//! One owner a journal: a lock file beside it that the operating system frees when its holder dies.

use std::ffi::OsString;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};

use super::JournalError;

/// The right to work on a journal.
#[derive(Debug)]
pub(super) struct OwnerLock {
    _file: File,
}

/// Longest owner line that is shown.
const MAX_OWNER: u64 = 200;

impl OwnerLock {
    /// Takes the lock of a journal, or tells who has it.
    pub(super) fn take(journal: &Path) -> Result<Self, JournalError> {
        if let Some(folder) = journal.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            std::fs::create_dir_all(folder).map_err(|source| JournalError::File {
                action: "create",
                path: folder.to_owned(),
                source,
            })?;
        }
        let path = lock_path(journal);
        let failed = |action| {
            let path = path.clone();
            move |source| JournalError::File { action, path, source }
        };
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(failed("open"))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut owner = String::new();
                // What the owner wrote is a courtesy to the reader; without it the refusal stands all the same.
                let _ = file.take(MAX_OWNER).read_to_string(&mut owner);
                let owner = if owner.trim().is_empty() { "unknown process" } else { owner.trim() }.to_owned();
                return Err(JournalError::Owned { path: journal.to_owned(), owner });
            }
            Err(TryLockError::Error(source)) => return Err(failed("lock")(source)),
        }
        file.set_len(0).and_then(|()| file.rewind()).map_err(failed("write"))?;
        writeln!(file, "process {}", std::process::id()).map_err(failed("write"))?;
        Ok(Self { _file: file })
    }
}

fn lock_path(journal: &Path) -> PathBuf {
    let mut name = journal.file_name().map_or_else(|| OsString::from("journal"), OsString::from);
    name.push(".lock");
    journal.with_file_name(name)
}
