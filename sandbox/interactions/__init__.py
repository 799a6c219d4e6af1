"""What people do in the workspace: type, press, open, submit, react."""

from sandbox.interactions.exchanges import Exchange, Exchanges
from sandbox.interactions.outcome import Impossible, Outcome
from sandbox.interactions.people import Interactions

__all__ = ["Exchange", "Exchanges", "Impossible", "Interactions", "Outcome"]
