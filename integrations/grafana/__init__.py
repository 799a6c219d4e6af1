"""Grafana tells what fires by its webhook contact point, and is asked what fires now by its Alertmanager API."""
