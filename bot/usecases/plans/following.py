"""How what serves comes to another version: by itself, by a person who restarts it, or by being told.

`watch`: it looks at the alias by itself. `restart`: it loads the alias when it starts, and a person starts it anew.
`redeploy`: the version is named in its deployment, so its integration is told which one.
"""

from collections.abc import Sequence
from datetime import timedelta

from bot.domain.metrics import spoken
from bot.domain.models import Binding, Propagation, Target
from bot.domain.plan import Aim, Check, CheckResult, VersionMove
from bot.usecases.setup import Policies
from bot.usecases.systems import Systems


def to_tell(systems: Systems, binding: Binding) -> Sequence[Target]:
    """The targets that must be told which version to serve, and can be."""
    if binding.propagation is not Propagation.REDEPLOY:
        return ()
    return tuple(target for target in binding.serving if target.integration in systems.deployers)


def follow_checks(systems: Systems, policies: Policies, binding: Binding, aim: Aim) -> tuple[Check, ...]:
    """What must be done by a person; it lets no policy carry the plan out by itself."""
    if not isinstance(aim, VersionMove) or aim.only_mirrors:
        return ()
    match binding.propagation:
        case Propagation.RESTART:
            within = spoken(policies.restart_within)
            text = (
                f"somebody must restart it when the registry was changed: it loads the alias when it starts. {within} "
            )
            return tuple(
                Check(f"restart: {target.name}", CheckResult.WARN, f"{text}are waited") for target in binding.serving
            )
        case Propagation.REDEPLOY:
            return tuple(
                Check(
                    f"deploy: {target.name}",
                    CheckResult.WARN,
                    f"somebody must do it: {target.integration} can't be told",
                )
                for target in binding.serving
                if target.integration not in systems.deployers
            )
        case Propagation.WATCH | Propagation.NONE:
            return ()


def patience(policies: Policies, binding: Binding) -> timedelta:
    """How long it is waited until what serves has followed."""
    return policies.restart_within if binding.propagation is Propagation.RESTART else policies.confirm_within


def restart_now(policies: Policies, binding: Binding | None) -> str:
    """What a person must do now that the registry was changed, as a sentence; nothing where nobody needs to."""
    if binding is None or binding.propagation is not Propagation.RESTART or not binding.serving:
        return ""
    names = " and ".join(target.name for target in binding.serving)
    it = "it loads" if len(binding.serving) == 1 else "they load"
    return f"Restart {names} now: {it} the alias only at a start. It is waited for {spoken(policies.restart_within)}."
