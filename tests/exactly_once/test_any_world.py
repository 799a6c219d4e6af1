"""A machine that does anything in any order, in a world that moves by itself also while an operation is carried out.

People ask, approve, reject, cancel, or let it expire; somebody else moves the alias; what serves lags, fails, comes back;
calls get lost; the process dies between steps and within them. What is promised holds after each of these.
"""

import asyncio
import tempfile
from collections import Counter
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from bot.domain.errors import Indeterminate
from bot.domain.models import Observation, Probe
from bot.domain.operation import Operation, OperationState, legal
from bot.domain.plan import OperationKind
from bot.domain.timeline import Kind
from bot.ports.manifest import Guarantees
from bot.usecases.export import verify_chain
from tests.fakes.systems import FakeRegistry, FakeServing, Killed, down, unconfirmed
from tests.usecases.world import DANA, DEVI, FRAUD, MIKA, PAULA, JumpingClock, World, a_setup

S = OperationState
CONFIRMED = frozenset({S.WATCHING, S.SUCCEEDED, S.NOT_RECOVERED})
WORDS = ("approve", "reject", "cancel")
STEPS = ("begin", "move the pointer", "tell the serving side", "see it serve", "watch")


class WitnessedRegistry(FakeRegistry):
    """Remembers each write that was sent, whatever came back."""

    sent = 0

    async def move(self, model: str, alias: str, to: str, *, expected: Observation) -> Observation:
        try:
            seen = await super().move(model, alias, to, expected=expected)
        except (Indeterminate, Killed):
            self.sent += 1
            raise
        self.sent += 1
        return seen


class WitnessedServing(FakeServing):
    """Remembers each answer that it gave."""

    heard: list[Observation]

    async def observe(self, name: str, *, probes: Sequence[Probe] = ()) -> Observation:
        seen = await super().observe(name, probes=probes)
        self.heard.append(seen)
        return seen


class WitnessedWorld(World):
    """A world that can be asked what was said and done in it."""

    def _populate(self) -> None:
        self.registry = WitnessedRegistry(self.clock)
        self.serving = WitnessedServing(self.clock, self.registry)
        self.serving.heard = []
        super()._populate()


class AnyWorld(RuleBasedStateMachine):
    """One model, four people, and everything that can happen."""

    def __init__(self) -> None:
        super().__init__()
        self._runner = asyncio.Runner()
        self._folder = tempfile.TemporaryDirectory()
        self.world = WitnessedWorld(Path(self._folder.name) / "world.db", a_setup(delegates=("dana",)))
        self.known: dict[int, Operation] = {}
        self.meanwhile: list[Callable[[], None]] = []
        self.incidents = 0
        assert isinstance(self.world.clock, JumpingClock)
        self.world.clock.on_sleep = self._meanwhile
        self._do(self.world.open())
        self._do(self.world.learn())

    def _do(self, work: Coroutine[Any, Any, Any]) -> Any:
        return self._runner.run(work)

    def _says(self, who: Any, text: str) -> None:
        """What is asked of the bot may be the end of it, as the registry is looked at on the way."""
        try:
            self._do(self.world.say(text, who))
        except Killed:
            self._restart()

    def _meanwhile(self) -> None:
        """While somebody waits, the world moves on: one thing at a time."""
        if self.meanwhile:
            self.meanwhile.pop(0)()

    # ------------------------------------------------------------ people

    @initialize(repeatable=st.booleans())
    def begin(self, repeatable: bool) -> None:
        self.repeatable = repeatable
        self.world.systems.guarantees["registry"] = Guarantees(idempotent_write=repeatable)  # type: ignore[index]  # the world's own dictionary

    @rule(
        who=st.sampled_from([MIKA, DEVI, DANA, PAULA]), version=st.sampled_from(["", " --to 1", " --to 2", " --to 3"])
    )
    def somebody_asks(self, who: Any, version: str) -> None:
        self._says(who, f"rollback {FRAUD}{version}")

    @rule(who=st.sampled_from([MIKA, DEVI, DANA]), word=st.sampled_from(WORDS))
    def somebody_decides(self, who: Any, word: str) -> None:
        for number in sorted(self.known)[-2:]:
            self._says(who, f"{word} OP-{number}")

    @rule()
    def it_is_asked_for_and_approved(self) -> None:
        self._says(MIKA, f"rollback {FRAUD} --to 2")
        self._see()
        for number in sorted(self.known)[-1:]:
            self._says(DEVI, f"approve OP-{number}")

    @rule(minutes=st.sampled_from([1, 11]))
    def time_passes(self, minutes: int) -> None:
        self.world.clock.advance(minutes * 60)
        self._do(self.world.clockwork.timers())

    # ------------------------------------------------------------ the bot

    @rule()
    def it_is_carried_out(self) -> None:
        self._carry_out()

    @rule(step=st.sampled_from(STEPS), after=st.booleans())
    def it_dies_while_it_is_carried_out(self, step: str, after: bool) -> None:
        if after:
            self.world.engine.kill_after = step
        else:
            self.world.engine.kill_before = step
        self._carry_out()

    @rule()
    def the_process_ends(self) -> None:
        self._restart()

    def _carry_out(self) -> None:
        try:
            self._do(self.world.carry_out())
        except Killed:
            self._restart()

    def _restart(self) -> None:
        self._do(self.world.restart())
        self.world.systems.guarantees["registry"] = Guarantees(idempotent_write=self.repeatable)  # type: ignore[index]  # the world's own dictionary

    # ------------------------------------------------------------ the world

    @rule(
        call=st.sampled_from(["move", "resolve"]),
        error=st.sampled_from([down, unconfirmed, Killed]),
        after=st.booleans(),
        times=st.sampled_from([1, 1, 3, 20]),
    )
    def the_registry_fails(self, call: str, error: Callable[[], BaseException], after: bool, times: int) -> None:
        made = error()
        after = after and not isinstance(made, type(down()))  # what can't be reached has no effect
        if call == "resolve" and isinstance(made, Indeterminate):
            made = down()  # who only reads is in no doubt
        self.world.registry.faults.order(call, made, after=after, times=1 if isinstance(made, Killed) else times)

    @rule(version=st.sampled_from(["1", "2", "3"]), soon=st.booleans())
    def somebody_else_moves_the_alias(self, version: str, soon: bool) -> None:
        self._soon(lambda: self.world.registry.point(FRAUD, "champion", version), soon)

    @rule(how=st.sampled_from(["stuck", "ill", "well", "slow"]), soon=st.booleans())
    def what_serves_changes(self, how: str, soon: bool) -> None:
        def change() -> None:
            endpoint = self.world.serving.endpoints["fraud"]
            endpoint.follows, endpoint.healthy = how != "stuck", how != "ill"
            endpoint.lag = 20 if how == "slow" else 1

        self._soon(change, soon)

    @rule(times=st.sampled_from([1, 30, 2_000]))
    def what_serves_is_down(self, times: int) -> None:
        self.world.serving.faults.order("observe", down("serving"), times=times)

    @rule()
    def what_serves_comes_back(self) -> None:
        self.world.serving.faults.clear()

    @rule()
    def an_alert_fires(self) -> None:
        self.incidents += 1
        self._do(self.world.fire(fingerprint=str(self.incidents)))

    def _soon(self, what: Callable[[], None], soon: bool) -> None:
        """Now, or as soon as somebody waits for something."""
        if soon:
            self.meanwhile.append(what)
        else:
            what()

    # ------------------------------------------------------------ what holds

    def _see(self) -> dict[int, Operation]:
        before, self.known = self.known, {o.number: o for o in self._do(self.world.operations())}
        return before

    @invariant()
    def what_is_promised_holds(self) -> None:
        before = self._see()
        heard, self.world.serving.heard = self.world.serving.heard, []
        for number, operation in self.known.items():
            was = before.get(number)
            if was is not None:
                assert operation.state in _reachable(was.state), f"{was.state} → {operation.state}"
                assert operation.plan.digest == was.plan.digest
            if operation.state in CONFIRMED and (was is None or was.state not in CONFIRMED):
                target = operation.plan.move.target.version
                assert any(seen.version == target and seen.healthy for seen in heard), "nobody has said that it serves"
        self._nothing_twice()
        self._nobody_beside()
        self._all_is_told()

    def _nothing_twice(self) -> None:
        """Each write of ours is one that was approved, and no more of them than approvals."""
        planned = Counter(
            (o.plan.move.now.version, o.plan.move.target.version)
            for o in self.known.values()
            if o.decided_by is not None
        )
        done = Counter((move.before, move.after) for move in self.world.registry.our_moves)
        assert done <= planned
        intents = sum(self._do(self.world.store.read(_intended)))
        assert self.repeatable or self.world.registry.sent <= intents, "a write that may not be repeated was repeated"

    def _nobody_beside(self) -> None:
        holding = Counter(
            (o.model, o.environment) for o in self.known.values() if o.state.holds_the_model and o.kind in MOVES
        )
        assert all(count == 1 for count in holding.values())

    def _all_is_told(self) -> None:
        for incident in {o.incident for o in self.known.values() if o.incident is not None}:
            entries = self._do(self.world.timeline(incident))
            assert verify_chain(entries).intact
            for operation in (o for o in self.known.values() if o.incident == incident):
                mine = Counter(entry.kind for entry in entries if operation.ref in entry.text)
                assert mine[Kind.INTENDED] <= 1
                assert mine[Kind.VERIFIED] == (operation.state in CONFIRMED)

    def teardown(self) -> None:
        """When the world is quiet again, everything comes to an end; what stays in doubt is ended by a person."""
        try:
            self.meanwhile.clear()
            self.world.registry.faults.clear()
            self.world.serving.faults.clear()
            self._restart()
            self._carry_out()
            for operation in self._do(self.world.operations()):
                if operation.state is S.IN_DOUBT:
                    self._says(DEVI, f"cancel {operation.ref}")
            self.what_is_promised_holds()
            open_ones = {o.state for o in self.known.values() if not o.state.final}
            assert open_ones <= {S.AWAITING_APPROVAL}
            assert self.world.engine.started() == []
        finally:
            self._do(self.world.close())
            self._runner.close()
            self._folder.cleanup()


MOVES = frozenset({OperationKind.ROLLBACK})


def _intended(tx: Any) -> list[int]:
    """1 for each operation whose write was written down before it was made."""
    return [tx.intents.get(f"OP-{o.number}:move the pointer") is not None for o in tx.operations.newest(limit=100)]


def _reachable(state: OperationState) -> set[OperationState]:
    """The state and everything that may follow."""
    found, ahead = {state}, [state]
    while ahead:
        new = legal(ahead.pop()) - found
        found |= new
        ahead += new
    return found


TestAnyWorld = AnyWorld.TestCase
TestAnyWorld.settings = settings(
    max_examples=15, stateful_step_count=15, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
