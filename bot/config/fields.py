"""How single values of the configuration are read: durations, letters, phases, channels, patterns, names."""

import difflib
import json
import re
import zoneinfo
from collections.abc import Iterable, Mapping
from datetime import timedelta
from enum import StrEnum
from functools import cache
from typing import Annotated, Any, TypeVar

from pydantic import BeforeValidator

from bot.config.cron import normalise
from bot.config.problems import Unfit
from bot.domain.routing import Cell, Letter, Phase, Role

E = TypeVar("E", bound=StrEnum)

PATTERN_LIMIT = 1_000
BODY_LIMIT = 4_000
_UNITS: Mapping[str, int] = {"s": 1, "sec": 1, "m": 60, "min": 60, "h": 3600, "d": 86400, "w": 604800}


def near(word: str, known: Iterable[str]) -> str:
    """“did you mean …?” for a misspelt word, or what there is when nothing is near."""
    names = list(known)
    plain = word.casefold()
    found = difflib.get_close_matches(plain, names, n=1, cutoff=0.6)
    found = found or [name for name in names if len(plain) > 2 and name.casefold().startswith(plain)]
    if found:
        return f"did you mean “{found[0]}”?"
    shown = ", ".join(names[:12])
    return f"there {'is' if len(names) == 1 else 'are'}: {shown}{', …' if len(names) > 12 else ''}" if names else ""


def phase_named(text: Any) -> Phase:
    """A phase by its title, the playbook's longer title, or its short name (`deployment`)."""
    if isinstance(text, Phase):
        return text
    plain = re.sub(r"\s*\(.*\)$", "", " ".join(str(text).split())).casefold()
    for phase in Phase:
        if plain in {phase.value.casefold(), phase.name.casefold()}:
            return phase
    titles = {name.casefold(): phase.value for phase in Phase for name in (phase.value, phase.name)}
    hit = difflib.get_close_matches(plain, titles, n=1, cutoff=0.6)
    fix = f"did you mean “{titles[hit[0]]}”?" if hit else f"the phases are: {', '.join(p.value for p in Phase)}"
    raise Unfit(f"“{str(text)[:60]}” is not a phase", fix)


def role_named(text: Any) -> Role:
    """A role by its key (`ml_engineer`) or its title (`ML engineer`)."""
    if isinstance(text, Role):
        return text
    plain = " ".join(str(text).split()).casefold()
    for role in Role:
        if plain in {role.value, role.value.replace("_", " "), role.value.replace("_", "-"), role.label.casefold()}:
            return role
    raise Unfit(f"“{str(text)[:60]}” is not a role", near(plain, (role.value for role in Role)))


def cell(text: Any) -> Cell:
    """The letters of a cell: `R`, `AR`, `R/A`, `R, A`; `-` or nothing for none."""
    if isinstance(text, frozenset):
        return text
    plain = re.sub(r"[\s,/&+]", "", "" if text is None else str(text)).upper()
    if plain in {"", "-", "–"}:
        return frozenset()
    known = {letter.value: letter for letter in Letter}
    odd = [sign for sign in plain if sign not in known]
    if odd:
        raise Unfit(f"“{str(text)[:20]}” is not made of the letters R A C I", "write e.g. R, A, C, I or AR")
    if len(set(plain)) != len(plain):
        raise Unfit(f"“{str(text)[:20]}” has a letter twice", "write each letter once")
    return frozenset(known[sign] for sign in plain)


def duration(value: Any) -> Any:
    """`90s`, `10m`, `1h30m`, `2 d`: a length of time with its unit. Anything else is left to the type."""
    if not isinstance(value, str):
        return value
    plain = value.strip().lower()
    parts = re.findall(r"(\d+(?:\.\d+)?)\s*([a-z]+)", plain)
    rest = re.sub(r"(\d+(?:\.\d+)?)\s*([a-z]+)", "", plain).strip()
    if not parts or rest or any(unit not in _UNITS for _, unit in parts):
        raise Unfit(f"“{value[:40]}” is not a length of time", "write a number and a unit, e.g. 90s, 10m, 1h30m, 2d")
    seconds = sum(float(number) * _UNITS[unit] for number, unit in parts)
    if not 0 < seconds <= 366 * 86400:
        raise Unfit(f"“{value[:40]}” is out of range", "write something between 1s and 366d")
    return timedelta(seconds=seconds)


def channel(value: Any) -> Any:
    """`#name` in Slack's own rules (lower case, no spaces, at most 80 characters), or a channel's id."""
    if not isinstance(value, str) or re.fullmatch(
        r"#[^\s#@.,:;!?'\"`<>&()\[\]{}/\\|A-Z]{1,80}|[CG][A-Z0-9]{2,20}", value
    ):
        return value
    fix = "write #name in lower case without spaces, at most 80 characters, or the channel's id (C…)"
    if value.strip() in {"", "#"}:
        fix += '; quote it ("#name"), a bare # begins a comment'
    raise Unfit(f"“{value[:60]}” is not a channel's name", fix)


def pattern(value: Any) -> Any:
    """A regular expression (Python's), searched ignoring case. It must compile and must not match everything."""
    if not isinstance(value, str) or not value:
        return value
    if len(value) > PATTERN_LIMIT:
        raise Unfit(f"the pattern has {len(value)} characters, at most {PATTERN_LIMIT} are taken", "split the rule")
    try:
        compiled = re.compile(value, re.IGNORECASE)
    except (re.error, RecursionError, OverflowError) as error:
        raise Unfit(f"the pattern “{value[:60]}” is not a regular expression: {error}", "mend it") from error
    if compiled.search("") is not None:
        raise Unfit(f"the pattern “{value[:60]}” matches an empty text, so it matches everything", "ask for some text")
    return value


def patterns(value: Any) -> Any:
    """One pattern, or a list of which any may fit, as one pattern."""
    if isinstance(value, list) and value and all(isinstance(item, str) and item for item in value):
        for item in value:
            pattern(item)
        return value[0] if len(value) == 1 else "|".join(f"(?:{item})" for item in value)
    return pattern(value)


def zone(value: Any) -> Any:
    """A time zone of the IANA database, as `Europe/Berlin`."""
    if not isinstance(value, str) or value in _zones():
        return value
    names = {name.casefold(): name for name in _zones()}
    last = {name.rsplit("/", 1)[-1].casefold(): name for name in sorted(_zones())}
    hit = difflib.get_close_matches(value.casefold(), names, n=1, cutoff=0.7)
    nearest = names[hit[0]] if hit else last.get(value.casefold().replace(" ", "_"), "")
    raise Unfit(
        f"“{value[:60]}” is not a time zone",
        f"did you mean {nearest}?" if nearest else "write e.g. Europe/Berlin or UTC",
    )


@cache
def _zones() -> frozenset[str]:
    return frozenset(zoneinfo.available_timezones())


def cron(value: Any) -> Any:
    """A cron schedule of five fields, in the one spelling that every scheduler reads alike."""
    return normalise(value) if isinstance(value, str) else value


def listed(value: Any) -> Any:
    """One word where a list is asked for is a list of one."""
    return [value] if isinstance(value, str) else value


def matching(expression: str, what: str, fix: str) -> BeforeValidator:
    """A text that must fit an expression whole."""

    def check(value: Any) -> Any:
        if isinstance(value, str) and re.fullmatch(expression, value) is None:
            raise Unfit(f"“{value[:60]}” is not {what}", fix)
        return value

    return BeforeValidator(check)


def one_of(kind: type[E], *, strip: bool = True) -> BeforeValidator:
    """A member of an enum, capitals forgiven, with the nearest word when it is none."""

    def check(value: Any) -> Any:
        if not isinstance(value, str):
            return value
        plain = value.strip().casefold() if strip else value
        if plain not in {member.value for member in kind}:
            raise Unfit(f"“{value[:40]}” is not one of the words known here", near(plain, (m.value for m in kind)))
        return plain

    return BeforeValidator(check)


def json_text(value: Any) -> Any:
    """JSON as it is sent: in YAML a number and a text would look alike."""
    if isinstance(value, list | dict):
        raise Unfit("it is not JSON in quotes", "write it as one text: '{\"amount\": 12.5}'")
    if not isinstance(value, str):
        return value
    if len(value) > BODY_LIMIT:
        raise Unfit(f"it has {len(value)} characters, at most {BODY_LIMIT} are taken", "send less")
    try:
        json.loads(value, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise Unfit(f"it is not JSON: {error}", "write it as it is to be sent, in quotes") from error
    return value


def _no_constant(word: str) -> Any:
    raise ValueError(f"{word} is no value of JSON")


PhaseName = Annotated[Phase, BeforeValidator(phase_named)]
RoleName = Annotated[Role, BeforeValidator(role_named)]
CellText = Annotated[Cell, BeforeValidator(cell)]
Duration = Annotated[timedelta, BeforeValidator(duration)]
Channel = Annotated[str, BeforeValidator(channel)]
Pattern = Annotated[str, BeforeValidator(pattern)]
Patterns = Annotated[str, BeforeValidator(patterns)]
Zone = Annotated[str, BeforeValidator(zone)]
Cron = Annotated[str, BeforeValidator(cron)]
Key = Annotated[
    str, matching(r"[a-z0-9][a-z0-9._-]{0,39}", "a short name", "use lower-case letters, digits, dots and dashes")
]
Name = Annotated[str, matching(r"[^\s\x00-\x1f][^\x00-\x1f]{0,198}", "a name", "write 1 to 199 characters on one line")]
SlackUser = Annotated[
    str, matching(r"[UW][A-Z0-9]{1,20}", "a Slack member id", "copy it from the profile (⋮ → Copy member ID): U…")
]
SlackBot = Annotated[
    str,
    matching(
        r"[BA][A-Z0-9]{2,20}",
        "the id of a bot or an app",
        "copy it from the app's page (A…), or a message's bot_id (B…)",
    ),
]
Address = Annotated[str, matching(r"https?://[^\s/]+\S*", "a web address", "begin with http:// or https://")]
