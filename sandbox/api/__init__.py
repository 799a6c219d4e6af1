"""Slack's Web API."""

from sandbox.api.faults import FaultKind, Faults
from sandbox.api.gate import WebApi
from sandbox.api.rates import RateLimits, Which
from sandbox.api.table import METHODS

__all__ = ["METHODS", "FaultKind", "Faults", "RateLimits", "WebApi", "Which"]
