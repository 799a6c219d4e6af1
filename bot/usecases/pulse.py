"""Whether the bot's own loop turns: a figure that others watch, and a dead man's switch that is told so."""

import logging
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

from bot.domain.errors import IntegrationError
from bot.ports.clock import Clock

LATE = timedelta(minutes=1)
"""The loop that turns each second counts as stuck when it has not come to its end for so long."""

Work = Callable[[], Awaitable[None]]

_log = logging.getLogger(__name__)


class Pulse:
    """Remembers when jobs came to their end. `show` is told each time: the job's name and the moment."""

    def __init__(self, clock: Clock, show: Callable[[str, datetime], None]) -> None:
        self._clock = clock
        self._show = show
        self._born = clock.now()
        self._last: dict[str, datetime] = {}

    def felt(self, job: str, work: Work) -> Work:
        """The same work, whose good end is remembered; one that fails is not."""

        async def watched() -> None:
            await work()
            self._last[job] = self._clock.now()
            self._show(job, self._last[job])

        return watched

    def beats(self, job: str) -> bool:
        """Whether this job came to its end lately."""
        last = self._last.get(job)
        return last is not None and self._clock.now() - last <= LATE

    async def ping(self, job: str, send: Work) -> None:
        """Tell the dead man's switch that we live, unless this job is stuck. That it can't be told is only logged."""
        if job not in self._last and self._clock.now() - self._born <= LATE:
            return  # it has only just begun
        if not self.beats(job):
            _log.error("the dead man's switch is not told that the bot lives: the job %s does not come to its end", job)
            return
        try:
            await send()
        except IntegrationError as error:
            _log.warning("the dead man's switch could not be told that the bot lives: %s", error.what)
