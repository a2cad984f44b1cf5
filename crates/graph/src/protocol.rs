//! What runner and worker say to each other: frames of JSON over the worker's standard input and output.
//!
//! A frame is its length (32 bits, little-endian) and that many bytes of JSON. The worker speaks first
//! ([`Hello`]); then the runner sends one job at a time and the worker answers with any number of progress
//! frames and one `done` or `failed`. Asked to stop, it answers with `failed` as soon as it can go on from there. A worker whose input ends has lost its runner and ends too.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::ops::{Failure, Job};

/// The version of this protocol.
pub const PROTOCOL: u32 = 3;

/// No honest frame is longer.
const LONGEST: u32 = 64 << 20;

/// What a worker is and can do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// [`PROTOCOL`].
    pub protocol: u32,
    /// The ops it runs and their versions.
    pub ops: BTreeMap<String, u32>,
    /// What it runs on: library versions, processor, devices. Filed with results.
    pub provenance: BTreeMap<String, String>,
}

/// From the runner.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Request {
    /// Run this.
    Run(Box<Job>),
    /// Stop at the next checkpoint.
    Stop,
}

/// From the worker.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reply {
    /// First of all.
    Hello(Hello),
    /// Progress; also shows that the worker is not hung.
    Progress {
        /// How many steps are done.
        done: u64,
        /// Of how many.
        total: u64,
        /// What is being done, for a person.
        note: String,
    },
    /// The outputs are written.
    Done(Measured),
    /// They are not.
    Failed(Failure),
}

/// What a worker files with a result.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Measured {
    /// What it was computed with, beyond what [`Hello`] says.
    pub provenance: BTreeMap<String, String>,
    /// How much memory of its device it needed at most, in MiB.
    pub memory_mib: Option<u64>,
}

/// Sends one frame.
pub fn send(to: &mut impl Write, message: &impl Serialize) -> io::Result<()> {
    to.write_all(&frame(message)?)?;
    to.flush()
}

/// Makes the frame of a message.
pub fn frame(message: &impl Serialize) -> io::Result<Vec<u8>> {
    let mut frame = vec![0; 4];
    serde_json::to_writer(&mut frame, message)?;
    let len = frame.len() - 4;
    let len = u32::try_from(len).ok().filter(|len| *len <= LONGEST).ok_or_else(|| too_long(len))?;
    frame[..4].copy_from_slice(&len.to_le_bytes());
    Ok(frame)
}

fn too_long(len: usize) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("{len} bytes, expected at most {LONGEST}"))
}

/// Receives one frame; `None` at the end of the stream.
pub fn receive<T: DeserializeOwned>(from: &mut impl Read) -> io::Result<Option<T>> {
    let mut len = [0; 4];
    match from.read_exact(&mut len) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        other => other?,
    }
    let len = u32::from_le_bytes(len);
    if len > LONGEST {
        return Err(too_long(len as usize));
    }
    // As much memory as there are bytes, whatever the length says.
    let mut bytes = Vec::new();
    if from.take(len.into()).read_to_end(&mut bytes)? < len as usize {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    // By its own kind, text that breaks off would be a stream that did.
    serde_json::from_slice(&bytes)
        .map(Some)
        .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_round_trip_and_nonsense_is_refused() {
        let mut wire = Vec::new();
        send(&mut wire, &Reply::Progress { done: 3, total: 7, note: "epoch".into() }).unwrap();
        let measured = Measured { memory_mib: Some(300), ..Measured::default() };
        send(&mut wire, &Reply::Done(measured.clone())).unwrap();
        let mut wire = wire.as_slice();
        assert!(matches!(receive(&mut wire).unwrap(), Some(Reply::Progress { done: 3, total: 7, .. })));
        assert!(matches!(receive(&mut wire).unwrap(), Some(Reply::Done(read)) if read == measured));
        assert!(receive::<Reply>(&mut wire).unwrap().is_none());
        assert!(receive::<Reply>(&mut b"HTTP/1.1 200 OK".as_slice()).is_err());
        assert!(receive::<Reply>(&mut [9, 0, 0, 0, b'{'].as_slice()).is_err());
    }

    /// Breaks off after a byte, and says how much it was asked to fill at most.
    struct Short {
        asked: usize,
        left: Vec<u8>,
    }

    impl Read for Short {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            self.asked = self.asked.max(into.len());
            let taken = self.left.len().min(into.len());
            into[..taken].copy_from_slice(&self.left[..taken]);
            self.left.drain(..taken);
            Ok(taken)
        }
    }

    #[test]
    fn a_length_alone_takes_no_memory() {
        let mut wire = Short { asked: 0, left: [&LONGEST.to_le_bytes()[..], b"{"].concat() };
        let error = receive::<Reply>(&mut wire).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
        assert!(wire.asked < 1 << 16, "asked to fill {} bytes", wire.asked);
    }
}
