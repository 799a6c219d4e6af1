"""The tree of everything that can go wrong, divided by what to do next.

BotError
├─ Overloaded               we are too busy, nothing was taken
├─ RuleError                our own rules say no
│   ├─ IllegalTransition    not from this state
│   ├─ NotPermitted         not this person
│   ├─ NotFound             no such incident, operation, model, person
│   ├─ Conflict             somebody or something else got there first
│   └─ BadInput             what was given can't be understood
└─ IntegrationError         another system said no, or nothing
    ├─ Unreachable          it did not answer              try again
    ├─ RateLimited          it asked us to slow down       try again after …
    ├─ Refused              it understood and declined     do not repeat
    ├─ Unauthorized         credentials or permissions     a person must act
    ├─ Unreadable           not what its documents promise keep the payload
    ├─ Forged               the signature is wrong         drop, count, do not answer why
    └─ Indeterminate        sent, never confirmed          look before repeating
"""


class BotError(Exception):
    """What happened, what was *not* done because of it, and what to do next: three sentences for a person."""

    def __init__(self, what: str, *, not_done: str = "", next_step: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.not_done = not_done
        self.next_step = next_step

    def __str__(self) -> str:
        return " ".join(part for part in (self.what, self.not_done, self.next_step) if part)


class Overloaded(BotError):
    """We are too busy: nothing was taken, and whoever asked should come back."""


class RuleError(BotError):
    """Our own rules say no."""


class IllegalTransition(RuleError):
    """The thing is in a state from which this can't happen."""


class NotPermitted(RuleError):
    """This person may not do this here; the text says why and who may."""


class NotFound(RuleError):
    """There is no such incident, operation, model or person."""


class Conflict(RuleError):
    """The world moved, or somebody else was first."""


class BadInput(RuleError):
    """What was given can't be understood; the text says which part."""


class IntegrationError(BotError):
    """Another system said no, or nothing. `system` is the integration's slug."""

    def __init__(self, what: str, *, system: str = "", not_done: str = "", next_step: str = "") -> None:
        super().__init__(what, not_done=not_done, next_step=next_step)
        self.system = system


class Unreachable(IntegrationError):
    """It did not answer; nothing was sent that could have had an effect. Try again."""


class RateLimited(IntegrationError):
    """It asked us to slow down; `retry_after` is in seconds."""

    def __init__(
        self,
        what: str,
        *,
        retry_after: float,
        system: str = "",
        not_done: str = "",
        next_step: str = "",
    ) -> None:
        super().__init__(what, system=system, not_done=not_done, next_step=next_step)
        self.retry_after = retry_after


class Refused(IntegrationError):
    """It understood and declined. Repeating is useless."""


class Unauthorized(IntegrationError):
    """Credentials or permissions; a person must act. The text names the permission where known."""


class Unreadable(IntegrationError):
    """Not what the vendor's documents promise. The payload is worth keeping as a fixture."""


class Forged(IntegrationError):
    """The signature or token of a delivery is wrong. Drop it, count it, do not answer why."""


class Indeterminate(IntegrationError):
    """Sent and never confirmed. Look before repeating."""
