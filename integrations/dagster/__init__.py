"""Dagster runs the training jobs, which the bot starts, follows and stops, and whose schedules it switches."""
