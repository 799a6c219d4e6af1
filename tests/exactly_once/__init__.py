"""Exactly once: whatever dies, fails or races, an operation has one effect outside, or it is said that it is in doubt."""
