"""The API: incidents and their timelines as JSON, for who has the program's token."""

from dataclasses import dataclass
from datetime import UTC, datetime

from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from bot.domain.errors import BadInput
from bot.domain.incident import Incident, Status
from bot.usecases.views import no_incident
from bot.web.access import has_token
from bot.web.parts import WebParts
from bot.web.problems import problem
from bot.web.wire import IncidentsOut, incident_out, timeline_out

PAGE = 50
HIGHEST = 2**31 - 1
"""The largest number that a database's integer column takes."""


@dataclass(frozen=True, slots=True)
class _Query:
    state: Status | None
    model: str | None
    since: datetime | None
    cursor: int | None


class Api:
    """The endpoints under `/api`."""

    def __init__(self, parts: WebParts) -> None:
        self._parts = parts

    async def incidents(self, request: Request) -> Response:
        """One page of incidents, newest first."""
        if not has_token(request.headers.get("authorization", ""), self._parts.token):
            return _unauthorized()
        wanted = _query(request)
        found = await self._parts.store.read(
            lambda tx: tx.incidents.newest(
                limit=PAGE + 1, before=wanted.cursor, model=wanted.model, status=wanted.state, since=wanted.since
            )
        )
        page = found[:PAGE]
        cursor = str(page[-1].number) if len(found) > PAGE else None
        return _json(IncidentsOut(incidents=[incident_out(i, self._parts.setup) for i in page], next=cursor))

    async def incident(self, request: Request) -> Response:
        """One incident."""
        if not has_token(request.headers.get("authorization", ""), self._parts.token):
            return _unauthorized()
        number = number_of(request.path_params["id"])
        found = await self._parts.store.read(lambda tx: tx.incidents.get(number))
        return _json(incident_out(_there(found, number), self._parts.setup))

    async def timeline(self, request: Request) -> Response:
        """One incident's timeline, with the chain checked."""
        if not has_token(request.headers.get("authorization", ""), self._parts.token):
            return _unauthorized()
        number = number_of(request.path_params["id"])
        found, entries = await self._parts.store.read(lambda tx: (tx.incidents.get(number), tx.timeline.of(number)))
        return _json(timeline_out(_there(found, number).ref, list(entries)))


def number_of(word: str) -> int:
    """`INC-42`, `inc-42` and `42` are 42. Raises BadInput."""
    digits = word[4:] if word[:4].upper() == "INC-" else word
    if not (digits.isascii() and digits.isdigit() and len(digits) <= 10 and 0 < int(digits) <= HIGHEST):
        raise _bad("id", "is not an incident", "They read INC-42.")
    return int(digits)


def _there(incident: Incident | None, number: int) -> Incident:
    if incident is None:
        raise no_incident(number)
    return incident


def _query(request: Request) -> _Query:
    given: dict[str, str] = {}
    for name, value in request.query_params.multi_items():
        if name not in {"state", "model", "since", "cursor"}:
            raise _bad(name[:40], "is not known", "There are: state, model, since, cursor.")
        if name in given:
            raise _bad(name, "is given twice", "Give it once.")
        given[name] = value
    return _Query(
        state=_state(given["state"]) if "state" in given else None,
        model=given.get("model"),
        since=_since(given["since"]) if "since" in given else None,
        cursor=_cursor(given["cursor"]) if "cursor" in given else None,
    )


def _state(word: str) -> Status:
    try:
        return Status(word.lower())
    except ValueError:
        raise _bad("state", "is no state", f"There are: {', '.join(s.value for s in Status)}.") from None


def _since(word: str) -> datetime:
    # In a query "+02:00" arrives as " 02:00" when it was not encoded.
    try:
        moment = datetime.fromisoformat(word.replace(" ", "+") if "T" in word else word)
        zoned = moment.astimezone(UTC) if moment.tzinfo else None
    except (ValueError, OverflowError):
        zoned = None
    if zoned is None:
        raise _bad("since", "is not a time with a zone", "Write it like 2026-11-23T03:10:00Z.")
    return zoned


def _cursor(word: str) -> int:
    if not (word.isascii() and word.isdigit() and len(word) <= 10 and int(word) <= HIGHEST):
        raise _bad("cursor", "was not given out by us", "Use what `next` said.")
    return int(word)


def _bad(parameter: str, what: str, fix: str) -> BadInput:
    return BadInput(f"The parameter {parameter} {what}.", not_done="Nothing was looked up.", next_step=fix)


def _json(value: BaseModel) -> Response:
    return Response(value.model_dump_json(), media_type="application/json")


def _unauthorized() -> Response:
    return problem(
        401, "unauthorized", "This needs the program's token.", not_done="Nothing was looked up.",
        next_step="Send it as Authorization: Bearer TOKEN.", headers={"www-authenticate": "Bearer"},
    )  # fmt: skip
