//! A store whose n-th write, or every read of some keys, fails as a disk fails.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::io;
use std::ops::Range;
use std::path::{Path as FilePath, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore, PutMultipartOptions,
    PutOptions, PutPayload, PutResult, Result,
};

/// How a write fails: as the operating system says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// `ENOSPC`: the disk is full.
    NoSpace,
    /// `EIO`: the disk is broken.
    InputOutput,
    /// `EROFS`: the file system became read-only.
    ReadOnly,
}

impl Fault {
    /// Every fault.
    pub const ALL: [Self; 3] = [Self::NoSpace, Self::InputOutput, Self::ReadOnly];

    /// Returns what the error's text must say.
    #[must_use]
    pub const fn says(self) -> &'static str {
        match self {
            Self::NoSpace => "no space left on device",
            Self::InputOutput => "input/output error",
            Self::ReadOnly => "read-only file system",
        }
    }

    fn error(self) -> io::Error {
        // The numbers of Linux.
        io::Error::from_raw_os_error(match self {
            Self::NoSpace => 28,
            Self::InputOutput => 5,
            Self::ReadOnly => 30,
        })
    }
}

/// What a failed write leaves in the folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Leaves {
    /// Nothing: it failed at its first byte, or was cleaned up.
    Nothing,
    /// A temporary file with half of the bytes, which could not be removed either.
    Half,
}

impl Leaves {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Nothing, Self::Half];
}

/// The faults of one folder. Cloning is cheap; all clones share the plan.
#[derive(Debug, Clone, Default)]
pub struct Faults(Arc<Mutex<Plan>>);

#[derive(Debug, Default)]
struct Plan {
    writes: u64,
    fail_at: Option<(u64, Fault, Leaves)>,
    fired: bool,
    unreadable: BTreeSet<String>,
}

static FOLDERS: Mutex<BTreeMap<PathBuf, Faults>> = Mutex::new(BTreeMap::new());

impl Faults {
    /// Puts faults under every lake that is opened on a folder from now on, also by a service.
    #[must_use]
    pub fn on_folder(folder: &FilePath) -> Self {
        let faults = Self::default();
        let mut folders = FOLDERS.lock().unwrap_or_else(PoisonError::into_inner);
        folders.insert(folder.to_owned(), faults.clone());
        faults
    }

    /// Lets the `nth` write from now on fail, counted from 1, and those after it succeed.
    pub fn fail_write(&self, nth: u64, fault: Fault, leaves: Leaves) {
        let mut plan = self.plan();
        (plan.writes, plan.fail_at, plan.fired) = (0, Some((nth, fault, leaves)), false);
    }

    /// Lets every read of a key fail with an input/output error, as of a bad sector, until it is given free again.
    pub fn fail_reads(&self, key: &str, fail: bool) {
        let mut plan = self.plan();
        if fail {
            plan.unreadable.insert(key.to_owned());
        } else {
            plan.unreadable.remove(key);
        }
    }

    /// Tells whether the planned fault has happened.
    #[must_use]
    pub fn fired(&self) -> bool {
        self.plan().fired
    }

    fn plan(&self) -> MutexGuard<'_, Plan> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn next_write(&self) -> Option<(Fault, Leaves)> {
        let mut plan = self.plan();
        plan.writes += 1;
        let (nth, fault, leaves) = plan.fail_at?;
        if plan.writes != nth {
            return None;
        }
        plan.fired = true;
        Some((fault, leaves))
    }
}

/// Returns the store of a folder with the faults that were put under it.
pub(crate) fn wrapped(folder: &FilePath, inner: Arc<dyn ObjectStore>) -> Arc<dyn ObjectStore> {
    match of(folder) {
        None => inner,
        Some(faults) => Arc::new(FaultyStore { inner, folder: folder.to_owned(), faults }),
    }
}

/// Counts a write that goes past the store.
pub(crate) fn before_write(folder: &FilePath) -> io::Result<()> {
    match of(folder).and_then(|faults| faults.next_write()) {
        None => Ok(()),
        Some((fault, _)) => Err(fault.error()),
    }
}

fn of(folder: &FilePath) -> Option<Faults> {
    FOLDERS.lock().unwrap_or_else(PoisonError::into_inner).get(folder).cloned()
}

#[derive(Debug)]
struct FaultyStore {
    inner: Arc<dyn ObjectStore>,
    folder: PathBuf,
    faults: Faults,
}

impl FaultyStore {
    fn check(&self, location: &Path, payload: &PutPayload) -> Result<()> {
        let Some((fault, leaves)) = self.faults.next_write() else { return Ok(()) };
        if leaves == Leaves::Half {
            self.leave_half(location, payload).expect("the test's own folder is writable");
        }
        Err(object_store::Error::Generic { store: "LocalFileSystem", source: Box::new(fault.error()) })
    }

    /// Leaves what a local store leaves: its temporary file, named as it names them.
    fn leave_half(&self, location: &Path, payload: &PutPayload) -> io::Result<()> {
        let path = self.folder.join(format!("{location}#1"));
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent)?;
        }
        let bytes: Vec<u8> = payload.iter().flat_map(Bytes::as_ref).copied().collect();
        std::fs::write(path, &bytes[..bytes.len() / 2])
    }
}

impl fmt::Display for FaultyStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} with faults", self.inner)
    }
}

#[async_trait]
impl ObjectStore for FaultyStore {
    async fn put_opts(&self, location: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        self.check(location, &payload)?;
        self.inner.put_opts(location, payload, options).await
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.check(location, &PutPayload::new())?;
        self.inner.put_multipart_opts(location, options).await
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        if !options.head && self.faults.plan().unreadable.contains(location.as_ref()) {
            let source = Box::new(Fault::InputOutput.error());
            return Err(object_store::Error::Generic { store: "LocalFileSystem", source });
        }
        self.inner.get_opts(location, options).await
    }

    async fn get_ranges(&self, location: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        self.inner.get_ranges(location, ranges).await
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        self.inner.delete_stream(locations)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.inner.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.check(to, &PutPayload::new())?;
        self.inner.copy_opts(from, to, options).await
    }
}
