//! What a snapshot says of itself, before its content: of a fixed size, so that it can be written last.

use std::io::{self, Read};

use pgbelay_core::digest::Digest;
use uuid::Uuid;

use super::Stands;
use crate::ledger::Place;

const MAGIC: [u8; 8] = *b"pgbelayS";

/// Rises with each change of the header or of the content's encoding.
const FORMAT: u32 = 1;

/// Magic, format, incarnation, entry and its hash, program, length and digest of the content.
pub(super) const BYTES: usize = 8 + 4 + 16 + 8 + 32 + 32 + 8 + 32;

/// What a snapshot says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) stands: Stands,
    /// The digest of the program that wrote it.
    pub(super) program: Digest,
    /// Bytes of the content.
    pub(super) length: u64,
    /// The digest of the content.
    pub(super) content: Digest,
}

/// The file does not begin as a snapshot does.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HeaderError {
    #[error("it cannot be read")]
    Io(#[source] io::Error),
    #[error("it is cut off within its first {BYTES} bytes")]
    Short,
    #[error("it is not a snapshot")]
    NotASnapshot,
    #[error("it has format {found}, and this program reads format {FORMAT}")]
    OtherFormat { found: u32 },
}

impl Header {
    pub(super) fn encode(&self) -> Vec<u8> {
        let place = self.stands.place;
        [
            MAGIC.as_slice(),
            &FORMAT.to_be_bytes(),
            self.stands.incarnation.as_bytes(),
            &place.seq.to_be_bytes(),
            place.hash.as_bytes(),
            self.program.as_bytes(),
            &self.length.to_be_bytes(),
            self.content.as_bytes(),
        ]
        .concat()
    }

    pub(super) fn read(from: &mut impl Read) -> Result<Self, HeaderError> {
        if take::<8>(from)? != MAGIC {
            return Err(HeaderError::NotASnapshot);
        }
        let found = u32::from_be_bytes(take(from)?);
        if found != FORMAT {
            return Err(HeaderError::OtherFormat { found });
        }
        let incarnation = Uuid::from_bytes(take(from)?);
        let seq = u64::from_be_bytes(take(from)?);
        let place = Place { seq, hash: Digest::from_bytes(take(from)?) };
        Ok(Self {
            stands: Stands { incarnation, place },
            program: Digest::from_bytes(take(from)?),
            length: u64::from_be_bytes(take(from)?),
            content: Digest::from_bytes(take(from)?),
        })
    }
}

fn take<const N: usize>(from: &mut impl Read) -> Result<[u8; N], HeaderError> {
    let mut bytes = [0; N];
    from.read_exact(&mut bytes).map_err(|error| {
        if error.kind() == io::ErrorKind::UnexpectedEof { HeaderError::Short } else { HeaderError::Io(error) }
    })?;
    Ok(bytes)
}
