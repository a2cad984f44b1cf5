//! Why a file is not read.

/// A file that is no PyTorch file, is damaged, or wants to be more than data.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PickleError {
    /// It names something that is neither a tensor nor plain data.
    #[error(
        "refused `{name}` at byte {at}: only tensors and plain data are read, because a pickle that names anything else can run programs; save the weights alone (`torch.save(model.state_dict(), …)`) or as safetensors"
    )]
    Refused {
        /// What it names: `os.system`.
        name: String,
        /// Where in the pickle.
        at: usize,
    },
    /// An instruction that data does not need, or that does not exist.
    #[error("refused instruction 0x{opcode:02x} at byte {at}: plain data does not need it")]
    Instruction {
        /// The instruction.
        opcode: u8,
        /// Where in the pickle.
        at: usize,
    },
    /// Instructions that make no sense.
    #[error("damaged pickle at byte {at}: {why}")]
    Malformed {
        /// Where in the pickle.
        at: usize,
        /// What is wrong.
        why: String,
    },
    /// Neither of PyTorch's formats.
    #[error("no PyTorch file: {0}")]
    Format(String),
    /// A tensor that reaches beyond its storage, or whose storage is not there.
    #[error("damaged tensor: {0}")]
    Tensor(String),
}
