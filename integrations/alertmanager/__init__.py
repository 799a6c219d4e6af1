"""Prometheus Alertmanager tells what fires by its webhook, and is asked what fires now by its API."""
