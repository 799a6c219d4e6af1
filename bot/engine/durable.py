"""Stories that go on after kill -9: DBOS keeps where the code is, our tables keep what is true.

DBOS lives in the same database as our tables, so that an approval and the start of its work are one commit.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import sqlalchemy as sa
import sqlalchemy.exc
from dbos import DBOS, DBOSClient, DBOSConfig, EnqueueOptions
from sqlalchemy.engine import make_url
from sqlalchemy.orm import Session

from bot.domain.errors import BotError
from bot.ports.engine import Steps, Story

QUEUE = "mlops-bot"
POLL_SECONDS = 0.05
"""How often the queue is asked; half of it is the mean time from an approval to the work's start."""
VERSION = "stories-1"
"""Changes only when a story's steps change so that an interrupted one can't go on."""


class _DurableSteps(Steps):
    """Steps of the workflow that is running now."""

    async def run(self, name: str, step: Callable[[], Awaitable[str]]) -> str:
        async def checkpointed() -> str:
            return await step()

        return await DBOS.run_step_async({"name": name}, checkpointed)


class Engine:
    """One per process: DBOS is one per process, too."""

    def __init__(self, url: str, replica: str) -> None:
        self._url = _driver(url)
        self._replica = replica
        self._stories: dict[str, Story] = {}
        self._client: DBOSClient | None = None

    def register(self, name: str, story: Story) -> None:
        """Name a story; before `launch`."""
        self._stories[name] = story

    @property
    def stories(self) -> Mapping[str, Story]:
        """The stories by name."""
        return self._stories

    async def launch(self) -> None:
        """Start working, and continue what this replica was doing when it ended. Call it inside the running loop."""
        logging.getLogger("dbos").setLevel(logging.WARNING)
        config = DBOSConfig(
            name="mlops-bot",
            system_database_url=self._url,
            application_version=VERSION,
            executor_id=self._replica,
            notification_listener_polling_interval_sec=0.5,
            scheduler_polling_interval_sec=3_600,  # cron is not DBOS's business here
            use_listen_notify=False,
            log_level="WARNING",
        )
        await asyncio.to_thread(DBOS, config=config)
        for name, story in self._stories.items():
            DBOS.workflow(name=name, max_recovery_attempts=1_000)(_workflow(name, story))
        DBOS.launch()
        await asyncio.to_thread(
            DBOS.register_queue, QUEUE, polling_interval_sec=POLL_SECONDS, on_conflict="always_update"
        )
        self._client = await asyncio.to_thread(DBOSClient, system_database_url=self._url)

    async def attach(self) -> None:
        """Only hand in work, for a process that lives next to the bot (the command line); the bot carries it out."""
        self._client = await asyncio.to_thread(DBOSClient, system_database_url=self._url, lazy=True)

    async def detach(self) -> None:
        """Let go of what `attach` has taken."""
        if self._client is not None:
            await asyncio.to_thread(self._client.destroy)
            self._client = None

    async def stop(self) -> None:
        """Let go at once: what was going on is continued at the next start, here or elsewhere."""
        if self._client is not None:
            await asyncio.to_thread(self._client.destroy)
            self._client = None
        await asyncio.to_thread(DBOS.destroy, destroy_registry=True)
        # DBOS makes its thread pool the loop's own and ends it: whoever stops after us needs one again.
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor())

    def start_work(self, session: Session, work: str, ref: int, delay: timedelta | None) -> None:
        """Start a story when the session's transaction commits. The same story on the same number starts once."""
        if self._client is None or work not in self._stories:
            raise BotError(
                f"The work “{work}” can't be started: the engine is not running.", not_done="Nothing was changed."
            )
        options: EnqueueOptions = {
            "workflow_name": work,
            "queue_name": QUEUE,
            "workflow_id": f"{work}:{ref}",
            "app_version": VERSION,
        }
        if delay is not None:
            options["delay_seconds"] = delay.total_seconds()
        try:
            self._client.enqueue_in_transaction(session, options, ref)
        except sa.exc.DatabaseError as error:
            raise BotError(
                "The durable engine's tables can't be used.",
                not_done="Nothing was changed.",
                next_step="Start the bot once (mlops-bot serve); it creates them.",
            ) from error

    async def continue_work_of(self, replica: str) -> int:
        """Continue what a dead replica was doing; gives the number of stories."""
        # The public alternative (`resume_workflows`) forgets how often a story was recovered.
        handles = await asyncio.to_thread(DBOS._recover_pending_workflows, [replica])  # noqa: SLF001 - see above
        return len(handles)


def _workflow(name: str, story: Story) -> Callable[[int], Awaitable[None]]:
    async def workflow(ref: int) -> None:
        await story(ref, _DurableSteps())

    workflow.__qualname__ = f"story.{name}"
    return workflow


def _driver(url: str) -> str:
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        return parsed.set(drivername="sqlite").render_as_string(hide_password=False)
    return parsed.set(drivername="postgresql+psycopg").render_as_string(hide_password=False)


def enqueued(session: Session) -> int:
    """How many stories are known to DBOS, for tests and the doctor."""
    return int(session.execute(sa.text("SELECT count(*) FROM workflow_status")).scalar_one())
