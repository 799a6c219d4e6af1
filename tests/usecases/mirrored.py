"""A plant whose fraud detector has two further pointers: another alias, and another registry with numbers of its own."""

from dataclasses import replace
from datetime import timedelta

from bot.domain.models import Mirror, Pointer
from bot.ports.manifest import Guarantees
from tests.fakes.systems import FakeRegistry, model_version
from tests.usecases.plant import Plant
from tests.usecases.world import FRAUD

ALIAS, COPY, LIVE, TAG = "published", "fraud-copy", "live", "source_version"
FIRST, SECOND = Pointer("registry", FRAUD, ALIAS), Pointer("vault", COPY, LIVE)
MOVES = [
    ("registry", "champion", "3", "2"), ("registry", ALIAS, "3", "2"), ("vault", LIVE, "30", "20"),
]  # fmt: skip
"""A rollback to version 2: the pointer that serving reads, then what follows, in the order of the configuration."""


class Mirrored(Plant):
    """`vault` calls version 3 its 30, by a tag."""

    vault: FakeRegistry
    repeatable = True

    def _populate(self) -> None:
        super()._populate()
        self.vault = FakeRegistry(self.clock, "vault")
        for number in ("1", "2", "3"):
            made = model_version(COPY, f"{number}0", self.clock.now() - timedelta(days=1))
            self.vault.register(COPY, replace(made, tags={TAG: number}))
        self.vault.aliases[COPY, LIVE] = "30"
        self.registry.aliases[FRAUD, ALIAS] = "3"
        first = replace(self.setup.bindings[0], mirrors=(Mirror(FIRST), Mirror(SECOND, TAG)))
        self.setup = replace(self.setup, bindings=(first, *self.setup.bindings[1:]))

    def _process(self) -> None:
        super()._process()
        guarantees = Guarantees(idempotent_write=self.repeatable)
        self.systems = replace(
            self.systems,
            registries={**self.systems.registries, "vault": self.vault},
            guarantees={**self.systems.guarantees, "vault": guarantees},
        )
        self.rebuild()

    @property
    def our_moves(self) -> list[tuple[str, str, str | None, str]]:
        """Everything that we have moved, registry by registry."""
        here = [("registry", move.alias, move.before, move.after) for move in self.registry.our_moves]
        return [*here, *(("vault", move.alias, move.before, move.after) for move in self.vault.our_moves)]

    @property
    def stands(self) -> tuple[str, str, str]:
        """Where the three pointers are."""
        return (
            self.registry.aliases[FRAUD, "champion"], self.registry.aliases[FRAUD, ALIAS],
            self.vault.aliases[COPY, LIVE],
        )  # fmt: skip
