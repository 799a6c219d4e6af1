"""A BentoML service is asked which version it serves, whether it is ready, and whatever else its binding asks."""

from collections.abc import Sequence
from dataclasses import dataclass

from bot.domain.errors import BadInput
from bot.domain.models import Evidence, Observation, Probe
from bot.kit.http import Http, HttpFactory
from bot.kit.parsing import read_value
from bot.kit.probing import ask
from bot.ports.clock import Clock
from bot.ports.systems import Health, Serving
from integrations.bentoml.manifest import Settings
from integrations.bentoml.wire import Docs, plain, versions_in

SLUG = "bentoml"
NOT_YET = 503
"""What `/readyz` says, and a proxy, while the service is being started or stopped."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Which version answered, and where it said so; no version and a reason when it didn't."""

    version: str | None
    said: str
    in_progress: bool = False


class Bentoml(Serving, Health):
    """Services that are named in the settings, or by their address. Each gets a client of its own."""

    def __init__(self, settings: Settings, http: HttpFactory, clock: Clock) -> None:
        self._settings = settings
        self._http = http
        self._clock = clock
        self._clients: dict[str, Http] = {}

    async def observe(self, name: str, *, probes: Sequence[Probe] = ()) -> Observation:
        """Ask the process itself.

        A service that can't be reached is Unreachable: it may be down, or between two versions. One that answers and
        isn't ready, or names two versions, is `in_progress`. Where a probe says the version, nothing else is asked
        for it.
        """
        client = self._client(name)
        ready = await client.get("/readyz", accept=(NOT_YET, 404))
        named = any(probe.version for probe in probes)
        identity = Identity(None, "") if named else await self._identity(client)
        if ready.status == NOT_YET or identity.in_progress:
            why = _not_ready(client.words(ready)) if ready.status == NOT_YET else identity.said
            return self._observed(identity.version, f"({why})", healthy=False, in_progress=True)
        answered = await ask(client, probes)
        if named:
            identity = Identity(answered.version, "", in_progress=len(answered.versions) > 1)
        detail = "; ".join(filter(None, (identity.said, answered.said)))
        healthy = answered.reached and not answered.ill and not identity.in_progress
        return self._observed(identity.version, f"({detail})", healthy=healthy, in_progress=identity.in_progress)

    async def probe(self) -> str:
        """Every named service is asked."""
        if not self._settings.targets:
            return "BentoML: no services are named in the settings; targets are addresses"
        said: list[str] = []
        for name in self._settings.targets:
            seen = await self.observe(name)
            said.append(f"{name} answers with version {seen.version}" if seen.version else f"{name} names no version")
        return f"BentoML: {'; '.join(said)}"

    # ------------------------------------------------------------ asking

    async def _identity(self, client: Http) -> Identity:
        """`/docs.json` names the running bento's version; where it is closed, the labels of `/metrics` do."""
        docs = await client.get("/docs.json", accept=(NOT_YET, 404, 403))
        if docs.status == NOT_YET:
            return Identity(None, _not_ready(""), in_progress=True)
        if docs.status == 200:
            info = read_value(Docs, docs.json(), SLUG).info
            version = plain(info.version)
            if version is not None:
                return Identity(version, f"/docs.json of {info.title[:80] or 'the service'}")
        return await self._by_metrics(client)

    async def _by_metrics(self, client: Http) -> Identity:
        metrics = await client.get("/metrics", accept=(NOT_YET, 404, 403))
        found = versions_in(metrics.text) if metrics.status == 200 else ()
        match found:
            case ():
                return Identity(None, "it names no version in /docs.json or /metrics")
            case (version,):
                return Identity(version, "service_version in /metrics")
            case _:
                return Identity(None, f"/metrics names versions {', '.join(found[:5])}", in_progress=True)

    # ------------------------------------------------------------ pieces

    def _client(self, name: str) -> Http:
        if name not in self._clients:
            base = self._settings.targets.get(name, name)
            if not base.startswith(("http://", "https://")):
                raise BadInput(
                    f"{name[:80]!r} is no address and no name of a BentoML service.",
                    not_done="Nothing was asked.",
                    next_step=f"Add it to integrations.bentoml.targets; there {_there(self._settings)}.",
                )
            self._clients[name] = self._http(base, system=SLUG, auth=self._settings.auth)
        return self._clients[name]

    def _observed(self, version: str | None, detail: str, *, healthy: bool, in_progress: bool = False) -> Observation:
        return Observation(
            version, Evidence.ANSWER, self._clock.now(), healthy=healthy, in_progress=in_progress, detail=detail
        )


def _not_ready(said: str) -> str:
    """With the service's own words: a readiness check that fails may never pass."""
    return f"it is not ready yet{f': {said}' if said else ''}"


def _there(settings: Settings) -> str:
    return f"are {', '.join(settings.targets)}" if settings.targets else "are none"


def build(settings: Settings, http: HttpFactory, clock: Clock) -> Bentoml:
    """An adapter that makes a client for each target when it is first asked."""
    return Bentoml(settings, http, clock)
