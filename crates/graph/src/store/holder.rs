//! Who holds a lease, for those whom the kernel does not tell: on file systems of clusters a lock may be seen on one machine
//! alone, or not at all.
//!
//! # Approach
//! Whoever holds a lease has made the file `holder`, which one alone can make, and keeps counting in `beat-<id>`. No clock is
//! compared with another's: whoever waits watches the count by his own, and takes the lease of one who has not counted for
//! [`STALLED_AFTER`]. The right to remove a holder's file is a file named for it, so that nobody removes another's.
//! Where the lock could be had by a process on the machine of the holder, that one has ended, and nothing is waited for.

use std::collections::HashMap;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

/// How often holders count.
const BEAT: Duration = Duration::from_secs(5);
/// A holder that has not counted for so long is taken for dead.
const STALLED_AFTER: Duration = Duration::from_secs(60);

/// The file of who holds a lease.
const FILE: &str = "holder";

/// A lease that this process holds. It counts until this is dropped.
#[derive(Debug)]
pub struct Holder {
    folder: PathBuf,
    id: String,
}

/// What the file says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Named {
    id: String,
    /// The boot of the machine that the holder runs on, which no other machine has.
    boot: String,
}

impl Holder {
    /// Takes the lease of a folder; `None` while another holds it. `has_lock` says whether its lock was had, where the file
    /// system has locks.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn take(folder: &Path, has_lock: bool) -> io::Result<Option<Self>> {
        Self::take_as(folder, has_lock, boot(), STALLED_AFTER)
    }

    fn take_as(
        folder: &Path,
        has_lock: bool,
        boot: &str,
        stalled_after: Duration,
    ) -> io::Result<Option<Self>> {
        let mut file = tempfile::Builder::new().prefix(FILE).tempfile_in(folder)?;
        let id = file.path().file_name().unwrap_or_default().to_string_lossy().into_owned();
        let own = Named { id: id.clone(), boot: boot.to_owned() };
        file.write_all(&serde_json::to_vec(&own)?)?;
        let path = folder.join(FILE);
        let holder = Self { folder: folder.to_owned(), id };
        loop {
            file = match file.persist_noclobber(&path) {
                Ok(_) => return holder.begin().map(Some),
                Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => error.file,
                Err(error) => return Err(error.error),
            };
            // It may be gone by now.
            let Some(other) = named(&path) else { continue };
            // A file system may tell of a link that it made itself that it was there.
            if other == own {
                return holder.begin().map(Some);
            }
            let has_ended = has_lock && other.boot == boot;
            if !has_ended && !is_stalled(&beat_path(folder, &other.id), stalled_after) {
                return Ok(None);
            }
            if !displace(folder, &other, stalled_after)? {
                return Ok(None);
            }
        }
    }

    fn begin(self) -> io::Result<Self> {
        fs::write(beat_path(&self.folder, &self.id), "0")?;
        beats().insert(beat_path(&self.folder, &self.id), 0);
        static BEATING: OnceLock<()> = OnceLock::new();
        // Where there is no thread for it, the lease is lost to others at worst.
        BEATING.get_or_init(|| _ = thread::Builder::new().spawn(beat));
        Ok(self)
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        let beat = beat_path(&self.folder, &self.id);
        beats().remove(&beat);
        if named(&self.folder.join(FILE)).is_some_and(|named| named.id == self.id) {
            let _ = fs::remove_file(self.folder.join(FILE));
        }
        let _ = fs::remove_file(beat);
    }
}

/// Moves away who holds a lease and has ended; whether that was for us to do. The right to do it is a file, too.
fn displace(folder: &Path, other: &Named, stalled_after: Duration) -> io::Result<bool> {
    let right = folder.join(format!("displace-{}", other.id));
    match fs::File::create_new(&right) {
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            // Whoever had it may have ended before he did it.
            if is_stalled(&right, stalled_after) {
                let _ = fs::remove_file(&right);
            }
            return Ok(false);
        }
        Err(error) => return Err(error),
    }
    if named(&folder.join(FILE)).is_some_and(|named| named == *other) {
        fs::remove_file(folder.join(FILE))?;
        let _ = fs::remove_file(beat_path(folder, &other.id));
    }
    fs::remove_file(&right)?;
    Ok(true)
}

/// Counts on for all leases that this process holds.
fn beat() {
    loop {
        thread::sleep(BEAT);
        let held: Vec<(PathBuf, u64)> = {
            let mut beats = beats();
            beats.values_mut().for_each(|count| *count += 1);
            beats.iter().map(|(path, count)| (path.clone(), *count)).collect()
        };
        for (path, count) in held {
            // Written over, not anew: a folder that went with its lease must not come back.
            let file = fs::OpenOptions::new().write(true).open(&path);
            let _ = file.and_then(|mut file| file.write_all(count.to_string().as_bytes()));
        }
    }
}

fn beats() -> MutexGuard<'static, HashMap<PathBuf, u64>> {
    static BEATS: OnceLock<Mutex<HashMap<PathBuf, u64>>> = OnceLock::new();
    BEATS.get_or_init(Mutex::default).lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether a file holds what it held when it was first looked at, for so long.
fn is_stalled(path: &Path, after: Duration) -> bool {
    static SEEN: OnceLock<Mutex<HashMap<PathBuf, (String, Instant)>>> = OnceLock::new();
    let count = fs::read_to_string(path).unwrap_or_default();
    let mut seen = SEEN.get_or_init(Mutex::default).lock().unwrap_or_else(PoisonError::into_inner);
    let (known, since) = seen.entry(path.to_owned()).or_insert_with(|| (count.clone(), Instant::now()));
    if *known != count {
        (*known, *since) = (count, Instant::now());
    }
    since.elapsed() >= after
}

/// Who a file names; `None` where there is no file. One that cannot be read names somebody who never counts.
fn named(path: &Path) -> Option<Named> {
    let bytes = fs::read(path).ok()?;
    Some(serde_json::from_slice(&bytes).unwrap_or_else(|_| Named { id: String::new(), boot: String::new() }))
}

fn beat_path(folder: &Path, id: &str) -> PathBuf {
    folder.join(format!("beat-{id}"))
}

/// What tells this machine from others, and from itself before it was started anew.
fn boot() -> &'static str {
    static BOOT: OnceLock<String> = OnceLock::new();
    BOOT.get_or_init(|| {
        fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default().trim().to_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOON: Duration = Duration::from_millis(400);

    #[test]
    fn the_lock_tells_on_one_machine_and_the_count_between_machines() {
        let folder = tempfile::tempdir().unwrap();
        let take = |has_lock, boot| Holder::take_as(folder.path(), has_lock, boot, SOON).unwrap();
        let held = take(true, "a").unwrap();
        // Killed: it has neither given the lease back nor counts any more.
        beats().clear();
        std::mem::forget(held);
        assert!(take(false, "a").is_none(), "without a lock nothing is known of it");
        assert!(take(true, "b").is_none(), "a lock of another machine tells nothing");
        drop(take(true, "a").expect("the lock tells that it has ended"));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn one_that_counts_keeps_its_lease_and_one_that_does_not_loses_it_to_one_alone() {
        let folder = tempfile::tempdir().unwrap();
        let take = |boot| Holder::take_as(folder.path(), true, boot, SOON).unwrap();
        let held = take("a").unwrap();
        let beat = beat_path(folder.path(), &held.id);
        for count in 0..5 {
            fs::write(&beat, format!("{count} and on")).unwrap();
            assert!(take("b").is_none());
            thread::sleep(SOON / 2);
        }
        let taken = thread::scope(|scope| {
            let others: Vec<_> = ["b", "c", "d", "e"]
                .map(|boot| {
                    scope.spawn(move || {
                        let began = Instant::now();
                        let mut taken: Option<Holder> = None;
                        while began.elapsed() < 2 * SOON {
                            match &taken {
                                Some(held) => {
                                    let count = format!("{:?}", began.elapsed());
                                    fs::write(beat_path(&held.folder, &held.id), count).unwrap();
                                }
                                None => taken = take(boot),
                            }
                            thread::sleep(Duration::from_millis(1));
                        }
                        taken
                    })
                })
                .into_iter()
                .collect();
            others.into_iter().filter_map(|other| other.join().unwrap()).collect::<Vec<_>>()
        });
        assert_eq!(taken.len(), 1);
        // Whoever lost it takes nothing away with it.
        drop(held);
        assert!(folder.path().join(FILE).exists());
    }
}
