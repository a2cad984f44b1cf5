//! Standard output, for people who pipe it into `head`.

/// Prints a line. Who stopped listening has heard enough: the program then ends quietly.
#[macro_export]
macro_rules! out {
    ($($argument:tt)*) => {
        $crate::out::line(format_args!($($argument)*))
    };
}
pub use out;

/// Prints a line, as [`out!`] does.
pub fn line(text: std::fmt::Arguments<'_>) {
    use std::io::Write;
    if let Err(error) = writeln!(std::io::stdout(), "{text}") {
        let heard_enough = error.kind() == std::io::ErrorKind::BrokenPipe;
        std::process::exit(if heard_enough { 0 } else { 1 });
    }
}
