"""Evidently's drift reports are posted by the job that makes them; Evidently itself is never imported."""
