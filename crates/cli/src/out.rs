//! What the program prints, for people who stop listening: who pipes it into `head`, closes the terminal, logs out. Nothing is
//! lost by it but the words. Texts of others are in them: names of files, answers of servers. What a terminal would obey is shown
//! as [`printable`] writes it.

/// Prints a result, on standard output. Who stopped listening has heard enough: the program then ends quietly.
#[macro_export]
macro_rules! out {
    ($($argument:tt)*) => {
        $crate::out::line(format_args!($($argument)*))
    };
}
pub use out;

/// Says something on the way, on standard error. Where nobody listens the work goes on, unlike after `eprintln!`, which panics.
#[macro_export]
macro_rules! say {
    ($($argument:tt)*) => {
        $crate::out::remark(format_args!($($argument)*))
    };
}
pub use say;

use std::fmt::Arguments;
use std::fs::File;
use std::io::{Error, ErrorKind, Write, stderr, stdout};
use std::os::fd::AsFd;
use std::os::unix::fs::FileTypeExt;

use affekt_config::printable;

/// Prints a line, as [`out!`] does.
pub fn line(text: Arguments<'_>) {
    if let Err(error) = stdout().write_all(format!("{}\n", printable(&text.to_string())).as_bytes()) {
        let heard_enough = error.kind() == ErrorKind::BrokenPipe || is_closed_terminal(&error);
        std::process::exit(if heard_enough { 0 } else { 1 });
    }
}

/// Returns whether standard output is a terminal that was closed: what is written to one is an input/output error.
fn is_closed_terminal(error: &Error) -> bool {
    let file = || stdout().as_fd().try_clone_to_owned().map(File::from)?.metadata();
    error.raw_os_error() == Some(libc::EIO) && file().is_ok_and(|it| it.file_type().is_char_device())
}

/// Says a line, as [`say!`] does: in one write, so that lines of several threads and programs stay whole.
pub fn remark(text: Arguments<'_>) {
    rendered(&printable(&text.to_string()));
}

/// Says a text that was rendered for a terminal, with its colours.
pub fn rendered(text: &str) {
    let _ = stderr().write_all(format!("{text}\n").as_bytes());
}
