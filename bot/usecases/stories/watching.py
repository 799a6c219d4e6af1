"""Watching after a change: do the alerts end, stay, or get worse? What got worse is undone only where a policy says so.

Who only watches holds nobody up: an operation that begins meanwhile ends the watch of the one before.
"""

from dataclasses import replace

from bot.domain.alert import Alert, AlertStatus, Direction
from bot.domain.errors import BotError
from bot.domain.metrics import spoken
from bot.domain.models import Verdict
from bot.domain.operation import Operation, OperationState, Watch, move, progress
from bot.domain.plan import OperationKind
from bot.domain.post import Lane
from bot.domain.recovery import Recovery, course_of_value, judge
from bot.domain.timeline import Kind
from bot.ports.store import Transaction
from bot.usecases import operate
from bot.usecases.stories.course import GO_ON, STOP, UNDO, Course, finish, record

WATCH_EVERY = 5.0
"""Seconds between looks."""
SURE_AFTER = 3
"""So many looks in a row must say that it got worse: one may be noise."""
_ALWAYS = {OperationKind.PROMOTE, OperationKind.SHIFT_TRAFFIC}
"""A new version is watched also when nothing fires: something may begin to."""


class Watching:
    """Looks for as long as the policy says."""

    def __init__(self, course: Course) -> None:
        self._course = course

    # ------------------------------------------------------------ beginning

    async def begin(self, operation: Operation) -> Watch | None:
        """What there is to watch; nothing when no alert fires that it was done for."""
        firing, alerts = await self._course.store.read(lambda tx: _alerts(tx, operation))
        if not firing and operation.kind not in _ALWAYS:
            return None
        now = self._course.clock.now()
        watch = Watch(now, now + self._course.setup.policies.watch_for, firing)
        for alert in alerts:
            for slug, metrics in self._course.systems.metrics.items():
                query = metrics.query_of(alert)
                if query:
                    above = alert.reading is None or alert.reading.direction is not Direction.BELOW
                    asked = replace(watch, query=query, metrics=slug, bad_above=above)
                    value = await self._value(asked)
                    return replace(asked, baseline=value, last=value)
        return watch

    def go_on(self, tx: Transaction, operation: Operation, watch: Watch, text: str) -> str:
        """From confirmed to watched."""
        expected = operate.get(tx, operation.number).state
        what = f"{watch.firing} alert{'s' if watch.firing != 1 else ''} still firing"
        until = f"It is watched until {watch.until:%H:%M} UTC ({what})."
        after = move(operation, OperationState.WATCHING, watch=watch, outcome=f"{text} {until}")
        tx.operations.save(after, expected=expected)
        operate.show(tx, self._course.setup, after, Lane.ACKNOWLEDGEMENT)
        return GO_ON

    # ------------------------------------------------------------ looking

    async def watch(self, number: int) -> str:
        """Until it is over one way or the other."""
        worse = 0
        while True:
            operation = await self._course.read(number)
            if operation.state is not OperationState.WATCHING or operation.watch is None:
                return UNDO if operation.state is OperationState.UNDOING else STOP
            watch = replace(operation.watch, last=await self._value(operation.watch))
            firing, follower = await self._course.store.read(lambda tx: _now(tx, number))
            if follower:
                return await self._ended(number, watch, OperationState.SUCCEEDED, f"{follower} has taken over.")
            verdict = judge(watch, firing, watch.last)
            worse = worse + 1 if verdict is Recovery.WORSE else 0
            if verdict is Recovery.RECOVERED:
                return await self._recovered(number, watch)
            if worse >= SURE_AFTER:
                return await self._worse(number, watch, firing)
            if self._course.clock.now() >= watch.until:
                return await self._over(number, watch, firing)
            await self._course.clock.sleep(WATCH_EVERY)

    async def _value(self, watch: Watch) -> float | None:
        metrics = self._course.systems.metrics.get(watch.metrics)
        if metrics is None or not watch.query:
            return None
        try:
            return await metrics.value(watch.query)
        except BotError:
            return None

    # ------------------------------------------------------------ how it ends

    async def _recovered(self, number: int, watch: Watch) -> str:
        after = spoken(self._course.clock.now() - watch.since)
        return await self._ended(
            number, watch, OperationState.SUCCEEDED, f"Recovered: all its alerts ended within {after}.", good=True
        )

    async def _over(self, number: int, watch: Watch, firing: int) -> str:
        """The time is over. Where nothing fired, nothing new does."""
        lasted = spoken(watch.until - watch.since)
        if firing == 0:
            return await self._ended(
                number, watch, OperationState.SUCCEEDED, f"Nothing got worse within {lasted}.", good=True
            )
        still = f"{firing} alert{'s' if firing != 1 else ''} still firing after {lasted}"
        text = f"Not recovered: {still}. The cause may be another one; look at the runbook."
        return await self._ended(number, watch, OperationState.NOT_RECOVERED, text)

    async def _worse(self, number: int, watch: Watch, firing: int) -> str:
        why = (
            f"{firing} alerts fire, {watch.firing} did" if firing > watch.firing else "the alert's own value got worse"
        )

        def decide(tx: Transaction) -> str:
            operation = operate.get(tx, number)
            if operation.state is not OperationState.WATCHING:
                return UNDO if operation.state is OperationState.UNDOING else STOP
            seen = replace(operation, watch=watch)
            rule = self._undoing_rule(tx, operation)
            if not rule:
                text = f"{_served(operation)} It got worse: {why}{_values(watch)}. {_take_back(operation)}"
                return finish(tx, self._course.setup, seen, OperationState.NOT_RECOVERED, Kind.FAILED, text)
            text = f"It got worse: {why}{_values(watch)}. The policy {rule} undoes it."
            after = move(seen, OperationState.UNDOING, outcome=text)
            tx.operations.save(after, expected=OperationState.WATCHING)
            record(tx, after, Kind.CHANGED, f"{operation.ref} is being undone. {text}")
            operate.show(tx, self._course.setup, after, Lane.ACKNOWLEDGEMENT)
            return UNDO

        return await self._course.write(decide)

    def _undoing_rule(self, tx: Transaction, operation: Operation) -> str:
        """The policy that takes it back; none by default."""
        _, alerts = _alerts(tx, operation)
        names = [alert.name for alert in alerts] or [""]
        for rule in self._course.setup.policies.rules:
            if rule.undo and rule.kind is operation.kind and any(rule.fits(operation.model, n) for n in names):
                return rule.name
        return ""

    async def _ended(self, number: int, watch: Watch, to: OperationState, text: str, *, good: bool = False) -> str:
        def decide(tx: Transaction) -> str:
            operation = operate.get(tx, number)
            if operation.state is not OperationState.WATCHING:
                return STOP
            if good:
                tx.ledger.judge(operation.model, operation.environment, Verdict.HEALTHY, None)
            partly = to is OperationState.SUCCEEDED and bool(operation.behind)
            end = OperationState.PARTLY if partly else to
            kind = Kind.SUCCEEDED if end is OperationState.SUCCEEDED else Kind.FAILED
            told = f"{_served(operation)} {text}{_values(watch)}"
            return finish(tx, self._course.setup, progress(operation, watch=watch), end, kind, told)

        return await self._course.write(decide)


def _served(operation: Operation) -> str:
    """What was confirmed before the watch, in short."""
    match operation.plan.aim.what:
        case "version":
            said = f"Serving confirmed: version {operation.plan.move.target.version} answers."
            return " ".join((said, *operation.behind))
        case _:
            return f"Done: {operation.plan.aim.headline}."


def _take_back(operation: Operation) -> str:
    return f"Nothing was undone: /mlops undo {operation.ref} plans the way back."


def _values(watch: Watch) -> str:
    """The alert's own value, where it could be asked."""
    course = course_of_value(watch)
    return f" The alert's own value went {course}." if course else ""


def _alerts(tx: Transaction, operation: Operation) -> tuple[int, tuple[Alert, ...]]:
    """How many alerts of the operation's incident fire, and which."""
    if operation.incident is None:
        return 0, ()
    alerts = tx.episodes.alerts_of(operation.incident, limit=20)
    firing = tuple(alert for alert in alerts if alert.status is AlertStatus.FIRING)
    incident = tx.incidents.get(operation.incident)
    return 0 if incident is None else incident.alerts_firing, firing


def _now(tx: Transaction, number: int) -> tuple[int, str]:
    """How many alerts fire, and which later operation on the same model has begun to change it."""
    operation = operate.get(tx, number)
    later = (o for o in tx.operations.newest(limit=20, model=operation.model) if o.number > number)
    begun = {OperationState.EXECUTING, OperationState.VERIFYING, OperationState.WATCHING, OperationState.SUCCEEDED}
    begun |= {OperationState.PARTLY}
    follower = next(
        (o.ref for o in later if o.environment == operation.environment and o.kind.lane == operation.kind.lane
         and o.state in begun), "",
    )  # fmt: skip
    return _alerts(tx, operation)[0], follower
