//! How long operators wait for answers, by method.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use http::Response;
use http_body_util::BodyExt as _;
use hyper::body::Body as _;
use tonic::body::Body;

use super::gate::AUDIENCES;

/// The upper ends of the buckets, seconds. 50 ms is what a look at all of a large fleet may take.
pub const BOUNDS: [f64; 9] = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 10.0];

/// The times of all methods. Cheap to clone.
#[derive(Clone)]
pub struct Times(Arc<[Histogram; AUDIENCES.len()]>);

/// The times of one method.
#[derive(Default)]
struct Histogram {
    /// Calls by bucket; the last one has no end.
    calls: [AtomicU64; BOUNDS.len() + 1],
    micros: AtomicU64,
}

/// What is known of the times of one method.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Taken {
    /// Its name, without that of its service.
    pub method: &'static str,
    /// Calls that took at most as long as the bound of the same place, for each of [`BOUNDS`].
    pub within: [u64; BOUNDS.len()],
    /// All calls.
    pub calls: u64,
    /// What they took together, seconds.
    pub seconds: f64,
}

impl Default for Times {
    fn default() -> Self {
        Self(Arc::new(std::array::from_fn(|_| Histogram::default())))
    }
}

impl Times {
    /// Has an answer's time counted once its first message is ready to be sent, or when it has none.
    pub(super) fn of_answer(&self, path: &str, begun: Instant, answer: Response<Body>) -> Response<Body> {
        let Some(method) = AUDIENCES.iter().position(|(name, _)| *name == path) else { return answer };
        if answer.body().is_end_stream() {
            self.count(method, begun.elapsed());
            return answer;
        }
        let (times, mut counted) = (self.clone(), false);
        answer.map(|body| {
            Body::new(body.map_frame(move |frame| {
                if !std::mem::replace(&mut counted, true) {
                    times.count(method, begun.elapsed());
                }
                frame
            }))
        })
    }

    fn count(&self, method: usize, took: Duration) {
        let Some(histogram) = self.0.get(method) else { return };
        let bucket = BOUNDS.iter().position(|bound| took.as_secs_f64() <= *bound).unwrap_or(BOUNDS.len());
        if let Some(calls) = histogram.calls.get(bucket) {
            calls.fetch_add(1, Ordering::Relaxed);
        }
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        histogram.micros.fetch_add(micros, Ordering::Relaxed);
    }

    /// The methods that were called.
    #[must_use]
    pub fn taken(&self) -> Vec<Taken> {
        let all = AUDIENCES.iter().zip(self.0.iter()).map(|((path, _), histogram)| {
            let mut calls = 0;
            let up_to = histogram.calls.each_ref().map(|in_bucket| {
                calls += in_bucket.load(Ordering::Relaxed);
                calls
            });
            let mut within = [0; BOUNDS.len()];
            within.iter_mut().zip(up_to).for_each(|(within, calls)| *within = calls);
            let method = path.rsplit_once('/').map_or(*path, |(_, method)| method);
            let seconds = histogram.micros.load(Ordering::Relaxed) as f64 / 1e6;
            Taken { method, within, calls, seconds }
        });
        all.filter(|taken| taken.calls > 0).collect()
    }
}
