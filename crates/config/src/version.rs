//! The version of experiment, pipeline and card files.

use crate::{Diagnostic, Section};

/// The version that this program reads. Another meaning of what is written already raises it.
pub const FILE_VERSION: u32 = 1;

impl Section<'_> {
    /// Reads the key `version`; missing, it is 1. Reports a version later than [`FILE_VERSION`].
    pub fn check_file_version(&mut self) {
        let Some(field) = self.optional("version") else { return };
        if let Some(version) = field.integer(1..=u32::MAX)
            && version > FILE_VERSION
        {
            let message =
                format!("this file is of version {version}; this program reads version {FILE_VERSION}");
            let hint = "install a newer Affekt: update the checkout, then `cargo install --path crates/cli`";
            self.diagnostics().push(Diagnostic::error(&field.node.span, message).hint(hint));
        }
    }
}
