"""Many people at once: the first request is the operation, everybody else joins; the first approval is the start."""

import asyncio
import re

import pytest

from bot.domain.timeline import Kind
from bot.store.sqlstore import SqlStore
from bot.usecases.desk import Desk
from bot.usecases.export import verify_chain
from tests.exactly_once.conftest import Laboratory
from tests.exactly_once.replica import FastClock, Spec, setup_of
from tests.exactly_once.trial import APPROVES, ASKS, REQUEST, Ledger, Trial
from tests.usecases.world import DEVI, MIKA, shown

MANY = 40


async def test_forty_requests_for_one_model_are_one_operation(laboratory: Laboratory) -> None:
    """Through two processes at once, so that no lock in memory is what holds them apart."""
    async with laboratory.trial() as trial:
        a, b = (trial.zygote.life(spec) for spec in (trial.spec, two(trial)))
        async with a as first, b as second:
            for life in (first, second):
                await life.word("ready")
            lives = [first, second] * (MANY // 2)
            titles = await asyncio.gather(*(life.say(REQUEST, ASKS) for life in lives))
