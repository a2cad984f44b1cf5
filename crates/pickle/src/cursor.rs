//! Reading of little-endian numbers and strings from untrusted bytes.

use crate::PickleError;

pub struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    pub const fn position(&self) -> usize {
        self.at
    }

    pub fn malformed(&self, why: impl Into<String>) -> PickleError {
        PickleError::Malformed { at: self.at, why: why.into() }
    }

    pub fn take(&mut self, length: usize) -> Result<&'a [u8], PickleError> {
        let end = self.at.checked_add(length).filter(|end| *end <= self.bytes.len());
        let end =
            end.ok_or_else(|| self.malformed(format!("{length} more bytes are declared than present")))?;
        let taken = &self.bytes[self.at..end];
        self.at = end;
        Ok(taken)
    }

    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], PickleError> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N)?);
        Ok(array)
    }

    pub fn u8(&mut self) -> Result<u8, PickleError> {
        Ok(self.array::<1>()?[0])
    }

    pub fn u16(&mut self) -> Result<u16, PickleError> {
        Ok(u16::from_le_bytes(self.array()?))
    }

    pub fn u32(&mut self) -> Result<u32, PickleError> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    pub fn i32(&mut self) -> Result<i32, PickleError> {
        Ok(i32::from_le_bytes(self.array()?))
    }

    pub fn u64(&mut self) -> Result<u64, PickleError> {
        Ok(u64::from_le_bytes(self.array()?))
    }

    /// Reads a length of up to eight bytes that fits into memory.
    pub fn length(&mut self) -> Result<usize, PickleError> {
        let length = self.u64()?;
        usize::try_from(length).map_err(|_| self.malformed("a length is too large"))
    }

    /// Reads up to the next line break, which is not included.
    pub fn line(&mut self) -> Result<&'a str, PickleError> {
        let rest = &self.bytes[self.at..];
        let end = rest.iter().position(|byte| *byte == b'\n');
        let end = end.ok_or_else(|| self.malformed("a line has no end"))?;
        let line = self.text(end)?;
        self.at += 1;
        Ok(line)
    }

    pub fn text(&mut self, length: usize) -> Result<&'a str, PickleError> {
        let bytes = self.take(length)?;
        // Unlike Python's `surrogatepass`: no checkpoint contains lone surrogates.
        std::str::from_utf8(bytes).map_err(|_| self.malformed("a string is not UTF-8"))
    }
}
