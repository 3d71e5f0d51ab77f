//! A store that writes in the steps of the local one and can lose its power before any of them.

use std::fmt;
use std::io;
use std::path::Path as FilePath;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use futures::StreamExt;
use futures::stream::{self, BoxStream};
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetRange, GetResult, GetResultPayload, ListResult, MultipartUpload, ObjectMeta,
    ObjectStore, PutMode, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};

use super::disk::{Dice, Disk, folder_of};
use crate::Lake;

/// Which syncs a write makes: the real ones, or too few to show that the model finds what they are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Syncs {
    /// The file before its rename, the folder after it: what the lake's store does.
    FileAndFolder,
    /// The folder only.
    FolderOnly,
    /// The file only.
    FileOnly,
}

/// A disk that can lose its power. Cloning is cheap; all clones share the disk.
///
/// A write is, as `object_store`'s `LocalFileSystem` with `fsync` does it: open the temporary file, write, sync the file,
/// rename (create-once: hard link), sync the folder, (create-once: unlink the temporary file). Folders stand: the lake makes
/// them durable before it writes.
#[derive(Debug, Clone)]
pub struct PowerCut {
    syncs: Syncs,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    disk: Disk,
    steps: u64,
    cut_before: Option<u64>,
    off: bool,
}

impl PowerCut {
    /// Makes an empty disk.
    #[must_use]
    pub fn new(syncs: Syncs) -> Self {
        Self { syncs, state: Arc::default() }
    }

    /// Returns the lake of this disk; `folder` holds its locks.
    #[must_use]
    pub fn lake(&self, folder: &FilePath) -> Lake {
        Lake::over_as_folder(Arc::new(self.clone()), folder)
    }

    /// Lets the power go before the `nth` step of the writes from now on, counted from 1.
    pub fn cut_before(&self, nth: u64) {
        let mut state = self.state();
        (state.steps, state.cut_before) = (0, Some(nth));
    }

    /// Tells whether the power is off.
    #[must_use]
    pub fn off(&self) -> bool {
        self.state().off
    }

    /// Takes the power, if it is still there, and gives it back; `seed` decides what of the unsynced is kept.
    pub fn restart(&self, seed: u64) {
        let mut state = self.state();
        state.disk.cut(&mut Dice(seed));
        (state.off, state.cut_before) = (false, None);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn step<T>(&self, work: impl FnOnce(&mut Disk) -> T) -> Result<T> {
        let mut state = self.state();
        state.steps += 1;
        state.off = state.off || state.cut_before == Some(state.steps);
        if state.off { Err(no_power()) } else { Ok(work(&mut state.disk)) }
    }

    fn read<T>(&self, work: impl FnOnce(&Disk) -> T) -> Result<T> {
        let state = self.state();
        if state.off { Err(no_power()) } else { Ok(work(&state.disk)) }
    }

    fn metas(&self, prefix: Option<&Path>) -> Result<Vec<ObjectMeta>> {
        self.read(|disk| {
            let paths = disk.paths().filter(|(path, _)| !path.contains('#'));
            let metas = paths.map(|(path, size)| meta(Path::from(path.as_str()), size));
            metas.filter(|meta| prefix.is_none_or(|prefix| meta.location.prefix_matches(prefix))).collect()
        })
    }
}

fn no_power() -> object_store::Error {
    object_store::Error::Generic { store: "PowerCut", source: Box::new(io::Error::other("the power is off")) }
}

fn not_there(location: &Path) -> object_store::Error {
    object_store::Error::NotFound { path: location.to_string(), source: "no such file".into() }
}

fn meta(location: Path, size: u64) -> ObjectMeta {
    ObjectMeta { location, last_modified: chrono::DateTime::UNIX_EPOCH, size, e_tag: None, version: None }
}

impl fmt::Display for PowerCut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a disk that can lose its power")
    }
}

#[async_trait]
impl ObjectStore for PowerCut {
    async fn put_opts(&self, location: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        let (path, bytes) = (location.to_string(), Bytes::from(payload));
        let (temporary, folder) = (format!("{path}#1"), folder_of(&path).to_owned());
        let create = matches!(options.mode, PutMode::Create);
        let inode = self.step(|disk| disk.create(&temporary))?;
        self.step(|disk| disk.write(inode, bytes))?;
        if self.syncs != Syncs::FolderOnly {
            self.step(|disk| disk.sync_file(inode))?;
        }
        if create && self.read(|disk| disk.get(&path))?.is_some() {
            self.step(|disk| disk.unlink(&temporary))?;
            return Err(object_store::Error::AlreadyExists { path, source: "the file exists".into() });
        }
        self.step(|disk| if create { disk.link(&temporary, &path) } else { disk.rename(&temporary, &path) })?;
        if self.syncs != Syncs::FileOnly {
            self.step(|disk| disk.sync_folder(&folder))?;
        }
        if create {
            self.step(|disk| disk.unlink(&temporary))?;
        }
        Ok(PutResult { e_tag: None, version: None, extensions: Default::default() })
    }

    async fn put_multipart_opts(&self, _: &Path, _: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
        Err(object_store::Error::NotImplemented {
            operation: "multipart upload".to_owned(),
            implementer: self.to_string(),
        })
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        let bytes = self.read(|disk| disk.get(location.as_ref()))?.ok_or_else(|| not_there(location))?;
        let size = bytes.len() as u64;
        let range = match options.range {
            Some(GetRange::Bounded(range)) => range,
            Some(GetRange::Offset(start)) => start..size,
            Some(GetRange::Suffix(length)) => size.saturating_sub(length)..size,
            None => 0..size,
        };
        let part = bytes.slice(range.start as usize..range.end as usize);
        Ok(GetResult {
            payload: GetResultPayload::Stream(stream::once(async move { Ok(part) }).boxed()),
            meta: meta(location.clone(), size),
            range,
            attributes: Default::default(),
            extensions: Default::default(),
        })
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        let this = self.clone();
        let delete = move |location: Result<Path>| {
            let location = location?;
            if this.read(|disk| disk.get(location.as_ref()))?.is_none() {
                return Err(not_there(&location));
            }
            this.step(|disk| disk.unlink(location.as_ref()))?;
            Ok(location)
        };
        locations.map(delete).boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        match self.metas(prefix) {
            Ok(metas) => stream::iter(metas.into_iter().map(Ok)).boxed(),
            Err(error) => stream::once(async { Err(error) }).boxed(),
        }
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        Ok(ListResult { common_prefixes: Vec::new(), objects: self.metas(prefix)?, extensions: Default::default() })
    }

    async fn copy_opts(&self, from: &Path, to: &Path, _: CopyOptions) -> Result<()> {
        let bytes = self.read(|disk| disk.get(from.as_ref()))?.ok_or_else(|| not_there(from))?;
        self.put_opts(to, PutPayload::from(bytes), PutOptions::default()).await.map(|_| ())
    }
}
