"""The people who may be involved, and how a person is named towards each side."""

from collections.abc import Sequence
from dataclasses import dataclass

from bot.domain.timeline import Actor, ActorKind


@dataclass(frozen=True, slots=True)
class Person:
    """One person of the configuration. `id` is the config's key; `slack_id` is Slack's (`U…`)."""

    id: str
    name: str
    slack_id: str = ""
    email: str = ""
    title: str = ""

    @property
    def reachable(self) -> bool:
        """Whether Slack can bring them a message."""
        return bool(self.slack_id)

    @property
    def actor(self) -> Actor:
        """This person as the author of a timeline entry."""
        return Actor(ActorKind.PERSON, self.id, self.name)


@dataclass(frozen=True, slots=True)
class Directory:
    """Everybody the configuration knows. Somebody unknown who writes in Slack is still a person, with no role."""

    people: tuple[Person, ...]

    def by_id(self, person: str) -> Person | None:
        """The person with this key of the configuration."""
        return next((p for p in self.people if p.id == person), None)

    def by_slack(self, slack_id: str, name: str = "") -> Person:
        """The person behind a Slack id; a stranger gets an identity that no role can hold."""
        known = next((p for p in self.people if p.slack_id and p.slack_id == slack_id), None)
        return known or Person(id=f"slack:{slack_id}", name=name or slack_id, slack_id=slack_id)

    def find(self, word: str) -> Person | None:
        """By config key, Slack id, `<@U…>`, `@handle`, e-mail or full name; `None` when nobody or several fit."""
        plain = word.strip()
        if plain.startswith("<@") and plain.endswith(">"):
            plain = plain[2:-1].split("|", 1)[0]
        plain = plain.lstrip("@").casefold()
        fits = [p for p in self.people if plain in _names(p)]
        return fits[0] if len(fits) == 1 else None

    @property
    def ids(self) -> Sequence[str]:
        """All keys, in the order of the configuration."""
        return [person.id for person in self.people]


def _names(person: Person) -> set[str]:
    return {n.casefold() for n in (person.id, person.slack_id, person.email, person.name) if n}
