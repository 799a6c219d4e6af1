"""The composition root: the only module that knows everything. It builds, starts and stops; it decides nothing."""

import asyncio
import contextlib
import gc
import json
import logging
import multiprocessing
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal
from urllib.parse import parse_qsl, urlsplit

import uvicorn
from pydantic import BaseModel, SecretStr

from bot import catalog as catalogs
from bot.charts.studio import EXTRA, Studio, can_draw
from bot.config.loader import Loaded
from bot.config.settings import SlackMode
from bot.domain.errors import BadInput, BotError, IntegrationError
from bot.engine.durable import Engine
from bot.engine.replicas import Heartbeat
from bot.jobs import Job, Jobs
from bot.kit import log
from bot.kit.http import HttpClients
from bot.ports import systems as ports
from bot.ports.clock import Clock, SystemClock
from bot.ports.store import Transaction
from bot.slack.connection import SlackSettings
from bot.slack.doctor import examine
from bot.slack.manifest import manifest as slack_manifest
from bot.slack.side import SlackSide
from bot.store import database
from bot.store.migrate import migrate
from bot.store.sqlstore import SqlStore
from bot.usecases import digest as digests
from bot.usecases import hearing, operate, summaries, upstream
from bot.usecases.asking import Asking
from bot.usecases.charting.charter import Charter
from bot.usecases.clockwork import Clockwork
from bot.usecases.desk import Desk, PageLink
from bot.usecases.execute import Executor
from bot.usecases.export import verify_chain
from bot.usecases.grammar import number
from bot.usecases.ingest import Intake
from bot.usecases.live import look_at_models
from bot.usecases.policy import POLICY, PolicyStory
from bot.usecases.pulse import Pulse
from bot.usecases.reconcile import ask_one, reconcile
from bot.usecases.reply import Bullets, Reply, Table, Tone, say
from bot.usecases.systems import Systems
from bot.web import WebParts, build_web, signed_link, signing_key
from bot.web.metrics import WebMetrics
from bot.web.token import kept

INTEGRATIONS = "integrations"
TOKEN_FILE = "mlops-bot.token"  # noqa: S105 - a file's name
TIMERS_EVERY = timedelta(seconds=1)
COLLECT_AFTER = 10_000
"""Objects that are new since the collector looked last: Python's own 700 is a look every few alerts."""

_log = logging.getLogger("bot")


# ---------------------------------------------------------------- integrations


def settings_classes() -> Mapping[str, type[BaseModel]]:
    """The settings class of every integration that is present, for the configuration's checks."""
    return {slug: m.settings for slug, m in catalogs.Catalog.discover(INTEGRATIONS).manifests.items()}


def connect(loaded: Loaded, http: HttpClients, clock: Clock) -> Systems:
    """Build the adapters of everything that is configured, and of what needs no settings."""
    catalog = catalogs.Catalog.discover(INTEGRATIONS)
    built: dict[str, object] = {}
    for slug, manifest in catalog.manifests.items():
        raw = _raw(loaded, slug)
        if raw is None and not manifest.keyless:
            continue
        built[slug] = catalog.build(slug, raw or {}, http, clock)
    return Systems(
        sources=catalogs.having(built, ports.AlertSource),
        polls=catalogs.having(built, ports.AlertPoll),
        messages=catalogs.having(built, ports.MessageSource),
        registries=catalogs.having(built, ports.Registry),
        servings=catalogs.having(built, ports.Serving),
        deployers=catalogs.having(built, ports.Deployer),
        splitters=catalogs.having(built, ports.TrafficSplitter),
        orchestrators=catalogs.having(built, ports.Orchestrator),
        switches=catalogs.having(built, ports.PipelineSwitch),
        metrics=catalogs.having(built, ports.Metrics),
        feeds=catalogs.having(built, ports.ChangeFeed),
        health=catalogs.having(built, ports.Health),
        guarantees={slug: catalog.manifests[slug].guarantees for slug in built},
        cannot={slug: catalog.manifests[slug].cannot for slug in built},
    )


def _say_unreadable(loaded: Loaded, systems: Systems) -> None:
    """Raise BadInput when messages are to be read by an integration that reads none."""
    for adoption in loaded.setup.adoptions:
        if adoption.integration not in systems.messages:
            able = ", ".join(systems.messages) or "none"
            raise BadInput(
                f"slack.adopt: {adoption.integration} reads no messages in channels, or needs settings first.",
                not_done="The bot was not started.", next_step=f"These can: {able}.",
            )  # fmt: skip


def _raw(loaded: Loaded, slug: str) -> Mapping[str, object] | None:
    settings = loaded.integrations.get(slug)
    return None if settings is None else {name: getattr(settings, name) for name in settings.model_fields_set}


# ---------------------------------------------------------------- the parts


@dataclass(frozen=True, slots=True)
class Core:
    """What works without Slack and without HTTP: enough for the command line."""

    loaded: Loaded
    clock: Clock
    store: SqlStore
    engine: Engine
    http: HttpClients
    systems: Systems


@contextlib.asynccontextmanager
async def core(loaded: Loaded, *, serve: bool) -> AsyncIterator[Core]:
    """Open the store, connect the integrations; with `serve` the engine is the caller's to launch and stop."""
    clock = SystemClock()
    url = loaded.settings.database.url
    engine = Engine(url, replica(loaded))
    engine.register(operate.EXECUTE, _nobody)
    engine.register(POLICY, _nobody)
    store = SqlStore(url, clock, engine.start_work)
    http = HttpClients()
    systems = connect(loaded, http, clock)
    _say_unreadable(loaded, systems)
    await store.open()
    try:
        if not serve:
            await engine.attach()
        yield Core(loaded, clock, store, engine, http, systems)
    finally:
        if not serve:
            await engine.detach()
        await store.close()
        await http.aclose()


async def _nobody(number_: int, steps: object) -> None:
    """Stands where the executor will be: the command line only hands work in."""
    raise BotError(f"operation {number_} was started in a process that carries out nothing ({steps!r})")


def replica(loaded: Loaded) -> str:
    """This process's name among those that share the database: the same after a restart, another beside it."""
    return f"{socket.gethostname()}:{loaded.settings.web.port}"


def _desk(parts: Core, token: str, nudge: Any) -> Desk:
    return Desk(
        parts.store, parts.loaded.setup, parts.systems, parts.clock,
        nudge=nudge, doctor=lambda: diagnose(parts), page=page_links(parts.loaded, token, parts.clock),
    )  # fmt: skip


def page_links(loaded: Loaded, token: str, clock: Clock) -> PageLink:
    """Signed links to timeline pages; none where no address is configured that others could open."""
    base, holds = loaded.settings.web.base_url, loaded.settings.export.link_ttl
    if base is None or not token:
        return lambda _: ""
    return lambda number_: signed_link(str(base), signing_key(token), number_, clock.now() + holds)


# ---------------------------------------------------------------- serve


async def serve(loaded: Loaded) -> None:
    """Run until SIGINT or SIGTERM, or until another replica has taken over."""
    log.begin()
    _say_findings(loaded)
    token = web_token(loaded)
    listening = listen(loaded.settings.web.host, loaded.settings.web.port)
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(name, stopping.set)
    await _migrated_apart(loaded.settings.database.url, listening)
    async with core(loaded, serve=True) as parts, running(parts, token, listening) as heartbeat:
        _settle_down()
        lost = asyncio.create_task(heartbeat.lost.wait())
        stop = asyncio.create_task(stopping.wait())
        await asyncio.wait({lost, stop}, return_when=asyncio.FIRST_COMPLETED)
        lost.cancel()
        stop.cancel()
        if heartbeat.lost.is_set():
            _log.critical("another replica has taken over; this one ends without touching anything more")
            os._exit(3)
    _log.info("stopped")


async def _migrated_apart(url: str, listening: socket.socket) -> None:
    """Bring the schema up to date in a process of its own: what migrates once would stay in memory for months.

    Whatever goes wrong there is met again, and said, when the store is opened.
    """
    child = multiprocessing.get_context("fork").Process(target=_migrate, args=(url, listening))
    child.start()
    await asyncio.to_thread(child.join)
    child.close()


def _migrate(url: str, listening: socket.socket) -> None:
    listening.close()  # the port is the bot's own; should it be killed now, the next one needs it
    try:
        migrate(database.parse(url))
    except Exception:  # noqa: BLE001 - see above
        sys.exit(1)


@contextlib.asynccontextmanager
async def running(parts: Core, token: str, listening: socket.socket) -> AsyncIterator[Heartbeat]:
    """Everything of a serving process, started in order and stopped in the reverse one."""
    setup, store, clock = parts.loaded.setup, parts.store, parts.clock
    slack = SlackSide(slack_settings(parts.loaded), store, setup, clock, replica(parts.loaded), systems=parts.systems)
    heartbeat = Heartbeat(store, clock, replica(parts.loaded), parts.engine.continue_work_of)
    executor = Executor(store, setup, parts.systems, clock, heartbeat, slack.nudge)
    charting = _charting(parts, slack)
    charts = charting[1].want if charting else None
    clockwork = Clockwork(store, setup, parts.systems, clock, slack.nudge, charts)
    asking = Asking(
        parts.systems.polls, lambda source: ask_one(source, store, setup, parts.systems, clock, slack.nudge)
    )
    metrics = WebMetrics()
    pulse = Pulse(clock, metrics.loop)
    jobs = Jobs(store, clock, _jobs(parts, clockwork, slack, pulse))
    web = _web(parts, token, slack, asking, metrics)
    async with contextlib.AsyncExitStack() as stack:
        await heartbeat.start()
        stack.push_async_callback(heartbeat.stop)
        parts.engine.register(operate.EXECUTE, executor.story)
        policies = PolicyStory(store, setup, parts.systems, clock, slack.nudge)
        parts.engine.register(POLICY, policies.story)
        await parts.engine.launch()
        stack.push_async_callback(parts.engine.stop)
        stack.push_async_callback(asking.stop)
        server = await _start_web(web, listening)
        stack.push_async_callback(_stop_web, server)
        await slack.start(_desk(parts, token, slack.nudge))
        stack.push_async_callback(slack.stop)
        if charting:
            studio, charter = charting
            stack.push_async_callback(studio.close)
            await charter.start()
            stack.push_async_callback(charter.stop)
        await jobs.start()
        stack.push_async_callback(jobs.stop)
        host, port = listening.getsockname()[:2]
        _log.info("serving on http://%s:%s (%s)", host, port, setup.origin)
        yield heartbeat


def _charting(parts: Core, slack: SlackSide) -> tuple[Studio, Charter] | None:
    """Who draws and shows charts, where they are wanted and can be drawn; that they can't is said once."""
    if not parts.loaded.setup.charts:
        return None
    if not can_draw():
        _log.info("charts are off: %s, or set slack.charts to false", EXTRA)
        return None
    studio = Studio()
    setup, name = parts.loaded.setup, replica(parts.loaded)
    return studio, Charter(parts.store, setup, parts.systems, parts.clock, studio, slack.gallery, name)


def _settle_down() -> None:
    """What the program is made of is never garbage: from now on the collector looks at what came later only.

    A full look at a million objects takes a fifth of a second, in which nobody is answered. Nearly all that alerts
    leave behind is freed without it, so it looks more rarely than by default, which takes a tenth of a storm's time.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(COLLECT_AFTER, 10, 10)


def _jobs(parts: Core, clockwork: Clockwork, slack: SlackSide, pulse: Pulse) -> list[Job]:
    setup, store, systems, clock = parts.loaded.setup, parts.store, parts.systems, parts.clock

    async def look() -> None:
        await look_at_models(store, setup, systems, clock, slack.nudge)

    async def ask() -> None:
        results = await reconcile(store, setup, systems, clock, slack.nudge)
        await hearing.answers(store, results)
        for result in results:
            if result.fault:
                _log.warning("%s could not be asked what fires: %s", result.source, result.fault)

    async def due() -> None:
        await clockwork.timers()

    async def listen() -> None:
        await hearing.judge(store, setup, systems.polls, slack.nudge)
        await upstream.settle(store, setup, slack.nudge)

    every = setup.policies.reconcile_every
    often = [("timers", TIMERS_EVERY, due), ("look", setup.policies.look_every, look), ("hear", every, listen)]
    if systems.polls:
        often.append(("reconcile", every, ask))
    jobs = [Job.every(name, interval, pulse.felt(name, work)) for name, interval, work in often]
    jobs += _pings(parts, pulse)
    makers = {"daily": clockwork.daily_digest, "maturity": clockwork.maturity_digest}
    for kind, schedule in setup.digests.items():
        if schedule.enabled and kind in makers:
            jobs.append(Job.cron(f"digest:{kind}", schedule.cron, schedule.zone, makers[kind], catch_up=True))
    return jobs


def _pings(parts: Core, pulse: Pulse) -> list[Job]:
    """The job that tells a dead man's switch that the bot lives, where one is configured."""
    web = parts.loaded.settings.web
    if web.ping_url is None:
        return []
    try:
        url = urlsplit(web.ping_url.get_secret_value().strip())
        usable = url.scheme in {"http", "https"} and bool(url.hostname) and not url.username
    except ValueError:
        usable = False
    if not usable:
        raise BadInput(
            "web.ping_url is no address of the form https://HOST/PATH.", not_done="The bot was not started.",
            next_step="Correct MLOPS_BOT_WEB__PING_URL, or the file that web.ping_url_file names.",
        )  # fmt: skip
    told = [SecretStr(part) for part in (url.path.strip("/"), url.query) if part]
    http = parts.http(f"{url.scheme}://{url.netloc}", system="dead man's switch", secrets=told)

    async def ping() -> None:
        await http.get(url.path or "/", dict(parse_qsl(url.query)))

    return [Job.every("ping", web.ping_every, lambda: pulse.ping("timers", ping))]


def _web(parts: Core, token: str, slack: SlackSide, asking: Asking, metrics: WebMetrics) -> Any:
    setup = parts.loaded.setup
    web = parts.loaded.settings.web
    return build_web(
        WebParts(
            intake=Intake(parts.store, setup, slack.nudge),
            store=parts.store,
            setup=setup,
            systems=parts.systems,
            clock=parts.clock,
            token=token,
            readiness={"slack": slack.fault},
            slack_events=slack.http_handler,
            base_url=str(web.base_url or f"http://{web.host}:{web.port}"),
            signing_key=signing_key(token),
            cut_short=asking.now,
            heard=hearing.Ear(parts.store, setup).heard,
            metrics=metrics,
        )
    )


class _Server(uvicorn.Server):
    """Uvicorn without its own signal handling: the process has one already."""

    @contextlib.contextmanager
    def capture_signals(self) -> Any:
        yield


async def _start_web(app: Any, listening: socket.socket) -> tuple[_Server, asyncio.Task[None]]:
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        lifespan="off",
        ws="none",  # there is none here, and what speaks it would be loaded
        timeout_graceful_shutdown=3,
        server_header=False,
        proxy_headers=False,
    )
    server = _Server(config)
    task = asyncio.create_task(server.serve(sockets=[listening]), name="web")
    while not server.started and not task.done():  # noqa: ASYNC110 - uvicorn offers nothing to wait for
        await asyncio.sleep(0.01)
    if task.done():
        task.result()
    return server, task


async def _stop_web(running_: tuple[_Server, asyncio.Task[None]]) -> None:
    server, task = running_
    server.should_exit = True
    await task


def listen(host: str, port: int) -> socket.socket:
    """Take the port before anything else is started. Raises BadInput when somebody has it."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # With the protocol named, asyncio switches Nagle off: an answer of two packets would wait 40 ms for the first one.
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
        listening.listen(1024)
    except OSError as error:
        listening.close()
        raise BadInput(
            f"Port {port} on {host} can't be used: {error.strerror}.",
            not_done="The bot was not started.",
            next_step="Set another one with MLOPS_BOT_WEB__PORT, or stop the program that has it.",
        ) from error
    listening.setblocking(False)
    return listening


def web_token(loaded: Loaded) -> str:
    """The configured bearer token; on loopback one is made at first start, and it is said where it is."""
    given: SecretStr | None = loaded.settings.web.token
    if given is not None:
        return given.get_secret_value()
    return kept(Path(TOKEN_FILE))


def slack_settings(loaded: Loaded) -> SlackSettings:
    """What the Slack side needs. Raises BadInput that names what is missing."""
    slack = loaded.settings.slack
    missing = slack.missing()
    if missing:
        raise BadInput(
            f"Slack can't be connected: {' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} not set.",
            not_done="The bot was not started.",
            next_step="Set them (docs/slack-setup.md), or try it without an account: make demo",
        )
    return SlackSettings(
        bot_token=_reveal(slack.bot_token),
        app_token=_reveal(slack.app_token),
        signing_secret=_reveal(slack.signing_secret),
        api_url=str(slack.api_url),
        mode="http" if slack.mode is SlackMode.HTTP else "socket",
    )


def _reveal(secret: SecretStr | None) -> str:
    return secret.get_secret_value() if secret is not None else ""


def _say_findings(loaded: Loaded) -> None:
    for finding in loaded.findings:
        _log.warning("%s", finding)


# ---------------------------------------------------------------- one-off commands


async def do(loaded: Loaded, command: str, person: str) -> Reply:
    """Any /mlops command without Slack."""
    by = loaded.setup.people.find(person)
    if by is None:
        known = ", ".join(loaded.setup.people.ids) or "nobody"
        raise BadInput(
            f"There is no person “{person[:60]}”.", not_done="Nothing was done.", next_step=f"There are: {known}."
        )
    async with core(loaded, serve=False) as parts:
        return await _desk(parts, _reveal(loaded.settings.web.token), lambda: None).command(command, by)


async def export(loaded: Loaded, incident: str, fmt: str) -> Reply:
    """A timeline as a file."""
    ref = _incident(incident)
    async with core(loaded, serve=False) as parts:
        by = loaded.setup.person("command line")
        return await summaries.export(parts.store, loaded.setup, parts.clock, ref, fmt, by)


async def verify(loaded: Loaded, what: str | None) -> Reply:
    """Whether one timeline, or all, are intact; the first broken entry is named."""
    wanted = None if what is None else _incident(what)

    def look(tx: Transaction) -> Reply:
        numbers = [head.incident for head in tx.timeline.heads()] if wanted is None else [wanted]
        for ref in numbers:
            found = verify_chain(tx.timeline.of(ref))
            if not found.intact:
                return say(f"BROKEN: INC-{ref}: {found.what}", tone=Tone.REFUSED)
        if wanted is not None and not tx.timeline.of(wanted):
            return say(f"There is no INC-{wanted}.", tone=Tone.REFUSED)
        count = sum(len(tx.timeline.of(ref)) for ref in numbers)
        return say(f"intact: {len(numbers)} timelines, {count} entries", tone=Tone.DONE)

    async with core(loaded, serve=False) as parts:
        return await parts.store.read(look)


def _incident(word: str) -> int:
    ref = number(word, "INC")
    if ref is None:
        raise BadInput(f"“{word[:40]}” is no incident.", not_done="Nothing was done.", next_step="They read INC-42.")
    return ref


async def digest(loaded: Loaded, kind: str, *, post: bool) -> Reply:
    """A digest, made now; with `post` also wanted in its channel."""
    async with core(loaded, serve=False) as parts:
        reply = await summaries.digest(parts.store, loaded.setup, parts.systems, parts.clock, kind)
        if post:
            await parts.store.write(lambda tx: digests.post(tx, loaded.setup, kind, reply, tx.now))
        return reply


async def doctor(loaded: Loaded) -> Reply:
    """Live checks of Slack and every integration."""
    async with core(loaded, serve=False) as parts:
        return await diagnose(parts)


async def diagnose(parts: Core) -> Reply:
    """The doctor's report."""
    lines: list[tuple[bool, str]] = []
    try:
        settings = slack_settings(parts.loaded)
    except BadInput as error:
        lines.append((False, f"Slack: {error.what} {error.next_step}"))
    else:
        findings = await examine(settings, parts.loaded.setup)
        lines.extend((found.ok, f"{found.name}: {found.text} {found.fix}".strip()) for found in findings)
    if parts.loaded.setup.charts:
        lines.append((True, f"charts: {'can be drawn' if can_draw() else f'off; {EXTRA}'}"))
    for slug, adapter in parts.systems.health.items():
        try:
            lines.append((True, f"{slug}: {await adapter.probe()}"))
        except IntegrationError as error:
            lines.append((False, f"{slug}: {error}"))
    sick = [text for ok, text in lines if not ok]
    title = f"{len(sick)} of {len(lines)} checks need attention" if sick else f"all {len(lines)} checks are ok"
    items = tuple(f"{'ok' if ok else 'NOT OK'}  {text}" for ok, text in lines)
    return Reply(title, Tone.FAULT if sick else Tone.DONE, (Bullets(items),))


def manifest(loaded: Loaded) -> str:
    """The Slack app manifest for this configuration."""
    web = loaded.settings.web
    if loaded.settings.slack.mode is SlackMode.HTTP and web.base_url is None:
        raise BadInput(
            "In http mode Slack posts to the bot, and where it can reach it is not configured.",
            not_done="No manifest was made.", next_step="Set web.base_url (MLOPS_BOT_WEB__BASE_URL).",
        )  # fmt: skip
    mode: Literal["http", "socket"] = "http" if loaded.settings.slack.mode is SlackMode.HTTP else "socket"
    adopts = bool(loaded.setup.adoptions)
    return slack_manifest(mode=mode, base_url=str(web.base_url or f"http://{web.host}:{web.port}"), adopts=adopts)


def _rows(loaded: Loaded) -> list[catalogs.Row]:
    catalog = catalogs.Catalog.discover(INTEGRATIONS)
    configured = {slug: raw for slug in catalog.manifests if (raw := _raw(loaded, slug)) is not None}
    return catalog.rows(configured, HttpClients(), SystemClock())


def integrations(loaded: Loaded) -> Reply:
    """What is present, configured and capable."""
    rows = tuple(
        (
            row.manifest.slug,
            row.manifest.name,
            row.fault or _configured(row, loaded),
            ", ".join(c.value for c in row.capable)
            or f"({', '.join(sorted(c.value for c in row.manifest.capabilities))})",
            row.manifest.level.value,
        )
        for row in _rows(loaded)
    )
    return Reply("Integrations", parts=(Table(("Slug", "System", "Configured", "Can do", "Level"), rows),))


def _configured(row: catalogs.Row, loaded: Loaded) -> str:
    if row.manifest.slug in loaded.integrations:
        return "yes"
    return "needs no settings" if row.configured else "no"


def integrations_json(loaded: Loaded) -> str:
    """The same for machines."""
    return json.dumps(
        [
            {
                "slug": row.manifest.slug,
                "name": row.manifest.name,
                "configured": row.configured,
                "capabilities": sorted(c.value for c in row.manifest.capabilities),
                "capable": sorted(c.value for c in row.capable),
                "level": row.manifest.level.value,
                "fault": row.fault,
            }
            for row in _rows(loaded)
        ],
        indent=2,
    )
