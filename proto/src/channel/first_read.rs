//! A stream that tells what came of the first read from it.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::oneshot;

use super::tls_error;

/// Passes everything on. The first read's outcome, a count of bytes or an error, is also sent to the receiver.
pub(super) struct FirstRead<S> {
    stream: S,
    report: Option<oneshot::Sender<io::Result<usize>>>,
}

impl<S> FirstRead<S> {
    pub(super) fn new(stream: S) -> (Self, oneshot::Receiver<io::Result<usize>>) {
        let (report, receiver) = oneshot::channel();
        (Self { stream, report: Some(report) }, receiver)
    }

    fn report(&mut self, outcome: io::Result<usize>) {
        if let Some(report) = self.report.take() {
            // Nobody listens any more when the deadline for the dial has passed.
            let _ = report.send(outcome);
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for FirstRead<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(cx, buf);
        match &polled {
            Poll::Pending => {}
            Poll::Ready(Ok(())) => self.report(Ok(buf.filled().len() - before)),
            Poll::Ready(Err(error)) => self.report(Err(copy_of(error))),
        }
        polled
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for FirstRead<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

/// An io::Error can't be cloned; what it is classified by can.
fn copy_of(error: &io::Error) -> io::Error {
    match tls_error(error) {
        Some(tls) => io::Error::new(error.kind(), tls.clone()),
        None => io::Error::new(error.kind(), error.to_string()),
    }
}
