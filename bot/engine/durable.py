"""Stories that go on after kill -9: DBOS keeps where the code is, our tables keep what is true.

DBOS lives in the same database as our tables, so that an approval and the start of its work are one commit.
DBOS writes down what a step raised, and raises it again after every restart. A database that was away for a second
would so end an operation for good. Therefore nothing leaves a step but its result: a step that raises is run again.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any, TypeVar

import sqlalchemy as sa
import sqlalchemy.exc
from dbos import DBOS, DBOSClient, DBOSConfig, EnqueueOptions, error
from sqlalchemy.engine import make_url
from sqlalchemy.orm import Session

from bot.domain.errors import BotError
from bot.ports.engine import Fenced, Steps, Story

T = TypeVar("T")

QUEUE = "mlops-bot"
POLL_SECONDS = 0.1
"""How often the queue is asked; half of it is the mean time from an approval to the work's start."""
VERSION = "stories-1"
"""Changes only when a story's steps change so that an interrupted one can't go on."""


FIRST_PAUSE = 0.5
LONGEST_PAUSE = 60.0
"""Seconds before a step that raised is run again; the pause doubles."""

_log = logging.getLogger(__name__)


class _DurableSteps(Steps):
    """Steps of the workflow that is running now."""

    def __init__(self, story: str) -> None:
        self._story = story
        self.begun = False
        """Whether DBOS counts steps already: then the story can't be begun again in this process."""

    async def run(self, name: str, step: Callable[[], Awaitable[str]]) -> str:
        async def until_it_has_a_result() -> str:
            return await _again(f"{self._story}, step “{name}”", step)

        self.begun = True
        return await DBOS.run_step_async({"name": name}, until_it_has_a_result)


async def _again(what: str, work: Callable[[], Awaitable[T]], give_up: Callable[[], bool] = lambda: False) -> T:
    """Run it until it has a result. Where another process has taken over, or on `give_up`, it stays where it is."""
    pause = FIRST_PAUSE
    while True:
        try:
            return await work()
        except Fenced as fenced:
            _log.error("%s stays where it is: %s", what, fenced)
            break
        except (error.DBOSWorkflowConflictIDError, error.DBOSWorkflowCancelledError):
            raise  # DBOS's own: another process goes on with it
        except Exception:  # noqa: BLE001 - whatever it was, the work is still to be done
            _log.exception("%s failed", what)
            if give_up():
                _log.error("%s stays where it is until the next start", what)
                break
        await asyncio.sleep(pause)
        pause = min(pause * 2, LONGEST_PAUSE)
    await asyncio.get_running_loop().create_future()  # until this process ends
    raise AssertionError("nobody answers it")


class Engine:
    """One per process: DBOS is one per process, too."""

    def __init__(self, url: str, replica: str) -> None:
        self._url = _driver(url)
        self._replica = replica
        self._stories: dict[str, Story] = {}
        self._running: set[asyncio.Task[Any]] = set()
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
            DBOS.workflow(name=name, max_recovery_attempts=1_000)(self._workflow(name, story))
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
        await self.detach()
        logging.getLogger("dbos").setLevel(logging.ERROR)  # it warns of each story that is cancelled
        running = list(self._running)
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
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
        except sa.exc.DatabaseError as fault:
            raise BotError(
                "The durable engine's tables can't be used.",
                not_done="Nothing was changed.",
                next_step="Start the bot once (mlops-bot serve); it creates them.",
            ) from fault

    async def continue_work_of(self, replica: str) -> int:
        """Continue what a dead replica was doing; gives the number of stories."""
        # The public alternative (`resume_workflows`) forgets how often a story was recovered.
        handles = await asyncio.to_thread(DBOS._recover_pending_workflows, [replica])  # noqa: SLF001 - see above
        return len(handles)

    def _workflow(self, name: str, story: Story) -> Callable[[int], Awaitable[None]]:
        async def workflow(ref: int) -> None:
            task = asyncio.current_task()
            assert task is not None
            self._running.add(task)
            task.add_done_callback(self._running.discard)
            steps = _DurableSteps(f"{name} {ref}")
            await _again(f"{name} {ref}", lambda: story(ref, steps), give_up=lambda: steps.begun)

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
