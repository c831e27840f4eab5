"""Benchmarks. Each prints one JSON line; see `script/bench`."""
