"""The workspace in a browser: Slack's JSON in, HTML out; no build step, nothing from elsewhere."""

from sandbox.page.routes import routes

__all__ = ["routes"]
