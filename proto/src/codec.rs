//! How messages are written and read: as prost does it, with buffers that begin small.

use std::marker::PhantomData;

use prost::Message;
use tonic::codec::BufferSettings;
use tonic_prost::{ProstDecoder, ProstEncoder};

/// Bytes of a buffer at its beginning. A stream has one each way as long as it lives, an agent's lives for months, and most
/// of what is said there is a few bytes; tonic's begin with 8 KiB.
const BUFFER: usize = 512;

/// Bytes that are gathered before they go out: tonic's own figure.
const GATHERED: usize = 32 * 1024;

/// The codec of all services.
#[derive(Debug)]
pub struct Codec<T, U>(PhantomData<fn() -> (T, U)>);

impl<T, U> Default for Codec<T, U> {
    fn default() -> Self {
        Self(PhantomData)
    }
}

impl<T: Message + 'static, U: Message + Default + 'static> tonic::codec::Codec for Codec<T, U> {
    type Encode = T;
    type Decode = U;
    type Encoder = ProstEncoder<T>;
    type Decoder = ProstDecoder<U>;

    fn encoder(&mut self) -> Self::Encoder {
        ProstEncoder::new(BufferSettings::new(BUFFER, GATHERED))
    }

    fn decoder(&mut self) -> Self::Decoder {
        ProstDecoder::new(BufferSettings::new(BUFFER, GATHERED))
    }
}
