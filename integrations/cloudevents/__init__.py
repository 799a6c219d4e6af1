"""Drift verdicts arrive as CloudEvents 1.0: in a form of our own for any monitor, and in that of alibi-detect."""
