//! Whether a file of Zstandard comes to its end, without unpacking it: each block says how long it is, and the last one
//! that it is the last (RFC 8878, section 3.1).

use std::io;

/// Walks along the frames of a file.
#[derive(Debug, Default)]
pub(super) struct Frames {
    at: At,
    /// Bytes of a field that have arrived.
    field: Vec<u8>,
    /// Whether a checksum follows the last block.
    checksum: bool,
    seen: bool,
}

/// What comes next.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum At {
    /// The magic number and the first byte of a header, or the end of the file.
    #[default]
    Start,
    /// The rest of a header, so many bytes.
    Header(u64),
    /// The three bytes before a block.
    Block,
    /// So many bytes of a block, and whether it is the last.
    Bytes(u64, bool),
    /// The checksum of a frame.
    Checksum(u64),
}

const MAGIC: u32 = 0xfd2f_b528;

/// Length of the magic number and the descriptor.
const START: usize = 5;

/// Length of what stands before a block.
const BLOCK: usize = 3;

impl Frames {
    /// Whether the file may end here.
    pub(super) fn is_whole(&self) -> bool {
        self.seen && self.at == At::Start && self.field.is_empty()
    }

    /// Takes the next bytes of the file.
    ///
    /// # Errors
    /// They are not Zstandard.
    pub(super) fn take(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            bytes = match self.at {
                At::Start => self.gather(bytes, START, Self::start)?,
                At::Block => self.gather(bytes, BLOCK, Self::block)?,
                At::Header(left) => self.skip(bytes, left, At::Header, At::Block),
                At::Checksum(left) => self.skip(bytes, left, At::Checksum, At::Start),
                At::Bytes(left, last) => {
                    self.skip(bytes, left, |left| At::Bytes(left, last), self.after(last))
                }
            };
        }
        Ok(())
    }

    fn skip<'b>(&mut self, bytes: &'b [u8], left: u64, still: impl Fn(u64) -> At, then: At) -> &'b [u8] {
        let some = usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len());
        let left = left - some as u64;
        self.at = if left == 0 { then } else { still(left) };
        &bytes[some..]
    }

    fn gather<'b>(
        &mut self,
        bytes: &'b [u8],
        length: usize,
        read: fn(&mut Self, &[u8]) -> io::Result<()>,
    ) -> io::Result<&'b [u8]> {
        let some = (length - self.field.len()).min(bytes.len());
        self.field.extend_from_slice(&bytes[..some]);
        if self.field.len() == length {
            let field = std::mem::take(&mut self.field);
            read(self, &field)?;
        }
        Ok(&bytes[some..])
    }

    fn start(&mut self, field: &[u8]) -> io::Result<()> {
        let (magic, descriptor) = (&field[..4], field[4]);
        if magic != MAGIC.to_le_bytes() {
            return Err(broken());
        }
        let single = descriptor & 0x20 != 0;
        let dictionary = [0, 1, 2, 4][usize::from(descriptor & 3)];
        let size = match (descriptor >> 6, single) {
            (0, single) => u64::from(single),
            (size, _) => 1 << size,
        };
        (self.checksum, self.seen) = (descriptor & 4 != 0, true);
        self.at = match u64::from(!single) + dictionary + size {
            0 => At::Block,
            rest => At::Header(rest),
        };
        Ok(())
    }

    fn block(&mut self, field: &[u8]) -> io::Result<()> {
        let header = u32::from_le_bytes([field[0], field[1], field[2], 0]);
        let (last, size) = (header & 1 == 1, u64::from(header >> 3));
        let length = match (header >> 1) & 3 {
            0 | 2 => size,
            // One byte, to be repeated.
            1 => 1,
            _ => return Err(broken()),
        };
        self.at = if length == 0 { self.after(last) } else { At::Bytes(length, last) };
        Ok(())
    }

    /// What follows a block.
    const fn after(&self, last: bool) -> At {
        match (last, self.checksum) {
            (false, _) => At::Block,
            (true, true) => At::Checksum(4),
            (true, false) => At::Start,
        }
    }
}

fn broken() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "it is not Zstandard, as its name says")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Made by zstd 1.5: a few words without and with a checksum, nothing at all, 300,000 times the same letter (three
    /// blocks), and three letters from a file (whose size stands in the header).
    const FILES: [&str; 5] = [
        "28b52ffd00486d00003868656c6c6f200a0100994b11",
        "28b52ffd04486d00003868656c6c6f200a0100994b11a87c2ea8",
        "28b52ffd240001000099e9d851",
        "28b52ffd04485400001061610100fbff39c00202001061039f04618d5f04a6",
        "28b52ffd2403190000616263990977ad",
    ];

    fn bytes(hex: &str) -> Vec<u8> {
        (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
    }

    fn is_whole(bytes: &[u8], step: usize) -> io::Result<bool> {
        let mut frames = Frames::default();
        for some in bytes.chunks(step) {
            frames.take(some)?;
        }
        Ok(frames.is_whole())
    }

    #[test]
    fn only_the_end_of_a_frame_is_an_end() {
        for hex in FILES {
            let file = bytes(hex);
            for step in [1, 2, 5, 1000] {
                assert!(is_whole(&file, step).unwrap(), "{hex} by {step}");
                for cut in 0..file.len() {
                    assert!(!is_whole(&file[..cut], step).unwrap(), "{hex} cut at {cut}");
                }
            }
            let twice = [file.clone(), file].concat();
            assert!(is_whole(&twice, 7).unwrap(), "two frames are a file too");
        }
    }

    #[test]
    fn what_is_no_frame_is_told() {
        for hex in ["1f8b080000000000", "28b52ffd0048ff0000", "28b52ffd24000100009900000000ff00000000"] {
            assert!(is_whole(&bytes(hex), 3).is_err(), "{hex}");
        }
    }
}
