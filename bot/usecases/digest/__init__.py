"""Digests: what happened in a day, and how mature each model's operation is, for people who were not there."""

from bot.usecases.digest.daily import daily
from bot.usecases.digest.evidence import Evidence, collect
from bot.usecases.digest.maturity import maturity
from bot.usecases.digest.posting import post

__all__ = ["Evidence", "collect", "daily", "maturity", "post"]
