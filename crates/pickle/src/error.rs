//! Errors of reading a file.

/// An error for a file that is not a PyTorch file, is damaged, or contains more than data.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PickleError {
    /// A name that is neither a tensor nor plain data.
    #[error(
        "refused `{name}` at byte {at}: only tensors and plain data are read, because a pickle with any other name can run programs; save only the weights (`torch.save(model.state_dict(), …)`), or save them as safetensors"
    )]
    Refused {
        /// The name: `os.system`.
        name: String,
        /// Offset in the pickle.
        at: usize,
    },
    /// An instruction that is undefined or not needed for data.
    #[error("refused instruction 0x{opcode:02x} at byte {at}: plain data does not need it")]
    Instruction {
        /// The opcode.
        opcode: u8,
        /// Offset in the pickle.
        at: usize,
    },
    /// Invalid instructions.
    #[error("damaged pickle at byte {at}: {why}")]
    Malformed {
        /// Offset in the pickle.
        at: usize,
        /// The cause.
        why: String,
    },
    /// Bytes that are in neither of PyTorch's formats.
    #[error("not a PyTorch file: {0}")]
    Format(String),
    /// A tensor that exceeds its storage, or whose storage is missing.
    #[error("damaged tensor: {0}")]
    Tensor(String),
}
