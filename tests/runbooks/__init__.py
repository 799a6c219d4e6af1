"""Runbooks as files: the format, and the shipped ones."""
