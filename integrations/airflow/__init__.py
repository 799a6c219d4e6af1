"""Airflow runs the training pipelines, which the bot starts under a name of its own, follows, stops and pauses."""
