//! Mapped files that go while they are read. The system answers a read beyond the end of a mapped file, or from a disk that
//! fails, with a signal that ends the process without a word.

/// Has the process say why, where it ends so.
pub fn explain_bus_errors() {
    let handler: extern "C" fn(libc::c_int) = explain;
    // SAFETY: the handler calls nothing but `write` and `_exit`, which may be called at any moment.
    unsafe { libc::signal(libc::SIGBUS, handler as libc::sighandler_t) };
}

extern "C" fn explain(_: libc::c_int) {
    const TEXT: &str = "error: a file that was being read was cut short meanwhile, or its disk fails (bus error)\n\
        hint: the same command goes on, and makes again what is damaged; `cache fsck` looks through the whole store\n";
    // SAFETY: both may be called in a handler, and the text is static.
    unsafe {
        libc::write(libc::STDERR_FILENO, TEXT.as_ptr().cast(), TEXT.len());
        libc::_exit(1);
    }
}
