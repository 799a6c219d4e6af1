"""The model itself is asked by its binding's probes. Nothing that belongs to the cluster goes along: no token."""

from collections.abc import Mapping, Sequence
from urllib.parse import quote, urlsplit

from bot.domain.errors import BotError, Unreachable
from bot.domain.models import Probe
from bot.kit.http import Http, HttpFactory
from bot.kit.parsing import link
from bot.kit.probing import Answered, ask
from integrations.kserve.manifest import MANIFEST, Settings
from integrations.kserve.versions import Target
from integrations.kserve.wire import InferenceService

CLIENTS = 1000
"""So many addresses keep a client of their own; one that changes all the time must not fill the memory."""


class Answers:
    """Asks models. Each address gets a client of its own."""

    def __init__(self, settings: Settings, http: HttpFactory) -> None:
        self._url = settings.model_url
        self._http = http
        self._clients: dict[str, Http] = {}

    async def ask(self, target: Target, service: InferenceService, probes: Sequence[Probe]) -> Answered:
        """What the model says, or why it says nothing."""
        base = self._base(target, service)
        if not base:
            return Answered(said="the model was not asked: its InferenceService says no address", reached=False)
        try:
            client = self._client(base)
        except BotError as error:
            return Answered(said=f"the model was not asked: {error.what.rstrip('.')}", reached=False)
        return await ask(client, probes, _names(target))

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


def _names(target: Target) -> Mapping[str, str]:
    return {"name": target.name, "namespace": target.namespace}


def _filled(template: str, target: Target) -> str:
    for name, value in _names(target).items():
        template = template.replace(f"{{{name}}}", quote(value))
    return template
