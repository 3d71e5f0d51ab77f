//! Reading a file that a person named: on the command line, in a variable or in a configuration.

use std::fs::{File, FileType};
use std::io::{self, Read};
use std::os::unix::fs::FileTypeExt;
use std::path::Path;

use rustix::fs::{Mode, OFlags};

/// Reads a file that a person named, whole.
///
/// Only a regular file is read, also behind a symbolic link: opening a FIFO waits until somebody writes to it, a device may
/// never end, and either would hold the process up without a word.
///
/// # Errors
/// Fails when the path names no regular file, when the file has more than `most` bytes, or when it cannot be read.
pub fn read_named_file(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    // Looked at before it is opened, because opening a device can do something, and again behind the open file, because
    // another may stand there by then.
    refuse_unless_regular(std::fs::metadata(path)?.file_type())?;
    let file = File::from(rustix::fs::open(path, OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC, Mode::empty())?);
    refuse_unless_regular(file.metadata()?.file_type())?;
    read_at_most(file, most)
}

/// Reads a file of text that a person named, whole; otherwise like [`read_named_file`].
///
/// # Errors
/// Those of [`read_named_file`], and when the file is not UTF-8.
pub fn read_named_text(path: &Path, most: u64) -> io::Result<String> {
    String::from_utf8(read_named_file(path, most)?).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
}

/// Reads to the end of a stream that may have at most so many bytes.
///
/// # Errors
/// Fails when there are more, or when the stream cannot be read.
pub fn read_at_most(stream: impl Read, most: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    stream.take(most.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("it has more than {most} bytes")));
    }
    Ok(bytes)
}

fn refuse_unless_regular(kind: FileType) -> io::Result<()> {
    let what = match kind {
        kind if kind.is_file() => return Ok(()),
        kind if kind.is_dir() => "a folder",
        kind if kind.is_fifo() => "a FIFO",
        kind if kind.is_socket() => "a socket",
        kind if kind.is_char_device() || kind.is_block_device() => "a device",
        _ => "something else",
    };
    Err(io::Error::new(io::ErrorKind::InvalidInput, format!("it is {what}, not a regular file")))
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;
    use std::time::{Duration, Instant};

    use rustix::fs::{CWD, FileType as Kind, mknodat};

    use super::*;

    fn refused(path: &Path) -> String {
        let began = Instant::now();
        let error = read_named_file(path, 100).expect_err("refused");
        assert!(began.elapsed() < Duration::from_secs(2), "{}: it was waited for", path.display());
        error.to_string()
    }

    #[test]
    fn what_is_no_regular_file_is_refused_at_once_and_by_what_it_is() {
        let folder = tempfile::tempdir().expect("a folder");
        let fifo = folder.path().join("fifo");
        mknodat(CWD, &fifo, Kind::Fifo, Mode::RUSR | Mode::WUSR, 0).expect("a FIFO");
        let socket = folder.path().join("socket");
        let _listener = UnixListener::bind(&socket).expect("a socket");
        let link = folder.path().join("link");
        std::os::unix::fs::symlink(&fifo, &link).expect("a link");
        assert_eq!(refused(&fifo), "it is a FIFO, not a regular file");
        assert_eq!(refused(&link), "it is a FIFO, not a regular file");
        assert_eq!(refused(&socket), "it is a socket, not a regular file");
        assert_eq!(refused(Path::new("/dev/zero")), "it is a device, not a regular file");
        assert_eq!(refused(folder.path()), "it is a folder, not a regular file");
    }

    #[test]
    fn a_file_is_read_whole_or_refused_for_its_length() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("file");
        std::fs::write(&file, "0123456789").expect("written");
        assert_eq!(read_named_file(&file, 10).expect("ten bytes"), b"0123456789");
        assert_eq!(read_named_text(&file, 10).expect("text"), "0123456789");
        assert_eq!(read_named_file(&file, 9).expect_err("too long").to_string(), "it has more than 9 bytes");
    }
}
