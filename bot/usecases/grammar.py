"""The words after `/mlops`: typed on a phone, so dashes, quotes and capitals are forgiven; nothing is guessed."""

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from bot.domain.errors import BadInput

INPUT_LIMIT = 4_000

USAGE: Mapping[str, str] = {
    "help": "help",
    "incidents": "incidents",
    "models": "models",
    "operations": "operations",
    "declare": "declare TITLE [--model M] [--severity sev1..sev4]",
    "ack": "ack INC",
    "resolve": "resolve INC [REASON]",
    "reopen": "reopen INC [REASON]",
    "assign": "assign INC @person",
    "severity": "severity INC sevN",
    "note": "note INC TEXT",
    "rollback": "rollback MODEL [--to VERSION] [--incident INC] [--reason TEXT]",
    "promote": "promote MODEL [--to VERSION] [--incident INC] [--reason TEXT]",
    "freeze": "freeze MODEL [--incident INC] [--reason TEXT]",
    "shift": "shift MODEL PERCENT [--to VERSION] [--incident INC] [--reason TEXT]",
    "retrain": "retrain MODEL [--pipeline NAME] [--set key=value …] [--incident INC] [--reason TEXT]",
    "pause": "pause MODEL [--pipeline NAME] [--reason TEXT]",
    "resume": "resume MODEL [--pipeline NAME] [--reason TEXT]",
    "undo": "undo OP [--reason TEXT]",
    "approve": "approve OP [REASON]",
    "reject": "reject OP [REASON]",
    "cancel": "cancel OP [REASON]",
    "break-glass": "break-glass OP REASON",
    "runbook": "runbook [INC|WORDS]",
    "who": "who MODEL|PHASE",
    "rights": "rights MODEL",
    "changes": "changes MODEL",
    "silence": "silence INC DURATION",
    "timeline": "timeline INC [export FORMAT]",
    "digest": "digest daily|maturity",
    "handover": "handover",
    "drill": "drill SCENARIO",
    "doctor": "doctor",
}
"""Every command of the interface, with its line of usage."""

NOT_BUILT: Mapping[str, str] = {
    "silence": "Silencing at the source",
    "handover": "Handover",
    "drill": "Drills",
}
"""Commands that the interface promises and this version does not have yet."""

ALIASES: Mapping[str, str] = {
    "acknowledge": "ack", "list": "incidents", "incident": "incidents", "roll-back": "rollback", "?": "help",
    "--help": "help", "-h": "help", "model": "models", "operation": "operations", "sev": "severity",
    "train": "retrain", "breakglass": "break-glass", "fallback": "freeze", "unpause": "resume",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Words:
    """A command's name, its plain words, its `--options`, and everything after the name as it was typed."""

    name: str
    words: tuple[str, ...] = ()
    options: Mapping[str, str] = field(default_factory=dict)
    tail: str = ""

    def after(self, count: int) -> str:
        """The text after the first `count` words, as typed."""
        parts = self.tail.split(None, count)
        return parts[count] if len(parts) > count else ""


def parse(text: str) -> Words:
    """Split a line into words. Raises BadInput with the nearest command for an unknown one."""
    if len(text) > INPUT_LIMIT:
        raise BadInput(
            f"That is {len(text)} characters long; at most {INPUT_LIMIT} are taken.",
            not_done="Nothing was done.",
            next_step="Put long text into the thread and pin it with 📌.",
        )
    parts = _visible(text).split(None, 1)
    if not parts:
        return Words("help")
    first, tail = _typed(parts[0]), parts[1] if len(parts) > 1 else ""
    name = ALIASES.get(first.lower(), first.lower())
    if name not in USAGE:
        raise _unknown(first)
    words, options = _options(_split(_typed(tail)))
    return Words(name, tuple(words), options, tail.strip())


def number(word: str, prefix: str) -> int | None:
    """`INC-42`, `inc-42`, `#42` or `42` as 42; `None` when it is something else."""
    found = re.fullmatch(rf"(?:{prefix}-|#)?(\d{{1,9}})", word.strip(), re.IGNORECASE)
    return int(found.group(1)) if found else None


def usage_error(name: str, what: str) -> BadInput:
    """What is missing, and the command's line."""
    return BadInput(what, not_done="Nothing was done.", next_step=f"Usage: /mlops {USAGE[name]}")


def _unknown(first: str) -> BadInput:
    near = difflib.get_close_matches(first.lower(), [*USAGE, *ALIASES], n=1, cutoff=0.5)
    shown = " ".join(first.split())[:40]
    hint = f"Did you mean /mlops {USAGE[ALIASES.get(near[0], near[0])]}?" if near else "See /mlops help"
    return BadInput(f"There is no command “{shown}”.", not_done="Nothing was done.", next_step=hint)


def _visible(text: str) -> str:
    """Without what hides or reorders text; what joins an emoji, or letters of some scripts, is part of the words."""
    return re.sub(r"[\u200b\u200e\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff\x00]", "", text)


def _typed(text: str) -> str:
    """As it would have been typed at a desk: phones turn `--to` into `—to`, and quotes into curly ones."""
    text = re.sub(r"(?<!\S)[—–―](?=\w)", "--", text)
    text = re.sub("[“”„‟«»]", '"', text)
    return re.sub("[\u200c\u200d]", "", text)


def _split(tail: str) -> list[str]:
    """Words; `"…"` holds one together, also after `--name=`. An unclosed quote goes to the end."""
    found = re.findall(r'((?:--)?[\w.-]+=)?"([^"]*)"?|(\S+)', tail)
    return [bare or f"{option}{quoted}" for option, quoted, bare in found if bare or option or quoted]


def _options(parts: Sequence[str]) -> tuple[list[str], dict[str, str]]:
    """`--name value` and `--name=value`; `--reason` and `--title` take everything up to the next option.

    `--set` takes any number of `key=value`, each a line of its value.
    """
    words: list[str] = []
    options: dict[str, str] = {}
    current: str | None = None
    for part in parts:
        if part.startswith("--") and len(part) > 2:
            name, equals, value = part[2:].partition("=")
            current = name.lower()
            if current == "set":
                options[current] = "\n".join(filter(None, (options.get(current, ""), value)))
            else:
                options[current] = value if equals else options.get(current, "")
        elif current == "set":
            options[current] = "\n".join(filter(None, (options[current], part)))
        elif current in {"reason", "title"} or (current is not None and not options[current]):
            options[current] = f"{options[current]} {part}".strip()
        else:
            words.append(part)
    return words, options
