"""MLflow's versions, aliases and webhooks in our words; an alias is read, compared, moved once, and read back."""

import asyncio
import base64
import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from urllib.parse import quote

from bot.domain.alert import Alert
from bot.domain.errors import BotError, Conflict, Forged, Indeterminate
from bot.domain.models import Change, Evidence, ModelVersion, Observation, Signature, VersionStatus
from bot.domain.plan import Call
from bot.kit.http import HttpFactory
from bot.kit.parsing import link, read
from bot.kit.signatures import fresh, hmac_sha256, same
from bot.ports.clock import Clock
from bot.ports.systems import AlertSource, ChangeFeed, Delivery, Health, Registry
from integrations.mlflow.api import SLUG, Api
from integrations.mlflow.manifest import MANIFEST, Settings
from integrations.mlflow.wire import Hook, Version, moment

PROMOTION = "promotion"
"""A version became live. The word is the ledger's."""
ALIAS = "alias"
VERSION = "version"

_STATUS = {
    "READY": VersionStatus.READY,
    "PENDING_REGISTRATION": VersionStatus.PENDING,
    "FAILED_REGISTRATION": VersionStatus.FAILED,
}


class Mlflow(Registry, AlertSource, ChangeFeed, Health):
    """One MLflow server."""

    def __init__(self, settings: Settings, api: Api, clock: Clock) -> None:
        self._settings = settings
        self._api = api
        self._clock = clock
        self._ui = (settings.ui_url or settings.url).rstrip("/")

    # ------------------------------------------------------------ reading

    async def versions(self, model: str) -> Sequence[ModelVersion]:
        registered, versions = await asyncio.gather(self._api.model(model), self._api.versions(model))
        aliases: dict[str, list[str]] = {}
        for one in registered.aliases:
            aliases.setdefault(one.version, []).append(one.alias)
        return tuple(self._version(v, tuple(sorted(aliases.get(v.version, ())))) for v in versions)

    async def version(self, model: str, version: str) -> ModelVersion:
        found = await self._api.version(model, version)
        metrics, (loadable, signature) = await asyncio.gather(
            self._api.metrics(found), self._api.signature(model, version)
        )
        return self._version(found, tuple(sorted(found.aliases)), metrics, signature, loadable)

    async def resolve(self, model: str, alias: str) -> Observation:
        found = await self._api.alias(model, alias)
        return Observation(found, Evidence.REGISTRY, self._clock.now())

    # ------------------------------------------------------------ moving

    def plan_move(self, model: str, alias: str, to: str) -> Call:
        body = json.dumps({"name": model, "alias": alias, "version": to}, ensure_ascii=False)
        return Call(SLUG, "POST", self._api.url("registered-models/alias"), body, MANIFEST.cannot[0])

    async def move(self, model: str, alias: str, to: str, *, expected: Observation) -> Observation:
        before = await self.resolve(model, alias)
        if before.version != expected.version:
            raise Conflict(
                f"Alias {alias} of {model} points at {_named(before.version)} now; "
                f"the plan was made when it was {_named(expected.version)}.",
                not_done="Nothing was changed.",
                next_step="Look at what is live now, and ask for a new plan.",
            )
        await self._api.set_alias(model, alias, to)
        return await self._read_back(model, alias, to)

    async def _read_back(self, model: str, alias: str, to: str) -> Observation:
        """MLflow said yes: whatever goes wrong from here on, it may not be told as if nothing had been sent."""
        try:
            after = await self.resolve(model, alias)
        except BotError as error:
            raise _unconfirmed(f"and it can't be read back: {error.what}") from error
        if after.version != to:
            raise _unconfirmed(f"and right afterwards alias {alias} points at {_named(after.version)}.")
        return after

    # ------------------------------------------------------------ what was changed

    async def changes_since(self, model: str, since: datetime) -> Sequence[Change]:
        """What MLflow remembers: when versions were registered, and promotions that somebody wrote down as tags."""
        found = [change for version in await self._api.versions(model) for change in self._remembered(version)]
        return tuple(sorted((c for c in found if c.at >= since), key=lambda c: (c.at, c.kind), reverse=True))

    def _remembered(self, version: Version) -> Sequence[Change]:
        tags = version.tag_texts
        name, number, url = version.name, version.version, self._url(version)
        run = f" by run {tags['pipeline_run'][:80]}" if tags.get("pipeline_run") else ""
        made = Change(
            name, VERSION, f"version {number} registered{run}", version.created_at, version.user_id, number, url, SLUG
        )
        promoted_at = moment(tags.get("promoted_at", ""))
        if promoted_at is None:
            return (made,)
        by = tags.get("promoted_by", "")[:200]
        text = f"version {number} promoted{f' by {by}' if by else ''}"
        return made, Change(name, PROMOTION, text, promoted_at, by, number, url, SLUG)

    # ------------------------------------------------------------ deliveries

    def verify(self, delivery: Delivery) -> bool:
        """`v1,` and base64 of HMAC-SHA256 over `<delivery id>.<Unix seconds>.<body>`, not older than five minutes."""
        secret = self._settings.webhook_secret
        if secret is None:
            return False
        seconds = delivery.headers.get("x-mlflow-timestamp", "")
        if not fresh(seconds, delivery.received_at):
            raise Forged("A delivery's signed time is missing, or more than five minutes from ours.", system=SLUG)
        number = delivery.headers.get("x-mlflow-delivery-id", "")
        message = f"{number}.{seconds}.".encode("utf-8", "surrogatepass") + delivery.body
        expected = "v1," + base64.b64encode(hmac_sha256(secret, message)).decode()
        if not number or not same(delivery.headers.get("x-mlflow-signature", "").strip(), expected):
            raise Forged("A delivery's signature does not fit webhook_secret.", system=SLUG)
        return True

    def alerts(self, delivery: Delivery) -> Sequence[Alert]:
        """None: MLflow tells of changes. Raises Unreadable for what is no delivery of its."""
        read(Hook, delivery.body, SLUG)
        return ()

    def changes(self, delivery: Delivery) -> Sequence[Change]:
        """What became of an alias or a version. A move is told as `created`, and without the version before."""
        hook = read(Hook, delivery.body, SLUG)
        data, at = hook.data, hook.timestamp or delivery.received_at
        if not data.name:
            return ()
        version, alias = data.version[:80], data.alias[:200]
        url = self._model_url(data.name)
        match (hook.entity, hook.action):
            case ("model_version_alias", "created"):
                live = alias in self._settings.live_aliases
                text = (
                    f"version {version} promoted: alias {alias} points at it" if live else f"alias {alias} → {version}"
                )
                return (Change(data.name, PROMOTION if live else ALIAS, text, at, "", version, url, SLUG),)
            case ("model_version_alias", "deleted"):
                return (Change(data.name, ALIAS, f"alias {alias} removed", at, "", version, url, SLUG),)
            case ("model_version", "created"):
                return (Change(data.name, VERSION, f"version {version} registered", at, "", version, url, SLUG),)
            case _:
                return ()

    # ------------------------------------------------------------ health

    async def probe(self) -> str:
        release, count, more = await self._api.about()
        models = f"{count}{' or more' if more else ''} model{'' if count == 1 and not more else 's'}"
        wanted = self._settings.webhook_secret is not None
        hooks = "; its webhooks can't be listed" if wanted and not await self._api.webhooks_work() else ""
        return f"MLflow{f' {release}' if release else ''}, {models}{hooks}"

    # ------------------------------------------------------------ pieces

    def _version(
        self,
        found: Version,
        aliases: tuple[str, ...],
        metrics: Mapping[str, float] | None = None,
        signature: Signature | None = None,
        loadable: bool | None = None,
    ) -> ModelVersion:
        archived = found.current_stage.lower() == "archived"
        return ModelVersion(
            model=found.name,
            version=found.version,
            status=VersionStatus.ARCHIVED if archived else _STATUS.get(found.status, VersionStatus.FAILED),
            created_at=found.created_at,
            metrics=metrics or {},
            tags=found.tag_texts,
            aliases=aliases,
            signature=signature,
            artifact_loadable=loadable,
            description=found.description,
            url=self._url(found),
        )

    def _url(self, version: Version) -> str:
        return link(f"{self._model_url(version.name)}/versions/{quote(version.version, safe='')}")

    def _model_url(self, model: str) -> str:
        """The page of MLflow's own interface."""
        return link(f"{self._ui}/#/models/{quote(model, safe='', errors='replace')}")


def _named(version: str | None) -> str:
    return "no version" if version is None else f"version {version}"


def _unconfirmed(what: str) -> Indeterminate:
    return Indeterminate(
        f"MLflow took the move of the alias, {what}",
        system=SLUG,
        not_done="Whether the alias points where it should is not known.",
        next_step="Look at the alias in MLflow before anything is repeated.",
    )


def build(settings: Settings, http: HttpFactory, clock: Clock) -> Mlflow:
    """An adapter with a client of its own."""
    secrets = [secret for secret in (settings.webhook_secret,) if secret is not None]
    client = http(settings.url, system=SLUG, auth=settings.auth, secrets=secrets)
    return Mlflow(settings, Api(client, settings.api_path), clock)
