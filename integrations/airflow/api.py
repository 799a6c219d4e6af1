"""Airflow's REST API, either one: each call gives a typed answer, or one of our errors."""

import asyncio
import difflib
from collections.abc import Awaitable, Callable, Mapping, Sequence

from bot.domain.errors import IntegrationError, NotFound, Refused, Unauthorized, Unreadable
from bot.kit.http import Http, HttpFactory, Response, segment
from bot.kit.httperrors import unconfirmed
from bot.kit.parsing import T, read
from bot.ports.systems import Scalar
from integrations.airflow.manifest import Settings
from integrations.airflow.session import SLUG, Dialect, Session, understood
from integrations.airflow.wire import (
    Dag,
    DagRun,
    DagRuns,
    Dags,
    Fault,
    Health,
    ImportFaults,
    Paused,
    TaskInstance,
    TaskInstances,
)

PAGE = 100
"""Airflow gives no more at once."""
MOST_TASKS = 1_000
"""Of a run with more, mapped ones mostly, the first are shown; how many there are is known all the same."""

Send = Callable[[Dialect], Awaitable[Response]]


class Api:
    """Calls of one Airflow."""

    def __init__(self, settings: Settings, http: HttpFactory) -> None:
        self._session = Session(settings, http)
        secrets = () if settings.password is None else (settings.password,)
        self._http: Http = http(settings.url, system=SLUG, auth=self._session, secrets=secrets)

    @property
    def new(self) -> bool:
        """Whether it is Airflow 3, as far as is known."""
        return self._session.likely.new

    def url(self, path: str) -> str:
        """The full address of a call, for plans."""
        return self._http.url(self._session.likely.path + path)

    # ------------------------------------------------------------ DAGs

    async def dag(self, name: str) -> Dag:
        """A DAG with its params. Raises NotFound with the nearest names."""
        response = await self._get(f"{dag_path(name)}/details", accept=(404,))
        if response.status == 404:
            self._airflows_own(response, name)
            raise await self._unknown_dag(name)
        return self._read(Dag, response)

    async def import_error(self, dag: Dag) -> str:
        """The last line of what its file ends with when it is read; nothing when that can't be found out."""
        try:
            response = await self._get("/importErrors", {"limit": PAGE, "order_by": "-timestamp"}, accept=(403,))
            faults = self._read(ImportFaults, response).import_errors if response.status == 200 else ()
        except IntegrationError:
            return ""
        files = {dag.fileloc, dag.relative_fileloc} - {""}
        traces = (fault.stack_trace for fault in faults if fault.filename in files)
        return next(iter(next(traces, "").strip().splitlines()[-1:]), "")[:200]

    async def pause(self, name: str, *, paused: bool) -> bool:
        """Switch a DAG; gives what Airflow says it is now. Twice the same has the effect of one."""
        response = await self._patch(
            dag_path(name), pause_body(paused=paused), ("is_paused",), idempotent=True, accept=(404,)
        )
        if response.status == 404:
            self._airflows_own(response, name)
            raise await self._unknown_dag(name)
        return self._confirmed(Paused, response, f"{name} was switched").is_paused

    # ------------------------------------------------------------ runs

    async def start(self, name: str, parameters: Mapping[str, Scalar], key: str) -> DagRun | None:
        """Start a run, sent once; `None` when Airflow has one of this id already (409).

        Raises:
            Refused: it declined; nothing was started.
            NotFound: there is no such DAG.
            Indeterminate: sent, and what became of it is not known.

        """
        response = await self._call(
            lambda dialect: self._http.write(
                "POST", f"{dialect.path}{runs_path(name)}", start_body(parameters, key, new=dialect.new),
                idempotent=False, accept=(400, 404, 409, 422),
            )
        )  # fmt: skip
        if response.status == 409:
            return None
        if response.status == 404:
            self._airflows_own(response, name)
            raise await self._unknown_dag(name, "Nothing was started.")
        if response.status in {400, 422}:
            raise self._declined(name, response)
        run = self._confirmed(DagRun, response, f"the run {key} was asked for")
        if (run.dag_id, run.dag_run_id) != (name, key):
            raise unconfirmed(SLUG, f"Airflow was asked for the run {key}, and answers about another one.")
        return run

    async def run(self, name: str, run: str) -> DagRun | None:
        """One run; `None` when Airflow says that there is none, in its own words: anybody's 404 would not do."""
        response = await self._get(run_path(name, run), accept=(404,))
        if response.status == 404:
            self._airflows_own(response, run)
            return None
        return self._read(DagRun, response)

    async def tasks(self, name: str, run: str) -> tuple[Sequence[TaskInstance], int]:
        """The tasks of a run, at most 1,000 of them, and how many there are."""
        found: list[TaskInstance] = []
        while True:
            params: dict[str, str | int] = {"limit": PAGE, "offset": len(found)}
            page = self._read(TaskInstances, await self._get(f"{run_path(name, run)}/taskInstances", params))
            found += page.task_instances
            if not page.task_instances or len(found) >= min(page.total_entries, MOST_TASKS):
                return found, max(page.total_entries, len(found))

    async def recent(self, name: str, limit: int) -> Sequence[DagRun]:
        """The newest runs of a DAG. Raises NotFound."""
        params: dict[str, str | int] = {"limit": max(1, min(limit, PAGE)), "order_by": "-id"}
        response = await self._get(runs_path(name), params, accept=(404,))
        if response.status == 404:
            self._airflows_own(response, name)
            raise await self._unknown_dag(name)
        return self._read(DagRuns, response).dag_runs

    async def fail(self, run: DagRun, note: str) -> bool:
        """Call a run failed, which stops it, and leave a note. Whoever asks has seen that it has not ended.

        Sent once: a second time it would turn a run that has ended well meanwhile into a failed one. `False`: Airflow
        has answered 500. It does so when its scheduler held the same rows; the run is to be looked at again.
        """
        path = run_path(run.dag_id, run.dag_run_id)
        if (await self._session.dialect()).new:
            body, mask = {"state": "failed", "note": note}, ("state", "note")
            return (await self._patch(path, body, mask, idempotent=False, accept=(500,))).status != 500
        if (await self._patch(path, {"state": "failed"}, (), idempotent=False, accept=(500,))).status == 500:
            return False
        await self._patch(f"{path}/setNote", {"note": note}, (), idempotent=True)
        return True

    # ------------------------------------------------------------ the server

    async def about(self) -> tuple[str, int, Health]:
        """The server's release, how many DAGs the account sees, and how its parts are."""
        dialect = await self._session.dialect()
        dags, health = await asyncio.gather(
            self._get("/dags", {"limit": 1}), self._session.http.get(f"{dialect.path}{dialect.health}")
        )
        return self._session.release, self._read(Dags, dags).total_entries, self._read(Health, health)

    # ------------------------------------------------------------ pieces

    async def _get(
        self, path: str, params: Mapping[str, str | int] | None = None, *, accept: Sequence[int] = ()
    ) -> Response:
        return await self._call(lambda dialect: self._http.get(f"{dialect.path}{path}", params, accept=accept))

    async def _patch(
        self, path: str, body: object, mask: Sequence[str], *, idempotent: bool, accept: Sequence[int] = ()
    ) -> Response:
        params = {"update_mask": mask} if mask else None
        return await self._call(
            lambda dialect: self._http.write(
                "PATCH", f"{dialect.path}{path}", body, idempotent=idempotent, params=params, accept=accept
            )
        )

    async def _call(self, send: Send) -> Response:
        """Once more with a new token when the old one has expired: the request was turned away at the door."""
        dialect = await self._session.dialect()
        used = self._session.token
        try:
            return await send(dialect)
        except Unauthorized as error:
            if not self._session.renewable(error, used):
                raise
        return await send(dialect)

    def _airflows_own(self, response: Response, name: str) -> None:
        """Airflow names what it has not found. Another 404 is a proxy's, or a wrong address: nothing follows."""
        try:
            detail = read(Fault, response.body, SLUG).detail
        except Unreadable:
            detail = None
        if not isinstance(detail, str) or name not in detail:
            self._session.forget_dialect()
            raise Refused(
                "What answers at the address of Airflow does not know Airflow's API (404).",
                system=SLUG,
                not_done="Nothing was read or changed.",
                next_step="Check url in integrations.airflow of the configuration, and the proxy before it.",
            )

    async def _unknown_dag(self, name: str, not_done: str = "Nothing was changed.") -> NotFound:
        hint = "Look at its name in Airflow; a DAG that was never read without an error has none there."
        try:
            page = self._read(Dags, await self._get("/dags", {"limit": PAGE}))
        except IntegrationError:
            return NotFound(f"Airflow has no DAG {shown(name)}.", not_done=not_done, next_step=hint)
        near = difflib.get_close_matches(name, [dag.dag_id for dag in page.dags], n=3, cutoff=0.5)
        if near:
            hint = f"Did you mean {' or '.join(map(shown, near))}?"
        return NotFound(f"Airflow has no DAG {shown(name)}.", not_done=not_done, next_step=hint)

    def _declined(self, name: str, response: Response) -> Refused:
        """Airflow says what is wrong with a parameter, and then quotes its schema, which is left out."""
        said = self._http.words(response).partition(" Failed validating")[0].rstrip(".")
        return Refused(
            f"Airflow did not start {shown(name)} ({response.status}){f': {said}' if said else ''}.",
            system=SLUG,
            not_done="Nothing was started.",
            next_step="Correct the parameters; the DAG's page in Airflow says what each may be.",
        )

    def _confirmed(self, kind: type[T], response: Response, what: str) -> T:
        """Airflow's answer to a change: one that can't be read leaves open what has become of it."""
        try:
            return self._read(kind, response)
        except Unreadable as error:
            raise unconfirmed(
                SLUG, f"{what[:1].upper()}{what[1:]}, and the answer can't be read: {error.what}"
            ) from None

    def _read(self, kind: type[T], response: Response) -> T:
        return understood(kind, response)


def dag_path(dag: str) -> str:
    """Of a DAG."""
    return f"/dags/{segment(dag)}"


def runs_path(dag: str) -> str:
    """Of a DAG's runs."""
    return f"{dag_path(dag)}/dagRuns"


def run_path(dag: str, run: str) -> str:
    """Of one run."""
    return f"{runs_path(dag)}/{segment(run)}"


def start_body(parameters: Mapping[str, Scalar], key: str, *, new: bool) -> Mapping[str, object]:
    """What starts a run. Airflow 3 wants `logical_date` to be there and may be null; Airflow 2 refuses null."""
    body: dict[str, object] = {"dag_run_id": key, "conf": dict(parameters), "note": f"Started by mlops-bot as {key}."}
    return body | ({"logical_date": None} if new else {})


def pause_body(*, paused: bool) -> Mapping[str, object]:
    """What switches a DAG."""
    return {"is_paused": paused}


def shown(name: str) -> str:
    """A name that somebody gave us, on one line."""
    return name[:200] if name.isprintable() else ascii(name[:200])
