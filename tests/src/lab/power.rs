//! Power cuts: what a disk holds after one, worked out from a tape of everything that was done to it.
//!
//! `power.c` is loaded into the process and writes the tape. What an fsync has covered is there after the cut. Of what
//! came later, each block of 512 bytes, each change of length and each directory entry is there or not, by lot: a disk
//! writes in any order. A file whose directory entry was never synced may be gone as a whole.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use rand::RngExt;

use super::Dice;

/// A disk writes whole blocks of so many bytes.
const BLOCK: usize = 512;
const HEAD: usize = 32;
const FOLDER: u32 = 0;

/// Builds the part that is loaded into the process, once for each call, in this folder.
///
/// # Errors
/// What the compiler says, or that there is none.
pub fn shim(folder: &Path) -> Result<PathBuf, String> {
    let (source, library) = (folder.join("power.c"), folder.join("power.so"));
    std::fs::write(&source, include_str!("power.c")).map_err(|error| error.to_string())?;
    let mut cc = Command::new("cc");
    cc.args(["-O2", "-shared", "-fPIC", "-o"])
        .arg(&library)
        .arg(&source)
        .arg("-ldl");
    let output = cc
        .output()
        .map_err(|error| format!("no C compiler: {error}; scripts/need installs one"))?;
    if output.status.success() {
        return Ok(library);
    }
    Err(String::from_utf8_lossy(&output.stderr).into_owned())
}

/// The files of a folder, by name, as they are on the disk.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Disk(pub BTreeMap<String, Vec<u8>>);

impl Disk {
    /// Reads a folder. What SQLite shares in memory (`-shm`) does not outlive the machine.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn of(folder: &Path) -> std::io::Result<Self> {
        let mut files = BTreeMap::new();
        for entry in std::fs::read_dir(folder)? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if !name.ends_with("-shm") {
                files.insert(name, std::fs::read(entry.path())?);
            }
        }
        Ok(Self(files))
    }

    /// Makes the folder hold this and nothing else.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn put(&self, folder: &Path) -> std::io::Result<()> {
        for entry in std::fs::read_dir(folder)? {
            std::fs::remove_file(entry?.path())?;
        }
        for (name, bytes) in &self.0 {
            std::fs::write(folder.join(name), bytes)?;
        }
        Ok(())
    }

    /// What is left of this disk after what the tape tells, when `per_mille` of what was not synced is there all the same.
    ///
    /// # Errors
    /// If something was done to the files that the tape cannot tell.
    pub fn after_cut(&self, tape: &[u8], per_mille: u64, dice: &mut Dice) -> Result<Self, String> {
        let mut platter = Platter::of(self);
        let mut rest = tape;
        while let Some((record, after)) = Record::read(rest) {
            platter.play(&record)?;
            rest = after;
        }
        Ok(platter.settle(per_mille, dice))
    }
}

/// One line of the tape. The last may be torn: then it was not done.
struct Record<'t> {
    kind: u32,
    object: u32,
    number: u64,
    offset: u64,
    bytes: &'t [u8],
}

impl<'t> Record<'t> {
    fn read(tape: &'t [u8]) -> Option<(Self, &'t [u8])> {
        let (head, rest) = tape.split_at_checked(HEAD)?;
        let long = |at: usize| Some(u64::from_le_bytes(head.get(at..at + 8)?.try_into().ok()?));
        let short = |at: usize| Some(u32::from_le_bytes(head.get(at..at + 4)?.try_into().ok()?));
        let (bytes, rest) = rest.split_at_checked(usize::try_from(long(24)?).ok()?)?;
        let record = Self {
            kind: short(0)?,
            object: short(4)?,
            number: long(8)?,
            offset: long(16)?,
            bytes,
        };
        Some((record, rest))
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(self.bytes).into_owned()
    }
}

enum Change {
    Write(usize, Vec<u8>),
    Cut(usize),
}

enum Entry {
    Made(String, u32),
    Removed(String),
}

/// What is certain of a file, and what is not yet, with its number on the tape.
type File = (Vec<u8>, Vec<(u64, Change)>);

/// Files and directory with what is certain and what is not yet.
struct Platter {
    files: BTreeMap<u32, File>,
    names: BTreeMap<String, u32>,
    entries: Vec<(u64, Entry)>,
}

impl Platter {
    fn of(disk: &Disk) -> Self {
        let mut platter = Self {
            files: BTreeMap::new(),
            names: BTreeMap::new(),
            entries: Vec::new(),
        };
        // Files that are never opened keep numbers that the tape does not use.
        for ((name, bytes), number) in disk.0.iter().zip((0..=u32::MAX).rev()) {
            platter.names.insert(name.clone(), number);
            platter.files.insert(number, (bytes.clone(), Vec::new()));
        }
        platter
    }

    fn play(&mut self, record: &Record<'_>) -> Result<(), String> {
        let (object, number) = (record.object, record.number);
        let offset = usize::try_from(record.offset).map_err(|error| error.to_string())?;
        match record.kind {
            1 => {
                let name = record.text();
                let known = self.names.insert(name.clone(), object);
                let file = known.and_then(|known| self.files.remove(&known));
                self.files
                    .insert(object, file.ok_or(format!("{name} was there before it was made"))?);
            }
            2 => {
                self.files.insert(object, Default::default());
                self.entries.push((number, Entry::Made(record.text(), object)));
            }
            3 => self.change(object, number, Change::Write(offset, record.bytes.to_vec())),
            4 => self.change(object, number, Change::Cut(offset)),
            5 if object == FOLDER => self.sync_entries(number),
            5 => self.sync_file(object, number),
            6 => self.entries.push((number, Entry::Removed(record.text()))),
            _ => return Err(format!("the tape cannot tell what {} did", record.text())),
        }
        Ok(())
    }

    fn change(&mut self, object: u32, number: u64, change: Change) {
        self.files.entry(object).or_default().1.push((number, change));
    }

    fn sync_file(&mut self, object: u32, until: u64) {
        let (bytes, later) = self.files.entry(object).or_default();
        let covered = later.iter().take_while(|(number, _)| *number <= until).count();
        for (_, change) in later.drain(..covered) {
            match change {
                Change::Write(at, new) => write(bytes, at, &new),
                Change::Cut(length) => bytes.resize(length, 0),
            }
        }
    }

    fn sync_entries(&mut self, until: u64) {
        let covered = self.entries.iter().take_while(|(number, _)| *number <= until).count();
        for (_, entry) in self.entries.drain(..covered) {
            enter(&mut self.names, entry);
        }
    }

    fn settle(mut self, per_mille: u64, dice: &mut Dice) -> Disk {
        let mut survives = || dice.random_range(0..1000_u64) < per_mille;
        for (_, entry) in self.entries {
            if survives() {
                enter(&mut self.names, entry);
            }
        }
        for (bytes, later) in self.files.values_mut() {
            for (_, change) in later.drain(..) {
                match change {
                    Change::Write(at, new) => {
                        for (at, block) in blocks(at, &new) {
                            if survives() {
                                write(bytes, at, block);
                            }
                        }
                    }
                    Change::Cut(length) if survives() => bytes.resize(length, 0),
                    Change::Cut(_) => {}
                }
            }
        }
        let mut files = self.files;
        let kept = self.names.into_iter();
        Disk(
            kept.filter_map(|(name, object)| Some((name, files.remove(&object)?.0)))
                .collect(),
        )
    }
}

fn enter(names: &mut BTreeMap<String, u32>, entry: Entry) {
    match entry {
        Entry::Made(name, object) => drop(names.insert(name, object)),
        Entry::Removed(name) => drop(names.remove(&name)),
    }
}

fn write(bytes: &mut Vec<u8>, at: usize, new: &[u8]) {
    let end = at + new.len();
    if bytes.len() < end {
        bytes.resize(end, 0);
    }
    if let Some(place) = bytes.get_mut(at..end) {
        place.copy_from_slice(new);
    }
}

/// A write in the parts that fall into one block of the disk each.
fn blocks(at: usize, bytes: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    let first = (BLOCK - at % BLOCK).min(bytes.len());
    let (head, tail) = bytes.split_at(first);
    let tails = tail
        .chunks(BLOCK)
        .enumerate()
        .map(move |(index, chunk)| (at + first + index * BLOCK, chunk));
    std::iter::once((at, head)).chain(tails)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(kind: u32, object: u32, number: u64, offset: u64, bytes: &[u8]) -> Vec<u8> {
        let mut record = Vec::new();
        record.extend(kind.to_le_bytes());
        record.extend(object.to_le_bytes());
        for value in [number, offset, bytes.len() as u64] {
            record.extend(value.to_le_bytes());
        }
        record.extend(bytes);
        record
    }

    #[test]
    fn what_is_synced_is_there_and_what_is_not_is_there_by_lot() {
        let base = Disk(BTreeMap::from([("db".into(), vec![1; 2048])]));
        let mut tape = Vec::new();
        tape.extend(record(1, 1, 1, 0, b"db"));
        tape.extend(record(3, 1, 2, 0, &[2; 512]));
        tape.extend(record(3, 1, 3, 512, &[3; 512]));
        tape.extend(record(5, 1, 2, 0, b""));
        tape.extend(record(2, 2, 4, 0, b"db-wal"));
        tape.extend(record(3, 2, 5, 0, b"frame"));
        tape.extend(record(5, 2, 5, 0, b""));
        let nothing = base.after_cut(&tape, 0, &mut super::super::dice(1, 1)).unwrap();
        let mut db = vec![1; 2048];
        db[..512].fill(2);
        assert_eq!(
            nothing.0,
            BTreeMap::from([("db".into(), db.clone())]),
            "the new file's entry was not synced"
        );
        tape.extend(record(5, 0, 4, 0, b""));
        let nothing = base.after_cut(&tape, 0, &mut super::super::dice(1, 1)).unwrap();
        assert_eq!(nothing.0["db-wal"], b"frame");
        let everything = base.after_cut(&tape, 1000, &mut super::super::dice(1, 1)).unwrap();
        db[512..1024].fill(3);
        assert_eq!(everything.0["db"], db);
        // Torn at the end: not done.
        tape.extend(&record(4, 1, 6, 0, b"")[..20]);
        assert_eq!(
            base.after_cut(&tape, 1000, &mut super::super::dice(1, 1)).unwrap(),
            everything
        );
    }

    #[test]
    fn a_write_falls_into_blocks() {
        let parts: Vec<(usize, usize)> = blocks(500, &[0; 1040]).map(|(at, part)| (at, part.len())).collect();
        assert_eq!(parts, [(500, 12), (512, 512), (1024, 512), (1536, 4)]);
    }
}
