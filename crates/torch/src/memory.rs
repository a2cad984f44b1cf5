//! What becomes of memory that is given back.

/// Has the C library keep freed memory for the next tensors. glibc gives large blocks back to the kernel at once and
/// gets them again page by page, zeroed, for the next step: about a tenth of the time of training a small network on the
/// CPU. Called first thing in a worker's `main`. Nothing but speed and the process' size changes; with other C
/// libraries, nothing does.
pub fn keep_freed_memory() {
    #[cfg(target_env = "gnu")]
    for (option, value) in [
        (libc::M_MMAP_MAX, 0),
        (libc::M_TRIM_THRESHOLD, libc::c_int::MAX),
        (libc::M_TOP_PAD, /* bytes that the heap grows by */ 256 << 20),
    ] {
        // SAFETY: sets a number of the allocator, before other threads are there to read it.
        unsafe { libc::mallopt(option, value) };
    }
}

/// Gives what is freed and kept back to the kernel after all, where glibc is the C library: the process is then as large as what it
/// holds.
pub fn return_freed_memory() {
    #[cfg(target_env = "gnu")]
    // SAFETY: the allocator locks what it changes.
    unsafe {
        libc::malloc_trim(0);
    }
}
