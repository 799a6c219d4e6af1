"""The commands and their options. Exit codes: 0 done, 1 refused or faulty, 2 usage or not built yet."""

import json
import os
import sys
from collections.abc import Iterable, Sized
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from bot.cli import offline, serving
from bot.cli.process import configured, program, run
from bot.cli.terminal import save, show
from bot.config.loader import ConfigFaults
from bot.config.problems import Problem
from bot.usecases.reply import Tone
from bot.usecases.summaries import attached

cli = typer.Typer(
    name="mlops-bot",
    help="The ChatOps incident responder for machine-learning systems.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
timeline = typer.Typer(help="Export a timeline, or prove that one is unaltered.", no_args_is_help=True)
cli.add_typer(timeline, name="timeline")

ConfigOption = Annotated[
    Path | None, typer.Option("--config", help="The configuration file; without one the defaults apply.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="For machines.")]


def _not_built(what: str) -> NoReturn:
    typer.echo(f"{what} is not built yet. Nothing was done.", err=True)
    raise typer.Exit(2)


@cli.command()
def serve(config: ConfigOption = None) -> None:
    """Run the bot."""
    serving.serve(config)


@cli.command()
def demo(
    port: Annotated[int, typer.Option(help="Where the browser page is.", min=0, max=65535)] = 8080,
    auto: Annotated[bool, typer.Option("--auto", help="Play it without a person and check every step.")] = False,
    keep: Annotated[bool, typer.Option("--keep", help="Keep everything running after --auto.")] = False,
) -> None:
    """Play the story with a workspace, a real MLflow and a real serving process on this machine."""
    from bot.demo import play  # noqa: PLC0415 - the demo's parts are of no use to a bot in production

    raise typer.Exit(run(play(port=port, auto=auto, keep=keep)))


@cli.command()
def sandbox(
    port: Annotated[int, typer.Option(help="Where the browser page is.", min=0, max=65535)] = 8080,
    record: Annotated[Path | None, typer.Option(help="Write down everything that happens, for a bug report.")] = None,
    replay: Annotated[Path | None, typer.Option(help="Show a recording step by step; no app can connect.")] = None,
) -> None:
    """Run only the Slack workspace on this machine."""
    given = {"--port": port, "--record": record, "--replay": replay}
    arguments = [part for name, value in given.items() if value is not None for part in (name, str(value))]
    os.execv(sys.executable, [sys.executable, "-m", "sandbox", *arguments])  # noqa: S606 - our own module, no shell


@cli.command()
def check(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Check configuration, RACI table, routing and runbooks; every fault as FILE:LINE, what, and what to do."""
    try:
        loaded = configured(config, secrets=False)
    except ConfigFaults as faults:
        if as_json:
            typer.echo(_as_json(faults.problems, ok=False))
            raise typer.Exit(1) from None
        raise
    if as_json:
        typer.echo(_as_json(loaded.findings, ok=True))
        return
    for finding in loaded.findings:
        typer.echo(str(finding))
    setup = loaded.setup
    where = setup.origin.rpartition(":")[0] or setup.origin
    typer.echo(f"ok: {where}: {_count(setup.models, 'model')}, {_count(setup.runbooks, 'runbook')}")


def _count(things: Sized, word: str) -> str:
    return f"{len(things)} {word}{'' if len(things) == 1 else 's'}"


def _as_json(problems: Iterable[Problem], *, ok: bool) -> str:
    shown = [
        {"file": p.file, "line": p.line, "severity": p.severity.value, "what": p.what, "fix": p.fix} for p in problems
    ]
    return json.dumps({"ok": ok, "problems": shown}, indent=2, ensure_ascii=False)


@cli.command()
def doctor(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Ask Slack and every integration whether they work."""
    reply = run(program.doctor(configured(config)))
    show(reply, as_json=as_json)
    if not reply.ok:
        raise typer.Exit(1)


@cli.command()
def manifest(config: ConfigOption = None) -> None:
    """Print the Slack app manifest for this configuration."""
    typer.echo(program.manifest(configured(config)))


@cli.command(name="do")
def do_command(
    command: Annotated[str, typer.Argument(help='What would follow /mlops in Slack: "ack INC-4".')],
    person: Annotated[str, typer.Option("--as", help="Who is asking: a key of the section people.")],
    config: ConfigOption = None,
    as_json: JsonOption = False,
    output: Annotated[Path | None, typer.Option(help="Where a file in the answer goes.")] = None,
) -> None:
    """Do any /mlops command without Slack: same rights, same timeline."""
    reply = run(program.do(configured(config), command, person))
    show(reply, as_json=as_json, output=output)
    if not reply.ok:
        raise typer.Exit(1)


@timeline.command("export")
def timeline_export(
    incident: Annotated[str, typer.Argument(help="INC-42")],
    fmt: Annotated[str, typer.Option("--format", help="md, html, json or csv")] = "md",
    output: Annotated[Path | None, typer.Option(help="The file; without it, standard output.")] = None,
    config: ConfigOption = None,
) -> None:
    """Write an incident's timeline to a file."""
    if fmt == "pdf":
        _not_built("Export as pdf")
    reply = run(program.export(configured(config), incident, fmt))
    attachment = attached(reply)
    if attachment is None:
        show(reply)
        raise typer.Exit(1)
    save(attachment, output)
    if output is not None:
        typer.echo(f"{output}: {reply.title}")


@timeline.command("verify")
def timeline_verify(
    what: Annotated[str | None, typer.Argument(help="A file that was exported, or INC-42.")] = None,
    every: Annotated[bool, typer.Option("--all", help="Every timeline in the database.")] = False,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Prove that a timeline or an export is unaltered; names the first broken entry."""
    if (what is None) == (not every):
        typer.echo("Give a file, an incident, or --all.", err=True)
        raise typer.Exit(2)
    if what is not None and offline.is_file(what):
        reply = offline.verify_file(Path(what))
    else:
        reply = run(program.verify(configured(config), what))
    show(reply, as_json=as_json)
    if reply.tone is not Tone.DONE:
        raise typer.Exit(1)


@cli.command()
def replay(
    file: Path,
    against: Annotated[Path | None, typer.Option(help="Another configuration to compare with.")] = None,
) -> None:
    """What routing, grouping and paging would have been, as a diff."""
    del file, against
    _not_built("replay")


@cli.command()
def drill(scenario: str) -> None:
    """Run a labelled exercise through the real code paths."""
    del scenario
    _not_built("drill")


@cli.command()
def digest(
    kind: Annotated[str, typer.Argument(help="daily or maturity")],
    print_: Annotated[bool, typer.Option("--print", help="Print it (the default).")] = False,
    post: Annotated[bool, typer.Option("--post", help="Post it to its channel.")] = False,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make a digest now."""
    del print_
    if kind not in {"daily", "maturity"}:
        typer.echo("There are two digests: daily and maturity.", err=True)
        raise typer.Exit(2)
    reply = run(program.digest(configured(config), kind, post=post))
    show(reply, as_json=as_json)
    if not reply.ok:
        raise typer.Exit(1)


@cli.command()
def integrations(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """What is present, configured and capable."""
    reply = program.integrations(configured(config))
    if as_json:
        typer.echo(program.integrations_json(configured(config)))
        return
    show(reply)
