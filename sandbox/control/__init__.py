"""What Slack does not have: acting as the people, looking at everything, and breaking things on purpose."""

from sandbox.control.routes import routes

__all__ = ["routes"]
