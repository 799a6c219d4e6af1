"""The REST APIs of Opsgenie (v2) and of Operations in Jira Service Management: which alerts are open, and details."""

from collections.abc import Mapping, Sequence

from pydantic import SecretStr

from bot.domain.errors import Unreadable
from bot.kit.http import Http, HttpFactory, Params, segment
from bot.kit.httpauth import basic, headers
from bot.kit.parsing import read_value
from integrations.opsgenie.alerts import SLUG
from integrations.opsgenie.manifest import Settings
from integrations.opsgenie.wire import Detail, Listed, One, Page

PAGE = 100
REACH = 20_000
"""Opsgenie lists no further than this."""


class Api:
    """What is asked; which of the two answers is a matter of settings."""

    def __init__(self, http: Http, cloud_id: str) -> None:
        self._http = http
        self._moved = bool(cloud_id)
        self._path = f"/jsm/ops/api/{segment(cloud_id)}/v1/alerts" if cloud_id else "/v2/alerts"

    async def open(self, query: str) -> Sequence[Listed]:
        """All open alerts that fit, the oldest first: what comes meanwhile comes at the end. IntegrationErrors."""
        # In Operations an acknowledged alert has a status of its own; in Opsgenie it stays open.
        alive = "(status: open OR status: acked)" if self._moved else "status: open"
        wanted = f"{alive} AND ({query})" if query else alive
        size = "size" if self._moved else "limit"
        found: dict[str, Listed] = {}
        for offset in range(0, REACH, PAGE):
            asked: Params = {"query": wanted, "offset": offset, size: PAGE, "sort": "createdAt", "order": "asc"}
            page = read_value(Page, await self._http.get_json(self._path, asked), SLUG)
            alerts = page.values if self._moved else page.data
            if alerts is None:
                raise Unreadable(
                    "The list of alerts holds none.", system=SLUG, not_done="Nothing was concluded from it."
                )
            found |= {alert.id: alert for alert in alerts if alert.status != "closed"}
            if len(alerts) < PAGE:
                return tuple(found.values())
        raise Unreadable(
            f"More than {REACH} alerts are open.", system=SLUG, not_done="Nothing was concluded from a part of them.",
            next_step="Close what is over.",
        )  # fmt: skip

    async def detail(self, alert: str) -> Detail:
        """What the list leaves out. IntegrationErrors."""
        answer = await self._http.get_json(f"{self._path}/{segment(alert)}")
        return read_value(Detail, answer, SLUG) if self._moved else read_value(One, answer, SLUG).data


def connect(settings: Settings, http: HttpFactory) -> Api | None:
    """The API that these settings can ask; none without a credential."""
    if settings.api_token is not None:
        url = "https://api.atlassian.com" if settings.url == Settings.model_fields["url"].default else settings.url
        return Api(http(url, system=SLUG, auth=basic(settings.user, settings.api_token)), settings.cloud_id)
    if settings.api_key is not None:
        key: Mapping[str, SecretStr] = {"authorization": SecretStr(f"GenieKey {settings.api_key.get_secret_value()}")}
        return Api(http(settings.url, system=SLUG, auth=headers(key)), "")
    return None
