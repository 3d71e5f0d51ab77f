//! The password of a stack's own warehouse: made by `champion up`, found by every command in the data folder.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use champion_service::config::Secret;

/// Random bytes of a password.
const BYTES: usize = 32;
/// Nobody but the owner reads it.
const MODE: u32 = 0o600;

/// Returns the file's place in a data folder.
#[must_use]
pub fn path(data: &Path) -> PathBuf {
    data.join("warehouse.password")
}

/// Reads the password of a data folder; `None` when no stack has made one.
///
/// # Errors
/// Fails when the file is there and cannot be read.
pub fn read(data: &Path) -> io::Result<Option<Secret>> {
    match std::fs::read_to_string(path(data)) {
        Ok(text) => Ok(Some(Secret::new(text.trim())).filter(|secret| !secret.is_empty())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Returns the password of a data folder; makes one where there is none, and a new one where others could read it.
///
/// # Errors
/// Fails when the file cannot be read or written, or the system gives no random bytes.
pub(crate) fn read_or_make(data: &Path) -> io::Result<Secret> {
    if let Some(secret) = read_private(data)? {
        return Ok(secret);
    }
    let mut bytes = [0; BYTES];
    getrandom::fill(&mut bytes).map_err(io::Error::other)?;
    let text: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let temporary = data.join("warehouse.password.tmp");
    let _ = std::fs::remove_file(&temporary);
    // Private from its first moment on, and whole or absent after a crash.
    let mut file = OpenOptions::new().write(true).create_new(true).mode(MODE).open(&temporary)?;
    file.write_all(format!("{text}\n").as_bytes())?;
    file.sync_all()?;
    std::fs::rename(&temporary, path(data))?;
    Ok(Secret::new(text))
}

fn read_private(data: &Path) -> io::Result<Option<Secret>> {
    let mut file = match File::open(path(data)) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    if file.metadata()?.permissions().mode() & 0o077 != 0 {
        eprintln!("champion: {} could be read by others; the warehouse gets a new password", path(data).display());
        return Ok(None);
    }
    let mut text = String::new();
    file.read_to_string(&mut text)?;
    Ok(Some(text.trim()).filter(|text| text.len() == 2 * BYTES).map(Secret::new))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_random_private_kept_and_made_anew_where_others_could_read_it() {
        let (one, two) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
        assert!(read(one.path()).expect("an answer").is_none());
        let first = read_or_make(one.path()).expect("made");
        assert_eq!(first.expose().len(), 64);
        assert!(read_or_make(two.path()).expect("made") != first);
        let mode = || std::fs::metadata(path(one.path())).expect("there").permissions().mode() & 0o777;
        assert_eq!(mode(), 0o600);
        assert!(read_or_make(one.path()).expect("kept") == first);
        assert!(read(one.path()).expect("readable") == Some(first.clone()));
        std::fs::set_permissions(path(one.path()), std::fs::Permissions::from_mode(0o644)).expect("ours");
        assert!(read_or_make(one.path()).expect("made anew") != first);
        assert_eq!(mode(), 0o600);
        std::fs::write(path(one.path()), "").expect("ours");
        assert_eq!(read_or_make(one.path()).expect("made anew").expose().len(), 64);
    }
}
