"""Prometheus and Alertmanager as they really are, watching numbers that a test sets, in a hurry."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import yaml
from prometheus_client import CollectorRegistry, Gauge, start_http_server

from bot.demo.process import Process, environment, listening
from tests.needs import path_of

START_WITHIN = 30.0
SCRAPE = "500ms"
"""Also the time-out of a scrape: what is missed once counts as gone, and its alert as resolved."""
JUDGE = "250ms"
RESEND = "2s"
"""How often Prometheus repeats to Alertmanager that an alert fires. Four times as long after it stops, alerts expire."""


@dataclass(frozen=True, slots=True)
class Rule:
    """An alert of Prometheus. It fires with the first evaluation at which `expr` holds."""

    name: str
    expr: str
    severity: str = "warning"
    summary: str = ""
    threshold: str = ""

    def shown(self) -> dict[str, object]:
        annotations = {"summary": self.summary, "value": "{{ $value }}", "threshold": self.threshold}
        labels = {"severity": self.severity, "environment": "production", "team": "ml-platform"}
        return {"alert": self.name, "expr": self.expr, "labels": labels, "annotations": annotations}


RULES = (
    Rule(
        "ModelFeatureDrift",
        "model_feature_psi > 0.2",
        summary="PSI of feature {{ $labels.feature }} of {{ $labels.model_name }} is {{ $value }} (limit 0.2)",
        threshold="0.2",
    ),
    Rule(
        "ModelErrorRateHigh",
        "model_error_ratio > 0.05",
        severity="critical",
        summary="{{ $labels.model_name }} answers {{ $value | humanizePercentage }} of requests with an error (limit 5 %)",
        threshold="0.05",
    ),
)


@dataclass
class Exporter:
    """Numbers that can be scraped, each by its name and labels."""

    port: int
    registry: CollectorRegistry
    _gauges: dict[str, Gauge] = field(default_factory=dict)

    def set(self, name: str, value: float, **labels: str) -> None:
        """The number from now on. A name has the same labels each time."""
        if name not in self._gauges:
            self._gauges[name] = Gauge(name, f"{name}, as a test says.", sorted(labels), registry=self.registry)
        self._gauges[name].labels(**labels).set(value)

    def forget(self, name: str, **labels: str) -> None:
        """The number is not exported any more, as when its process has ended."""
        self._gauges[name].remove(*(labels[key] for key in sorted(labels)))


@dataclass(frozen=True, slots=True)
class Watching:
    """One of the two programs."""

    url: str
    process: Process


@dataclass(frozen=True, slots=True)
class Monitoring:
    """Everything together: what is set at the exporter reaches the receiver within about a second."""

    exporter: Exporter
    prometheus: Watching
    alertmanager: Watching


@contextmanager
def exporter() -> Iterator[Exporter]:
    """An exporter in this process."""
    registry = CollectorRegistry()
    server, thread = start_http_server(0, addr="127.0.0.1", registry=registry)
    try:
        yield Exporter(server.server_port, registry)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@asynccontextmanager
async def alertmanager(
    folder: Path, receiver: str, *, token: str = "", port: int | None = None, slack: Sequence[Mapping[str, object]] = (),
    templates: Sequence[Path] = (), **route: object,
) -> AsyncIterator[Watching]:  # fmt: skip
    """Delivers to one address; `route` says otherwise than in a hurry (`group_interval="1m"`).

    `slack` are its `slack_configs`, beside that; `templates` are files that they use.
    """
    webhook: dict[str, object] = {"url": receiver, "send_resolved": True}
    if token:
        webhook["http_config"] = {"authorization": {"type": "Bearer", "credentials": token}}
    hurry = {"group_by": ["alertname"], "group_wait": "200ms", "group_interval": "500ms", "repeat_interval": "1h"}
    config = _written(folder / "alertmanager.yml", {
        "route": {"receiver": "mlops-bot", **hurry, **route},
        "receivers": [{"name": "mlops-bot", "webhook_configs": [webhook], "slack_configs": [dict(one) for one in slack]}],
        "templates": [str(path) for path in templates],
    })  # fmt: skip
    program = path_of("alertmanager")

    def command(port: int) -> Sequence[str | Path]:
        data = f"--storage.path={folder / 'alertmanager'}"
        return [program, f"--config.file={config}", data, "--cluster.listen-address=", *_at(port)]

    async with _watching("Alertmanager", command, folder / "alertmanager.log", port) as one:
        yield one


@asynccontextmanager
async def prometheus(
    folder: Path, exporter_port: int, alertmanager_url: str, *, rules: Sequence[Rule] = RULES, port: int | None = None
) -> AsyncIterator[Watching]:
    """Looks at the exporter twice a second, and judges twice as often."""
    _written(folder / "rules.yml", {"groups": [{"name": "models", "rules": [rule.shown() for rule in rules]}]})
    config = _written(folder / "prometheus.yml", {
        "global": {"scrape_interval": SCRAPE, "scrape_timeout": SCRAPE, "evaluation_interval": JUDGE},
        "rule_files": ["rules.yml"],
        "alerting": {"alertmanagers": [_static(alertmanager_url.removeprefix("http://"))]},
        "scrape_configs": [{"job_name": "models", **_static(f"127.0.0.1:{exporter_port}")}],
    })  # fmt: skip
    program = path_of("prometheus")

    def command(port: int) -> Sequence[str | Path]:
        data = (f"--storage.tsdb.path={folder / 'prometheus'}", f"--rules.alert.resend-delay={RESEND}")
        return [program, f"--config.file={config}", *data, *_at(port)]

    async with _watching("Prometheus", command, folder / "prometheus.log", port) as one:
        await _begun(one)
        yield one


async def _begun(one: Watching) -> None:
    """Prometheus looks for its targets, and for Alertmanagers, five seconds after it says that it is ready."""
    async with httpx.AsyncClient(base_url=one.url, trust_env=False) as http, asyncio.timeout(START_WITHIN):
        for path, key in (("query?query=up", "result"), ("alertmanagers", "activeAlertmanagers")):
            while not (await http.get(f"/api/v1/{path}")).json()["data"][key]:  # noqa: ASYNC110
                await asyncio.sleep(0.05)


@asynccontextmanager
async def monitoring(
    folder: Path, receiver: str, *, token: str = "", rules: Sequence[Rule] = RULES
) -> AsyncIterator[Monitoring]:
    """An exporter, a Prometheus that watches it, and an Alertmanager that delivers to `receiver` with the bearer token."""
    async with AsyncExitStack() as stack:
        numbers = stack.enter_context(exporter())
        manager = await stack.enter_async_context(alertmanager(folder, receiver, token=token))
        watcher = await stack.enter_async_context(prometheus(folder, numbers.port, manager.url, rules=rules))
        yield Monitoring(numbers, watcher, manager)


# ---------------------------------------------------------------- pieces


@asynccontextmanager
async def _watching(
    name: str, command: Callable[[int], Sequence[str | Path]], log: Path, port: int | None
) -> AsyncIterator[Watching]:
    async with listening(
        name, command, log=log, env=environment(), ready="/-/ready", within=START_WITHIN, port=port
    ) as (process, at):
        yield Watching(f"http://127.0.0.1:{at}", process)


def _at(port: int) -> tuple[str, ...]:
    return f"--web.listen-address=127.0.0.1:{port}", f"--web.external-url=http://127.0.0.1:{port}"


def _static(target: str) -> Mapping[str, object]:
    return {"static_configs": [{"targets": [target]}]}


def _written(path: Path, config: Mapping[str, object]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(config))
    return path
