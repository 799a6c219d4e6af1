"""Prometheus answers the query of an alert's own rule, so that the bot can watch whether a change has helped."""
