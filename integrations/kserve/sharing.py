"""How requests are shared: KServe knows one number, what the newest revision gets; the one before has the rest."""

from collections.abc import Mapping

from bot.domain.errors import BadInput, Conflict
from bot.ports.systems import Split
from integrations.kserve.standing import Mode, Standing, mode_of
from integrations.kserve.versions import Target
from integrations.kserve.wire import InferenceService

UNCHANGED = "Nothing was changed."

Shares = tuple[tuple[str, int], ...]


def shareable(target: Target, service: InferenceService) -> None:
    """Raises BadInput where KServe ignores the number without a word."""
    mode = mode_of(service)
    if mode is not Mode.KNATIVE:
        raise BadInput(
            f"{target} runs in {mode.value} mode, where KServe ignores canaryTrafficPercent.",
            not_done="Nothing was read or changed.",
            next_step="Requests can be shared from here in Knative mode only; a rollback works in every mode.",
        )


def newest_gets(target: Target, version: str, percent: int, expected: Split) -> int:
    """The number that gives a version so many percent. Raises BadInput."""
    if not 0 <= percent <= 100:
        raise BadInput(f"{percent} is no percentage.", not_done=UNCHANGED, next_step="Give a number from 0 to 100.")
    versions = [one for one, _ in expected.shares]
    if len(versions) != 2:
        raise BadInput(
            f"{target} has no two versions to share requests between.",
            not_done=UNCHANGED,
            next_step="KServe shares only with the revision that was rolled out before, when that is still there.",
        )
    if version not in versions:
        raise BadInput(
            f"{target} has version {' and version '.join(versions)}, not {version[:80]!a}.",
            not_done=UNCHANGED,
            next_step="Name one of the two.",
        )
    return percent if version == versions[0] else 100 - percent


def still_so(target: Target, service: InferenceService, stands: Standing, expected: Split, newest: int) -> None:
    """Raises Conflict when it is shared otherwise than expected, or the newest revision can't take requests."""
    if stands.shares != expected.shares or expected.token not in {"", token_of(service)}:
        raise Conflict(
            f"The requests of {target} are shared as {in_words(stands.shares)} now, or it was changed otherwise; "
            f"the plan was made when it was {in_words(expected.shares)}.",
            not_done=UNCHANGED,
            next_step="Look at what is there now, and ask for a new plan.",
        )
    if stands.settling and newest > 0:
        raise Conflict(
            f"The newest revision of {target} is not ready {stands.detail}.",
            not_done=UNCHANGED,
            next_step="Wait until it is, or give it nothing.",
        )


def arrived(stands: Standing, expected: Split, newest: int) -> bool:
    """Whether the shares are those that a number makes; one that gets nothing and isn't ready is not listed."""
    (first, _), (second, _) = expected.shares
    now = dict(stands.shares)
    return (now.get(first, 0), now.get(second, 0)) == (newest, 100 - newest)


def body(resource_version: str, newest: int) -> Mapping[str, object]:
    """The merge patch."""
    return {
        "metadata": {"resourceVersion": resource_version},
        "spec": {"predictor": {"canaryTrafficPercent": newest}},
    }


def token_of(service: InferenceService) -> str:
    """What must not change between a plan and its execution: not the status, which is written all the time.

    The write itself is guarded by the resourceVersion that is read right before it.
    """
    return f"generation {service.metadata.generation}"


def notes(stands: Standing) -> tuple[str, ...]:
    """What a person must know about these shares."""
    if stands.unknown:
        return (*stands.notes, f"{stands.unknown} % go to a revision that names no version")
    if len(stands.shares) < 2:
        return (*stands.notes, "there is no earlier revision to share with")
    return stands.notes


def in_words(shares: Shares) -> str:
    """`version 3 20 %, version 2 80 %`."""
    return ", ".join(f"version {version} {percent} %" for version, percent in shares) or "nothing that names a version"
