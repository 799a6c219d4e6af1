"""Opsgenie's alerts, and those of Jira Service Management's Operations, delivered and asked for."""
