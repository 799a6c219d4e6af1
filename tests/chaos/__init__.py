"""Kills, Slack's and the sources' bad moments, all at random and all at once: what is promised holds nevertheless."""
