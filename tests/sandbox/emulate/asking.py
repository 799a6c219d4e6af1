"""One workspace that is asked, and what it answered: ids and time stamps by the names that the asker gave them."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

Json = Mapping[str, Any]
ANSWER = "answer"
"""The fact that says `ok`, or the error code."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one call: whether it went well, and the parts of the answer that were asked for."""

    method: str
    case: str
    facts: Mapping[str, str]


@dataclass
class Side:
    """A workspace, spoken to by Slack's own client."""

    client: AsyncWebClient
    powerless: Callable[[], AbstractContextManager[AsyncWebClient]]
    """The same app, as long as it has none of the scopes that it needs."""
    trigger: Callable[[str, str], Awaitable[str]]
    """Somebody did something: the trigger that the app was given for it, in this view if there is one."""
    says: Callable[..., Awaitable[str]]
    """A person (by handle) says something in a channel, or with a fourth argument in a thread: the time stamp."""
    passes: Callable[[float], None]
    """So many seconds pass at once."""
    general: str
    """A channel of everybody, without the app."""
    outcomes: list[Outcome] = field(default_factory=list)
    names: dict[str, str] = field(default_factory=dict)

    async def ask(
        self,
        case: str,
        method: str,
        *shows: str,
        keep: str = "",
        name: str = "",
        powerless: bool = False,
        arguments: Json = MappingProxyType({}),
        **more: Any,
    ) -> str:
        """Call a method. `shows` are paths into the answer; what lies at `keep` is given back, and called `name`.

        `arguments` are those whose names are taken here.
        """
        given = {**arguments, **more}
        try:
            with self.powerless() if powerless else nullcontext(self.client) as client:
                answer: Json = (await getattr(client, method.replace(".", "_"))(**given)).data
        except SlackApiError as error:
            refused: Json = error.response.data
            code = {ANSWER: str(refused.get("error"))}
            paths = [path for path in shows if path in {"needed", "errors[].error"}]
            self.outcomes.append(Outcome(method, case, code | {path: self._shown(refused, path) for path in paths}))
            return ""
        kept = str(at(answer, keep)) if keep else ""
        if kept:
            self.names[kept] = f"<{name or case}>"
        self.outcomes.append(
            Outcome(method, case, {ANSWER: "ok"} | {path: self._shown(answer, path) for path in shows})
        )
        return kept

    def knows(self, value: str, name: str) -> str:
        """Call something by this name from now on."""
        self.names[value] = f"<{name}>"
        return value

    def _shown(self, answer: Json, path: str) -> str:
        found = at(answer, path)
        if path == "needed":  # "a,b" and "a|b" are the same
            return " ".join(sorted(str(found).replace("|", ",").split(",")))
        if isinstance(found, set):
            return str(sorted({self._named(str(one)) for one in found}))
        return self._named(str(found))

    def _named(self, text: str) -> str:
        for value in sorted(self.names, key=len, reverse=True):
            text = text.replace(value, self.names[value])
        return text


def at(answer: Any, path: str) -> Any:
    """`channel.name`, `messages[].text`, `members{}` (a list as a set), `#text` (how long it is)."""
    if path.startswith("#"):
        return len(at(answer, path[1:]) or "")
    for number, part in enumerate(parts := path.split(".")):
        name = part.rstrip("[]{}")
        answer = answer.get(name) if isinstance(answer, Mapping) else None
        if part.endswith(("[]", "{}")):
            rest = ".".join(parts[number + 1 :])
            found = [at(one, rest) if rest else one for one in answer or ()]
            return set(found) if part.endswith("{}") else found
    return answer


def differences(ours: Sequence[Outcome], theirs: Sequence[Outcome]) -> dict[tuple[str, str, str], tuple[str, str]]:
    """By method, case and fact: what each side says. Of a call that only one side let pass, only that is told."""
    assert [(one.method, one.case) for one in ours] == [(one.method, one.case) for one in theirs]
    found: dict[tuple[str, str, str], tuple[str, str]] = {}
    for mine, other in zip(ours, theirs, strict=True):
        same_answer = mine.facts[ANSWER] == other.facts[ANSWER]
        for fact in mine.facts if same_answer else [ANSWER]:
            if mine.facts[fact] != other.facts.get(fact):
                key = (mine.method, mine.case, fact)
                assert key not in found, f"two calls have one name: {key}"
                found[key] = (mine.facts[fact], other.facts.get(fact, ""))
    return found
