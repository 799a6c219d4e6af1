"""Live checks of the Slack side: `ok`, or what to do."""

from collections.abc import Sequence
from dataclasses import dataclass

from slack_sdk.errors import SlackApiError

from bot.domain.errors import BotError
from bot.ports.clock import SystemClock
from bot.slack.connection import Connection, SlackSettings, api_error
from bot.slack.finder import Finder
from bot.slack.listeners.edge import NETWORK
from bot.slack.manifest import BOT_SCOPES
from bot.usecases.setup import Setup


@dataclass(frozen=True, slots=True)
class Finding:
    """One check. `fix` is empty when it is well."""

    name: str
    ok: bool
    text: str
    fix: str = ""


async def examine(settings: SlackSettings, setup: Setup) -> Sequence[Finding]:
    """Token, every scope, channels, and every person."""
    connection = Connection(settings, SystemClock())
    await connection.open()
    try:
        findings = [await _token(connection)]
        if findings[0].ok:
            findings.append(await _scopes(connection))
            findings += [await _channel(connection, setup, name) for name in _channels(setup)]
            findings += [await _person(connection, person.name, person.slack_id) for person in setup.people.people]
        return findings
    finally:
        await connection.close()


def _channels(setup: Setup) -> Sequence[str]:
    digests = [schedule.channel for schedule in setup.digests.values() if schedule.channel]
    read = [adoption.channel for adoption in setup.adoptions]
    return tuple(dict.fromkeys([setup.channel, *setup.channels.values(), *digests, *read]))


async def _token(connection: Connection) -> Finding:
    try:
        who = await connection.identify()
    except BotError as error:
        return Finding("Slack token", ok=False, text=error.what, fix=error.next_step)
    except NETWORK as error:
        fix = "Check MLOPS_BOT_SLACK__API_URL and the network."
        return Finding("Slack token", ok=False, text=f"Slack does not answer ({type(error).__name__}).", fix=fix)
    return Finding("Slack token", ok=True, text=f"workspace {who.team}, as {who.user_id}")


async def _scopes(connection: Connection) -> Finding:
    answer = await connection.client.auth_test()
    headers = {name.lower(): value for name, value in answer.headers.items()}
    given = {scope.strip() for scope in str(headers.get("x-oauth-scopes", "")).split(",") if scope.strip()}
    if not given:
        return Finding("Slack scopes", ok=True, text="this server does not name them; nothing to compare")
    missing = [scope for scope in BOT_SCOPES if scope not in given]
    if not missing:
        return Finding("Slack scopes", ok=True, text=f"all {len(BOT_SCOPES)}")
    reasons = "; ".join(f"{scope} ({BOT_SCOPES[scope]})" for scope in missing)
    return Finding("Slack scopes", ok=False, text=f"missing: {reasons}",
                   fix="Add them under OAuth & Permissions and reinstall the app.")  # fmt: skip


async def _channel(connection: Connection, setup: Setup, name: str) -> Finding:
    title = f"Channel {name}"
    try:
        found = await Finder(connection, setup).channel(name)
        answer = await connection.client.conversations_info(channel=found)
    except SlackApiError as error:
        fix = f"Create it, and invite the bot: /invite @mlops in {name}"
        return Finding(title, ok=False, text=f"Slack says {api_error(error)}", fix=fix)
    if not (answer.get("channel") or {}).get("is_member"):
        return Finding(title, ok=False, text="the bot is not a member", fix=f"/invite @mlops in {name}")
    return Finding(title, ok=True, text="the bot is a member")


async def _person(connection: Connection, name: str, slack_id: str) -> Finding:
    title = f"Person {name}"
    if not slack_id:
        fix = "Set people → slack to the member id (profile → ⋮ → Copy member ID)."
        return Finding(title, ok=False, text="has no Slack id, so can't be paged", fix=fix)
    try:
        answer = await connection.client.users_info(user=slack_id)
    except SlackApiError as error:
        return Finding(
            title, ok=False, text=f"{slack_id}: Slack says {api_error(error)}", fix="Correct people → slack."
        )
    if (answer.get("user") or {}).get("deleted"):
        return Finding(title, ok=False, text=f"{slack_id} was deactivated", fix="Take them out of the configuration.")
    return Finding(title, ok=True, text=slack_id)
