//! Counters for `/metrics`, in Prometheus' text format.

use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Upper bounds of the request-time buckets, in seconds.
const BOUNDS_S: [f64; 8] = [0.001, 0.005, 0.02, 0.05, 0.1, 0.5, 2.0, 10.0];

#[derive(Debug, Default)]
pub struct Metrics {
    by_class: [AtomicU64; 6],
    buckets: [AtomicU64; 9],
    micros: AtomicU64,
}

impl Metrics {
    /// Counts one answered request.
    pub fn request(&self, status: u16, took: Duration) {
        let class = usize::from(status / 100).min(5);
        self.by_class[class].fetch_add(1, Ordering::Relaxed);
        let seconds = took.as_secs_f64();
        let bucket = BOUNDS_S.iter().position(|bound| seconds <= *bound).unwrap_or(BOUNDS_S.len());
        self.buckets[bucket].fetch_add(1, Ordering::Relaxed);
        self.micros.fetch_add(took.as_micros() as u64, Ordering::Relaxed);
    }

    pub fn write(&self, out: &mut String) {
        out.push_str("# HELP petstar_requests_total Requests answered, by class of status.\n# TYPE petstar_requests_total counter\n");
        for (class, count) in self.by_class.iter().enumerate().skip(1) {
            let _ = writeln!(out, "petstar_requests_total{{status=\"{class}xx\"}} {}", count.load(Ordering::Relaxed));
        }
        out.push_str("# HELP petstar_request_seconds Time to answer.\n# TYPE petstar_request_seconds histogram\n");
        let mut total = 0;
        for (at, bucket) in self.buckets.iter().enumerate() {
            total += bucket.load(Ordering::Relaxed);
            let bound = BOUNDS_S.get(at).map_or("+Inf".to_owned(), f64::to_string);
            let _ = writeln!(out, "petstar_request_seconds_bucket{{le=\"{bound}\"}} {total}");
        }
        let seconds = self.micros.load(Ordering::Relaxed) as f64 / 1e6;
        let _ = writeln!(out, "petstar_request_seconds_sum {seconds}\npetstar_request_seconds_count {total}");
    }
}
