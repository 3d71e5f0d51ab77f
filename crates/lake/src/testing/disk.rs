//! A file system as a power cut sees it: contents and folder entries, synced or not.

use std::collections::BTreeMap;

use bytes::Bytes;

/// What a file's entry points at.
type Inode = usize;

/// A change of one folder that its next sync makes durable.
#[derive(Debug, Clone)]
struct Change {
    folder: String,
    /// Entries that appear (`Some`) or go (`None`) together, as in a rename.
    entries: Vec<(String, Option<Inode>)>,
}

#[derive(Debug, Clone)]
struct File {
    bytes: Bytes,
    synced: bool,
}

/// Files and folders by path. A folder is an entry without contents.
#[derive(Debug, Clone, Default)]
pub(super) struct Disk {
    files: Vec<File>,
    now: BTreeMap<String, Inode>,
    durable: BTreeMap<String, Inode>,
    pending: Vec<Change>,
}

impl Disk {
    pub(super) fn get(&self, path: &str) -> Option<Bytes> {
        self.now.get(path).map(|inode| self.files[*inode].bytes.clone())
    }

    pub(super) fn paths(&self) -> impl Iterator<Item = (&String, u64)> {
        self.now.iter().map(|(path, inode)| (path, self.files[*inode].bytes.len() as u64))
    }

    /// Makes a file with an entry and no bytes.
    pub(super) fn create(&mut self, path: &str) -> Inode {
        self.files.push(File { bytes: Bytes::new(), synced: false });
        let inode = self.files.len() - 1;
        self.change(path, vec![(path.to_owned(), Some(inode))]);
        inode
    }

    pub(super) fn write(&mut self, inode: Inode, bytes: Bytes) {
        self.files[inode] = File { bytes, synced: false };
    }

    pub(super) fn sync_file(&mut self, inode: Inode) {
        self.files[inode].synced = true;
    }

    pub(super) fn rename(&mut self, from: &str, to: &str) {
        let inode = self.now[from];
        self.change(to, vec![(to.to_owned(), Some(inode)), (from.to_owned(), None)]);
    }

    pub(super) fn link(&mut self, from: &str, to: &str) {
        let inode = self.now[from];
        self.change(to, vec![(to.to_owned(), Some(inode))]);
    }

    pub(super) fn unlink(&mut self, path: &str) {
        self.change(path, vec![(path.to_owned(), None)]);
    }

    /// Makes every change of a folder durable.
    pub(super) fn sync_folder(&mut self, folder: &str) {
        let (synced, pending) = std::mem::take(&mut self.pending).into_iter().partition(|one| one.folder == folder);
        self.pending = pending;
        let synced: Vec<Change> = synced;
        synced.iter().for_each(|change| apply(&mut self.durable, change));
    }

    /// Takes the power away and gives it back: what was not synced is kept or lost as `dice` falls, and contents that were
    /// not synced are there in part, as zeros, or not at all.
    pub(super) fn cut(&mut self, dice: &mut Dice) {
        for change in std::mem::take(&mut self.pending) {
            if dice.roll(2) == 0 {
                apply(&mut self.durable, &change);
            }
        }
        for file in &mut self.files {
            if !file.synced {
                let length = file.bytes.len();
                file.bytes = match dice.roll(4) {
                    0 => Bytes::new(),
                    1 => file.bytes.slice(..length / 2),
                    2 => Bytes::from(vec![0; length]),
                    _ => file.bytes.clone(),
                };
                file.synced = true;
            }
        }
        self.now = self.durable.clone();
    }

    fn change(&mut self, path: &str, entries: Vec<(String, Option<Inode>)>) {
        let change = Change { folder: folder_of(path).to_owned(), entries };
        apply(&mut self.now, &change);
        self.pending.push(change);
    }
}

fn apply(entries: &mut BTreeMap<String, Inode>, change: &Change) {
    for (path, inode) in &change.entries {
        match inode {
            Some(inode) => entries.insert(path.clone(), *inode),
            None => entries.remove(path),
        };
    }
}

pub(super) fn folder_of(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// A reproducible source of chance (splitmix64).
#[derive(Debug)]
pub(super) struct Dice(pub(super) u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % sides
    }
}
