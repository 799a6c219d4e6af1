"""Two processes on PostgreSQL, by the machine's own clock: one is killed with -9 in the middle of an operation.

The survivor finishes it within half a minute, and what was done is done once.
"""

import asyncio
from datetime import timedelta

import pytest

from bot.domain.timeline import Kind
from bot.engine.replicas import BEAT_SECONDS, LEASE
from tests.exactly_once import world as outside
from tests.exactly_once.conftest import Laboratory
from tests.exactly_once.replica import Spec
from tests.exactly_once.trial import APPROVES, ASKS, REQUEST, Trial

WITHIN = timedelta(seconds=30)
MOVE = "move"
