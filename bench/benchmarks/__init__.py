"""Benchmarks for airspeed velocity: how the library's speed, memory and accuracy change from commit to commit."""
