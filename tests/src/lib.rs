//! End-to-end suites and benchmarks on real servers.
