"""The model itself is asked which version it is. Nothing that belongs to the cluster goes along: no token."""

from dataclasses import dataclass
from urllib.parse import quote, urlsplit

from bot.domain.errors import BotError, Unreachable
from bot.kit.http import Http, HttpFactory
from bot.kit.parsing import link, read_value
from integrations.kserve.manifest import MANIFEST, Settings
from integrations.kserve.versions import Target, plain
from integrations.kserve.wire import Answer, InferenceService

ANY_STATUS = range(200, 600)
CLIENTS = 1000
"""So many addresses keep a client of their own; one that changes all the time must not fill the memory."""


@dataclass(frozen=True, slots=True)
class Said:
    """What the model said, or why it said nothing. `healthy`: `None` when that is no sign either way."""

    version: str | None
    said: str
    healthy: bool | None = None


class Answers:
    """Asks models. Each address gets a client of its own."""

    def __init__(self, settings: Settings, http: HttpFactory) -> None:
        self._path = settings.answer_path
        self._url = settings.answer_url
        self._http = http
        self._clients: dict[str, Http] = {}

    async def ask(self, target: Target, service: InferenceService) -> Said | None:
        """What the model says; `None` when it is not to be asked."""
        if not self._path:
            return None
        base = self._base(target, service)
        if not base:
            return Said(None, "the model was not asked: its InferenceService says no address")
        try:
            response = await self._client(base).get(_filled(self._path, target), accept=ANY_STATUS)
            if response.status != 200:
                return Said(None, f"the model answers with {response.status}", healthy=False)
            answer = read_value(Answer, response.json(), MANIFEST.slug)
        except Unreachable as error:
            return Said(None, f"the model can't be asked: {_plain(error)}")
        except BotError as error:
            return Said(None, f"the model's answer can't be used: {_plain(error)}")
        versions = [version for version in map(plain, answer.versions) if version]
        match versions:
            case []:
                return Said(None, "the model's answer names no version")
            case [version]:
                return Said(version, f"the model answers as version {version}")
            case _:
                return Said(None, f"the model answers as versions {', '.join(versions[:5])}")

    def _base(self, target: Target, service: InferenceService) -> str:
        """Where it answers: as configured, else as the cluster says, inside before outside."""
        if self._url:
            return _filled(self._url, target).rstrip("/")
        inside = service.status.address.url if service.status.address is not None else ""
        parts = urlsplit(link(inside) or link(service.status.url))
        return f"{parts.scheme}://{parts.netloc}" if parts.netloc and "@" not in parts.netloc else ""

    def _client(self, base: str) -> Http:
        if base not in self._clients:
            if len(self._clients) >= CLIENTS:
                raise Unreachable("Too many addresses of models.", system=MANIFEST.slug)
            self._clients[base] = self._http(base, system=MANIFEST.slug)
        return self._clients[base]


def _filled(template: str, target: Target) -> str:
    return template.replace("{name}", quote(target.name)).replace("{namespace}", quote(target.namespace))


def _plain(error: BotError) -> str:
    return error.what.rstrip(".")
