"""Benchmarks: `make bench`, or `python -m bench NAME …`. What they measured is kept in `bench/results/`."""
