"""Payload → use case → reply, and nothing else. Everything is acknowledged before anything is done."""
