"""Prometheus is asked what an alert's rule measures, now and over time; and, without an Alertmanager, what fires."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from urllib.parse import parse_qs, urlencode, urlsplit

from bot.domain.alert import Alert, AlertStatus
from bot.domain.chart import Threshold
from bot.domain.errors import Refused, Unreadable
from bot.kit.http import Http, HttpFactory
from bot.kit.parsing import fingerprint_of, link, read_value
from bot.ports.clock import Clock
from bot.ports.systems import AlertPoll, Health, Metrics, Series
from integrations.prometheus.manifest import Settings
from integrations.prometheus.promql import QUERY_LIMIT, threshold_of, without_comparison
from integrations.prometheus.wire import AlertingRule, Build, Instants, Other, Ranges, RuleAlert, Rules, Scalar

SLUG = "prometheus"
_PAGES = ("/graph", "/query")
"""Where an alert's link leads to; from version 3 on the second one, too."""
_PORTS = {"http": 80, "https": 443}

Place = tuple[str, int | None, str]
"""Host, port and path, by which an address is known."""


class Prometheus(Metrics, Health):
    """One Prometheus, or what has its API."""

    def __init__(self, settings: Settings, http: Http) -> None:
        self._http = http
        self._address = settings.url.rstrip("/")
        self._places = frozenset(_place(address) for address in (settings.url, *settings.external_urls))

    # ------------------------------------------------------------ the query

    def query_of(self, alert: Alert) -> str | None:
        """What the alert's link asks, without its threshold; `None` when the link leads to another server."""
        return without_comparison(self._asked_by(alert)) or None

    def threshold_of(self, alert: Alert) -> Threshold | None:
        """What the alert's link compares with, when that is one number."""
        return threshold_of(self._asked_by(alert))

    def _asked_by(self, alert: Alert) -> str:
        """The rule's expression; nothing when it is another server's, or too long."""
        if not self._made(alert.url):
            return ""
        asked = parse_qs(urlsplit(alert.url).query).get("g0.expr", [""])[0].strip()
        return asked if len(asked) <= QUERY_LIMIT else ""

    def _made(self, link: str) -> bool:
        place = _place(link)
        if place is None:
            return False
        host, port, path = place
        pages = (path.removesuffix(page) for page in _PAGES if path.endswith(page))
        return any((host, port, base) in self._places for base in pages)

    # ------------------------------------------------------------ asking

    async def value(self, query: str) -> float | None:
        """The value now, of the first series by its labels. No series, NaN and infinity are no value.

        Raises Refused when it is no query, or gives something that is no value; IntegrationErrors.
        """
        data = read_value(Instants, await self._http.get_json("/api/v1/query", {"query": query}), SLUG).data
        match data:
            case Scalar(result=(_, value)):
                return value
            case Other(result_type=kind):
                raise Refused(
                    f"The query gives a {kind}, which is no value.", system=SLUG, not_done="Nothing was read.",
                    next_step="Ask for a vector or a scalar.",
                )  # fmt: skip
            case vector:
                samples = [(named(one.metric), one.value[1]) for one in vector.result if one.value is not None]
                return min(samples, key=lambda sample: sample[0])[1] if samples else None

    async def range(self, query: str, *, start: datetime, end: datetime, step: float) -> Sequence[Series]:
        """The series between two moments, by their labels; points without a number are left out."""
        wanted = {
            "query": query, "start": f"{start.timestamp():.3f}", "end": f"{end.timestamp():.3f}", "step": f"{step:.3f}",
        }  # fmt: skip
        data = read_value(Ranges, await self._http.get_json("/api/v1/query_range", wanted), SLUG).data
        series = [
            Series(named(one.metric), tuple((at, value) for at, value in one.values if value is not None), one.metric)
            for one in data.result
        ]
        return tuple(sorted((one for one in series if one.points), key=lambda one: one.name))

    async def probe(self) -> str:
        """That it answers queries, and its release where it tells it (others with its API don't)."""
        if await self.value("vector(1)") != 1:
            raise Unreadable("It does not answer the query vector(1) with 1.", system=SLUG)
        answer = await self._http.get("/api/v1/status/buildinfo", accept=(403, 404))
        if answer.status != 200:
            return "Prometheus' API answers queries; it tells no release"
        return f"Prometheus {read_value(Build, answer.json(), SLUG).data.version[:40]} answers queries"


# ---------------------------------------------------------------- what fires


class PolledPrometheus(Prometheus, AlertPoll):
    """Says what its rules find: for those who have no Alertmanager."""

    def __init__(self, settings: Settings, http: Http, clock: Clock) -> None:
        super().__init__(settings, http)
        self._clock = clock

    async def firing(self) -> Sequence[Alert]:
        """The alerts of all rules that fire; pending ones are left out. Raises IntegrationErrors.

        An answer in part (Thanos, a ruler is away) is Unreadable: what it leaves out would look as if it were over.
        """
        answer = read_value(Rules, await self._http.get_json("/api/v1/rules", {"type": "alert"}), SLUG)
        if answer.warnings:
            raise Unreadable(
                "It answers only in part what fires.", system=SLUG, not_done="Nothing was concluded from it.",
                next_step="See its own log: one of the rulers behind it does not answer.",
            )  # fmt: skip
        rules = (rule for group in answer.data.groups for rule in group.rules)
        return tuple(self._alert(one, rule) for rule in rules for one in rule.alerts if one.state == "firing")

    def _alert(self, one: RuleAlert, rule: AlertingRule) -> Alert:
        return Alert(
            source=SLUG,
            instance=self._address,
            fingerprint=fingerprint_of(one.labels),
            name=one.labels.get("alertname", "") or "unnamed alert",
            status=AlertStatus.FIRING,
            starts_at=one.active_at or self._clock.now(),
            labels=dict(one.labels),
            annotations={"value": one.value, **one.annotations},
            url=link(f"{self._address}/graph?{urlencode({'g0.expr': rule.query, 'g0.tab': '1'})}"),
        )


def named(labels: Mapping[str, str]) -> str:
    """A series as Prometheus writes it: the name, and the labels in their order."""
    inside = ",".join(f'{key}="{_escaped(value)}"' for key, value in sorted(labels.items()) if key != "__name__")
    return f"{labels.get('__name__', '')}{{{inside}}}"


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _place(address: str) -> Place | None:
    """Scheme and case don't matter: a proxy in front may end TLS."""
    try:
        parts = urlsplit(address)
        port = parts.port or _PORTS.get(parts.scheme)
    except ValueError:
        return None
    if not parts.hostname or parts.scheme not in _PORTS:
        return None
    return parts.hostname, port, parts.path.rstrip("/")


def build(settings: Settings, http: HttpFactory, clock: Clock) -> Prometheus:
    """An adapter of this server; with `ask_alerts` it also says what fires."""
    client = http(settings.url, system=SLUG, auth=settings.auth)
    return PolledPrometheus(settings, client, clock) if settings.ask_alerts else Prometheus(settings, client)
