//! The log of one service: lines go to `<service>.log`, which is set aside when it is large or old and never truncated.
//!
//! Small enough to be here: the crates for it rotate by size or by age, not by both, or cut a line in two. Earlier files are
//! `<service>.log.1` (the newest) and so on, names that neither `*.log` of a shipper nor a person's `grep` takes for new ones.

use std::collections::VecDeque;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// When a log is set aside, and how many are kept.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// Largest file in bytes; a longer line has a file of its own.
    pub(super) bytes: u64,
    /// Longest time a file is written to.
    pub(super) age: Duration,
    /// Files kept beside the one that is written to.
    pub(super) kept: usize,
}

/// A week of days, and at most some 130 MB a service.
pub(super) const LIMITS: Limits = Limits { bytes: 16 << 20, age: Duration::from_secs(24 * 3600), kept: 7 };

/// Lines remembered to be told when a service does not start.
const LAST_LINES: usize = 10;

/// A log that is being written.
#[derive(Debug)]
pub(super) struct Log {
    path: PathBuf,
    file: File,
    bytes: u64,
    began: SystemTime,
    limits: Limits,
    last: VecDeque<String>,
}

impl Log {
    /// Opens a log; what an earlier start has written stays before what comes.
    ///
    /// # Errors
    /// Fails when the file cannot be written.
    pub(super) fn open(path: &Path, limits: Limits) -> io::Result<Self> {
        let mut file = OpenOptions::new().create(true).read(true).append(true).open(path)?;
        let about = file.metadata()?;
        // Not every file system knows when a file was made.
        let began = about.created().or_else(|_| about.modified())?;
        let mut bytes = about.len();
        if !ends_a_line(&mut file, bytes)? {
            file.write_all(b"\n")?;
            bytes += 1;
        }
        Ok(Self { path: path.to_owned(), file, bytes, began, limits, last: VecDeque::new() })
    }

    /// Writes a line, given without its end, whole into one file.
    ///
    /// # Errors
    /// Fails when the file cannot be written.
    pub(super) fn write(&mut self, line: &[u8]) -> io::Result<()> {
        if self.last.len() == LAST_LINES {
            self.last.pop_front();
        }
        self.last.push_back(String::from_utf8_lossy(line).into_owned());
        let whole = [line, b"\n"].concat();
        let is_old = self.began.elapsed().is_ok_and(|age| age >= self.limits.age);
        if self.bytes > 0 && (is_old || self.bytes + whole.len() as u64 > self.limits.bytes) {
            // A log that cannot be set aside is better too long than lost.
            let _ = self.rotate();
        }
        self.file.write_all(&whole)?;
        self.bytes += whole.len() as u64;
        Ok(())
    }

    /// Returns the last lines that were written since it was opened.
    pub(super) fn last_lines(&self) -> String {
        Vec::from(self.last.clone()).join("\n")
    }

    fn rotate(&mut self) -> io::Result<()> {
        for number in (1..self.limits.kept).rev() {
            let earlier = self.earlier(number);
            if earlier.exists() {
                std::fs::rename(earlier, self.earlier(number + 1))?;
            }
        }
        std::fs::rename(&self.path, self.earlier(1))?;
        self.file = OpenOptions::new().create(true).append(true).open(&self.path)?;
        (self.bytes, self.began) = (0, SystemTime::now());
        Ok(())
    }

    fn earlier(&self, number: usize) -> PathBuf {
        let mut name = self.path.clone().into_os_string();
        name.push(format!(".{number}"));
        name.into()
    }
}

/// Tells whether a file is empty or ends with a line's end: a process that was killed may have left half a line.
fn ends_a_line(file: &mut File, bytes: u64) -> io::Result<bool> {
    if bytes == 0 {
        return Ok(true);
    }
    let mut last = [0];
    file.seek(SeekFrom::End(-1))?;
    file.read_exact(&mut last)?;
    Ok(last == *b"\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Duration = Duration::from_secs(24 * 3600);

    fn lines_of(path: &Path, kept: usize) -> Vec<String> {
        let earlier = (1..=kept + 1).rev().map(|number| format!("{}.{number}", path.display()));
        let all = earlier.chain([path.display().to_string()]);
        let text: String = all.filter_map(|file| std::fs::read_to_string(file).ok()).collect();
        text.lines().map(str::to_owned).collect()
    }

    #[test]
    fn promise_35_a_new_start_goes_on_behind_what_is_there_and_ends_a_line_that_was_cut() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("a.log");
        std::fs::write(&path, "first\nhal").expect("ours");
        let mut log = Log::open(&path, LIMITS).expect("writable");
        log.write(b"second \xff").expect("written");
        drop(log);
        let mut log = Log::open(&path, LIMITS).expect("writable");
        log.write(b"third").expect("written");
        assert_eq!(std::fs::read(&path).expect("ours"), b"first\nhal\nsecond \xff\nthird\n");
        assert_eq!(log.last_lines(), "third", "an earlier start's lines are no last words");
    }

    #[test]
    fn promise_35_a_log_is_set_aside_by_size_every_line_whole_and_the_number_kept_is_bound() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("a.log");
        let limits = Limits { bytes: 100, age: DAY, kept: 3 };
        let line = |number: usize| format!("line {number} {}", "x".repeat(number % 70));
        let mut log = Log::open(&path, limits).expect("writable");
        for number in 0..500 {
            log.write(line(number).as_bytes()).expect("written");
            if number % 97 == 0 {
                log = Log::open(&path, limits).expect("writable");
            }
        }
        let found = lines_of(&path, limits.kept);
        let wanted: Vec<String> = (500 - found.len()..500).map(line).collect();
        assert_eq!(found, wanted, "the last lines, each whole and once");
        assert!(found.len() >= 5, "{found:?}");
        let files: Vec<_> = std::fs::read_dir(folder.path()).expect("ours").flatten().collect();
        assert_eq!(files.len(), limits.kept + 1);
        assert!(files.iter().all(|file| file.metadata().is_ok_and(|about| about.len() <= limits.bytes)), "{files:?}");
        log.write("y".repeat(1000).as_bytes()).expect("written");
        assert_eq!(lines_of(&path, 0).last().map(String::len), Some(1000), "a long line is kept whole");
    }

    #[test]
    fn promise_35_a_log_is_set_aside_by_age() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("a.log");
        let mut log = Log::open(&path, LIMITS).expect("writable");
        log.write(b"yesterday").expect("written");
        log.began -= DAY;
        log.write(b"today").expect("written");
        assert_eq!(std::fs::read_to_string(&path).expect("ours"), "today\n");
        assert_eq!(std::fs::read_to_string(folder.path().join("a.log.1")).expect("ours"), "yesterday\n");
    }
}
