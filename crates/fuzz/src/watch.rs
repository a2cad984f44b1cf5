//! Bounds on one input: memory, by an allocator that counts; time, by a thread that looks at the clock. A process that exceeds
//! one is aborted, after a word on what it exceeded.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

/// What an input may take beside what is in proportion to it: buffers of fixed size, and the largest frame of the protocol.
pub const MEMORY: usize = 48 << 20;

/// The processor time for one input, in ms, and for each KiB of it. Programs are not optimised, and machines are shared.
const CPU_MS: u64 = 3_000;
const CPU_MS_PER_KIB: u64 = 40;

/// The time for one input, in ms, as waiting is no work.
const WALL_MS: u64 = 60_000;

static LIVE: AtomicUsize = AtomicUsize::new(0);
/// Of [`LIVE`]; there is no bound between inputs.
static LIMIT: AtomicUsize = AtomicUsize::new(usize::MAX);
/// When the input began, in ms; zero between inputs.
static BEGAN: AtomicU64 = AtomicU64::new(0);
/// The processor time when it began, and that until which it must be done, in ms.
static BEGAN_CPU: AtomicU64 = AtomicU64::new(0);
static CPU_END: AtomicU64 = AtomicU64::new(0);
/// What was allocated when it began, and the most since.
static BEFORE: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

/// Counts what is allocated.
pub struct Counting;

// SAFETY: everything is handed on to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        taken(layout.size());
        // SAFETY: as the caller promises.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        taken(layout.size());
        // SAFETY: as the caller promises.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        LIVE.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: as the caller promises.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        LIVE.fetch_sub(layout.size(), Ordering::Relaxed);
        taken(size);
        // SAFETY: as the caller promises.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

fn taken(size: usize) {
    let live = LIVE.fetch_add(size, Ordering::Relaxed).saturating_add(size);
    PEAK.fetch_max(live, Ordering::Relaxed);
    if live > LIMIT.load(Ordering::Relaxed) {
        // Whatever says so may allocate.
        LIMIT.store(usize::MAX, Ordering::Relaxed);
        exceeded("memory");
    }
}

/// Bounds what happens until [`end`] with an input of `len` bytes: `limit` bytes of memory beyond what there is now.
pub fn begin(limit: usize, len: usize) {
    let live = LIVE.load(Ordering::Relaxed);
    BEFORE.store(live, Ordering::Relaxed);
    PEAK.store(live, Ordering::Relaxed);
    let cpu = CPU_MS + CPU_MS_PER_KIB * (len as u64 >> 10);
    let now = milliseconds(libc::CLOCK_PROCESS_CPUTIME_ID);
    BEGAN_CPU.store(now, Ordering::Relaxed);
    CPU_END.store(now + cpu, Ordering::Relaxed);
    BEGAN.store(milliseconds(libc::CLOCK_MONOTONIC).max(1), Ordering::Relaxed);
    LIMIT.store(live.saturating_add(limit), Ordering::Relaxed);
}

/// Ends the bounds, and returns the processor time in ms, and how many bytes of memory were taken at most.
pub fn end() -> (u64, usize) {
    LIMIT.store(usize::MAX, Ordering::Relaxed);
    BEGAN.store(0, Ordering::Relaxed);
    let began = BEGAN_CPU.load(Ordering::Relaxed);
    let took = milliseconds(libc::CLOCK_PROCESS_CPUTIME_ID).saturating_sub(began);
    (took, PEAK.load(Ordering::Relaxed).saturating_sub(BEFORE.load(Ordering::Relaxed)))
}

/// Starts the thread that looks at the clock.
pub fn watch_the_clock() {
    std::thread::spawn(|| {
        loop {
            std::thread::sleep(Duration::from_millis(100));
            let began = BEGAN.load(Ordering::Relaxed);
            if began != 0
                && (milliseconds(libc::CLOCK_PROCESS_CPUTIME_ID) > CPU_END.load(Ordering::Relaxed)
                    || milliseconds(libc::CLOCK_MONOTONIC).saturating_sub(began) > WALL_MS)
            {
                exceeded("time");
            }
        }
    });
}

fn exceeded(what: &str) -> ! {
    let backtrace = std::backtrace::Backtrace::force_capture();
    let text = format!("affekt-fuzz: {what} exceeded\n{backtrace}\n");
    // SAFETY: a plain system call on text that lives; standard error may be locked by whoever is aborted.
    unsafe { libc::write(libc::STDERR_FILENO, text.as_ptr().cast(), text.len()) };
    std::process::abort();
}

fn milliseconds(clock: libc::clockid_t) -> u64 {
    // SAFETY: all zeros is a valid value of this plain structure, which the call fills.
    let time = unsafe {
        let mut time: libc::timespec = std::mem::zeroed();
        libc::clock_gettime(clock, &raw mut time);
        time
    };
    time.tv_sec as u64 * 1000 + time.tv_nsec as u64 / 1_000_000
}
