"""MLflow's REST API: each call gives a typed answer, or one of our errors with MLflow's own traps explained."""

import asyncio
import difflib
import re
from collections.abc import Awaitable, Mapping, Sequence

from bot.domain.errors import BadInput, IntegrationError, NotFound, Refused, Unauthorized, Unreadable
from bot.domain.models import Signature
from bot.kit.http import Http, Response
from bot.kit.parsing import T, read, read_value
from integrations.mlflow.wire import (
    Fault,
    LoggedModelAnswer,
    Model,
    ModelAnswer,
    ModelsPage,
    RunAnswer,
    Version,
    VersionAnswer,
    VersionsPage,
    read_mlmodel,
)

SLUG = "mlflow"
PAGE = 200
MOST_PAGES = 10
"""2,000 versions are read, the newest; older ones can be named, but are not listed."""
NAMES_SEARCHED = 500
"""So many models are looked through for a name that resembles an unknown one."""
MLMODEL_LIMIT = 512 * 1024
"""Bytes of an MLmodel file; a longer one is not parsed."""
ABSENT = "RESOURCE_DOES_NOT_EXIST"
METRICS_OPTIONAL = (403, 404)
"""The run may be deleted, or not ours to read: a version without metrics is still a version."""

_LOGGED_MODEL = re.compile(r"^models:/(m-[0-9a-zA-Z]+)$")


class Api:
    """Calls of one MLflow server."""

    def __init__(self, http: Http, api_path: str) -> None:
        self._http = http
        self._path = api_path

    def url(self, call: str) -> str:
        """The full address of a call, for plans."""
        return self._http.url(f"{self._path}/{call}")

    # ------------------------------------------------------------ models and aliases

    async def model(self, name: str) -> Model:
        """A registered model with its aliases. Raises NotFound with the nearest names."""
        response = await self._get("registered-models/get", {"name": name}, accept=(404,))
        if response.status == 404:
            raise await self._unknown_model(name, response)
        return self._read(ModelAnswer, response).registered_model

    async def alias(self, name: str, alias: str) -> str | None:
        """The version that an alias points at; `None` when the model has no such alias. Raises NotFound.

        MLflow answers 400 for an unknown alias, and for whatever else it doesn't like: the model's own list decides.
        """
        response = await self._get("registered-models/alias", {"name": name, "alias": alias}, accept=(400, 404))
        if response.status == 200:
            return self._read(VersionAnswer, response).model_version.version
        model = await self.model(name)
        return next((one.version for one in model.aliases if one.alias == alias), None)

    async def set_alias(self, name: str, alias: str, version: str) -> None:
        """Point an alias at a version, once. Raises Indeterminate, Refused, Unauthorized, Unreachable.

        The call is not repeated here although the same call twice has the effect of one: between two attempts
        somebody else may have moved the alias, and MLflow would not notice. Whoever repeats it looks first.
        """
        if not _is_version(version):
            raise BadInput(
                f"{version[:40]!a} is no version of a model in MLflow; versions are whole numbers.",
                not_done="Nothing was changed.",
                next_step=f"Its versions are on the page of {_shown(name)} in MLflow.",
            )
        body = {"name": name, "alias": alias, "version": version}
        await self._explained(self._http.write("POST", f"{self._path}/registered-models/alias", body, idempotent=False))

    # ------------------------------------------------------------ versions

    async def versions(self, name: str) -> Sequence[Version]:
        """The versions of a model, newest first, at most 2,000; nothing for an unknown model."""
        found: list[Version] = []
        params: dict[str, str | int] = {
            "filter": f"name={_quoted(name)}", "order_by": "version_number DESC", "max_results": PAGE,
        }  # fmt: skip
        for _ in range(MOST_PAGES):
            page = self._read(VersionsPage, await self._get("model-versions/search", params))
            found += [version for version in page.model_versions if version.name == name]
            if not page.next_page_token:
                break
            params["page_token"] = page.next_page_token
        return sorted(found, key=lambda version: (_number(version.version), version.creation_timestamp), reverse=True)

    async def version(self, name: str, version: str) -> Version:
        """One version, with its aliases. Raises NotFound."""
        if _is_version(version):
            response = await self._get("model-versions/get", {"name": name, "version": version}, accept=(404,))
            if response.status == 200:
                return self._read(VersionAnswer, response).model_version
        model = await self.model(name)
        raise NotFound(
            f"MLflow has no version {_shown(version, 40)} of {model.name}.",
            not_done="Nothing was changed.",
            next_step=f"Its versions are on the page of {model.name} in MLflow.",
        )

    async def metrics(self, version: Version) -> Mapping[str, float]:
        """What was measured on the run and on the logged model (MLflow 3), the latter first."""
        logged = _LOGGED_MODEL.match(version.source)
        run, model = await asyncio.gather(
            self._run_metrics(version.run_id) if version.run_id else _none(),
            self._model_metrics(logged[1]) if logged else _none(),
        )
        return {**run, **model}

    async def _run_metrics(self, run_id: str) -> Mapping[str, float]:
        response = await self._get("runs/get", {"run_id": run_id}, accept=METRICS_OPTIONAL)
        return self._read(RunAnswer, response).run.data.values if response.status == 200 else {}

    async def _model_metrics(self, model_id: str) -> Mapping[str, float]:
        response = await self._get(f"logged-models/{model_id}", accept=METRICS_OPTIONAL)
        return self._read(LoggedModelAnswer, response).model.data.values if response.status == 200 else {}

    async def signature(self, name: str, version: str) -> tuple[bool | None, Signature | None]:
        """Whether the artefact is there, seen by its MLmodel file, and its signature.

        `None`: it could not be looked at (no permission, an artefact store that does not answer).
        """
        params = {"name": name, "version": version, "path": "MLmodel"}
        try:
            response = await self._http.get("/model-versions/get-artifact", params, accept=(404,))
        except IntegrationError:
            return None, None
        if response.status == 404:
            return (False if _code(response) == ABSENT else None), None
        if response.body.lstrip()[:1] == b"<" or len(response.body) > MLMODEL_LIMIT:
            return None, None
        try:
            return True, await asyncio.to_thread(read_mlmodel, response.text, SLUG)
        except Unreadable:
            return False, None

    # ------------------------------------------------------------ the server

    async def about(self) -> tuple[str, int, bool]:
        """The server's version, how many models it has (at most 100 are counted), whether there are more."""
        response = await self._explained(self._http.get("/version", accept=(404,)))
        page = self._read(ModelsPage, await self._get("registered-models/search", {"max_results": 100}))
        text = response.text.strip()
        known = response.status == 200 and len(text) < 40 and text[:1].isdigit()
        return (text if known else ""), len(page.registered_models), bool(page.next_page_token)

    async def webhooks_work(self) -> bool:
        """Whether the server can read its webhooks: with a random encryption key it can't after a restart.

        An account that may not list them sees no difference; nor does a server from before there were webhooks.
        """
        response = await self._get("webhooks", {"max_results": 1}, accept=(403, 404, 500, 501))
        return response.status == 200

    # ------------------------------------------------------------ pieces

    async def _get(
        self, call: str, params: Mapping[str, str | int] | None = None, *, accept: Sequence[int] = ()
    ) -> Response:
        return await self._explained(self._http.get(f"{self._path}/{call}", params, accept=accept))

    async def _explained(self, asked: Awaitable[Response]) -> Response:
        """MLflow's host check refuses names that it was not told about: say what helps."""
        try:
            return await asked
        except Unauthorized as error:
            if "Invalid Host header" not in error.what:
                raise
            raise Unauthorized(
                error.what,
                system=SLUG,
                not_done=error.not_done,
                next_step="Start MLflow with --allowed-hosts that lists the host of integrations.mlflow.url.",
            ) from None

    async def _unknown_model(self, name: str, response: Response) -> NotFound | IntegrationError:
        if _code(response) != ABSENT:
            return Refused(
                "What answers at the address of MLflow does not know MLflow's API (404).",
                system=SLUG,
                not_done="Nothing was read.",
                next_step="Check url and api_path in integrations.mlflow of the configuration.",
            )
        page = self._read(ModelsPage, await self._get("registered-models/search", {"max_results": NAMES_SEARCHED}))
        names = [model.name for model in page.registered_models]
        near = difflib.get_close_matches(name, names, n=3, cutoff=0.5)
        hint = f"Did you mean {' or '.join(near)}?" if near else f"It has: {', '.join(names[:10]) or 'none'}."
        return NotFound(f"MLflow has no model {_shown(name)}.", not_done="Nothing was changed.", next_step=hint)

    def _read(self, kind: type[T], response: Response) -> T:
        return read_value(kind, response.json(), SLUG)


async def _none() -> Mapping[str, float]:
    return {}


def _code(response: Response) -> str:
    """MLflow's own error code; nothing when the answer is somebody else's (a proxy's, a page)."""
    try:
        return read(Fault, response.body, SLUG).error_code
    except Unreadable:
        return ""


def _quoted(name: str) -> str:
    """A name in a search filter. MLflow's filters know no escapes, so one of the two quotes must not occur."""
    quote = '"' if "'" in name else "'"
    if quote in name or not name.isprintable():
        raise BadInput(
            f"MLflow can't search for the model {name[:80]!a}.",
            not_done="Nothing was read or changed.",
            next_step="Rename the model in MLflow: its name mixes both kinds of quotes, or holds control characters.",
        )
    return f"{quote}{name}{quote}"


def _number(version: str) -> int:
    return int(version) if version.isdecimal() and len(version) < 19 else 0


def _is_version(version: str) -> bool:
    """MLflow's databases hold 32-bit numbers; a larger one makes it answer 500, as if something might have happened."""
    return (
        version.isascii() and version.isdecimal() and version[0] != "0" and len(version) < 11 and int(version) < 2**31
    )


def _shown(name: str, limit: int = 200) -> str:
    """A name that somebody gave us, on one line."""
    return name[:limit] if name.isprintable() else ascii(name[:limit])
