"""Benchmarks: ratios against the bare driver, bare sockets and peers, measured in turn within one run."""
