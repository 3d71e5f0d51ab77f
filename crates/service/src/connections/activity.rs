//! What a connection has done so far.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use http_body::{Frame, SizeHint};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Requests and bytes of one connection, seen from everywhere it is watched.
#[derive(Debug)]
pub(super) struct Activity {
    opened: Instant,
    bytes: AtomicU64,
    begun: AtomicU64,
    in_progress: AtomicUsize,
    /// Those among them that are work, and not the look of a probe.
    work: AtomicUsize,
    /// Milliseconds after `opened` at which the last request began or ended.
    last: AtomicU64,
}

impl Activity {
    pub(super) fn new() -> Arc<Self> {
        let (bytes, begun, last) = (AtomicU64::new(0), AtomicU64::new(0), AtomicU64::new(0));
        let (in_progress, work) = (AtomicUsize::new(0), AtomicUsize::new(0));
        Arc::new(Self { opened: Instant::now(), bytes, begun, in_progress, work, last })
    }

    /// Returns when it was opened.
    pub(super) const fn opened(&self) -> Instant {
        self.opened
    }

    /// Returns the bytes read from it.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Returns how many requests have begun.
    pub(super) fn begun(&self) -> u64 {
        self.begun.load(Ordering::Acquire)
    }

    /// Returns when its last request ended; none while one is in progress.
    pub(super) fn idle_since(&self) -> Option<Instant> {
        let idle = self.in_progress.load(Ordering::Acquire) == 0;
        idle.then(|| self.last())
    }

    /// Returns when a request last began or ended; none while work is in progress.
    pub(super) fn without_work_since(&self) -> Option<Instant> {
        (self.work.load(Ordering::Acquire) == 0).then(|| self.last())
    }

    fn last(&self) -> Instant {
        self.opened + Duration::from_millis(self.last.load(Ordering::Acquire))
    }

    /// Counts a request until what is returned is dropped.
    pub(super) fn begin(self: &Arc<Self>, is_work: bool) -> InProgress {
        self.begun.fetch_add(1, Ordering::AcqRel);
        self.in_progress.fetch_add(1, Ordering::AcqRel);
        self.work.fetch_add(usize::from(is_work), Ordering::AcqRel);
        self.stamp();
        InProgress { activity: self.clone(), is_work }
    }

    fn stamp(&self) {
        let passed = u64::try_from(self.opened.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.last.store(passed, Ordering::Release);
    }
}

/// A request in progress.
#[derive(Debug)]
pub(super) struct InProgress {
    activity: Arc<Activity>,
    is_work: bool,
}

impl Drop for InProgress {
    fn drop(&mut self) {
        self.activity.stamp();
        self.activity.work.fetch_sub(usize::from(self.is_work), Ordering::AcqRel);
        self.activity.in_progress.fetch_sub(1, Ordering::AcqRel);
    }
}

/// A connection whose incoming bytes are counted.
pub(super) struct Counted<I> {
    inner: I,
    activity: Arc<Activity>,
}

impl<I> Counted<I> {
    pub(super) const fn new(inner: I, activity: Arc<Activity>) -> Self {
        Self { inner, activity }
    }
}

impl<I: AsyncRead + Unpin> AsyncRead for Counted<I> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.inner).poll_read(cx, buffer);
        let more = buffer.filled().len().saturating_sub(before);
        self.activity.bytes.fetch_add(u64::try_from(more).unwrap_or(u64::MAX), Ordering::Relaxed);
        read
    }
}

impl<I: AsyncWrite + Unpin> AsyncWrite for Counted<I> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

/// A response whose request is in progress until its body has ended: a stream is work as long as it flows.
pub(super) struct Answer<B> {
    inner: B,
    _request: InProgress,
}

impl<B> Answer<B> {
    pub(super) const fn new(inner: B, request: InProgress) -> Self {
        Self { inner, _request: request }
    }
}

impl<B: http_body::Body + Unpin> http_body::Body for Answer<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        Pin::new(&mut self.get_mut().inner).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_is_idle_from_the_end_of_its_last_request() {
        let activity = Activity::new();
        let opened = activity.idle_since().unwrap();
        let (first, second) = (activity.begin(true), activity.begin(false));
        assert_eq!(activity.without_work_since(), None);
        drop(first);
        assert_eq!(activity.idle_since(), None);
        assert!(activity.without_work_since().is_some(), "a probe is no work");
        std::thread::sleep(Duration::from_millis(5));
        drop(second);
        assert!(activity.idle_since().unwrap() > opened);
        assert_eq!(activity.begun(), 2);
    }
}
