//! Loops in the widest registers of the machine, chosen at run time.
//!
//! A loop is written once, generic over [`Register`], and compiled once for each kind of register, in functions that enable
//! the instructions. [`Level::highest`] says which of them this processor has.
//!
//! [`Register::mul_add`] rounds once with AVX2 and with AVX-512, so that these two give the same bits where a loop adds in the
//! same order; a processor without them rounds twice.

mod aligned;
mod level;
mod register;

pub use aligned::Aligned;
pub use level::Level;
pub use register::{MOST_LANES, Portable, Register};
