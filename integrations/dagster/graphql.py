"""GraphQL as Dagster speaks it: an answer's data, or one of our errors.

What Dagster refuses comes with status 200, what it fails at with 500, both as a member of the answer's union; a request
that it doesn't understand comes as `errors`. So the body decides, not the status.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from bot.domain.errors import Refused, Unauthorized, Unreachable, Unreadable
from bot.kit.http import Http, Response
from bot.kit.httperrors import unconfirmed
from bot.kit.parsing import T, read_value
from bot.kit.redaction import excerpt
from integrations.dagster.wire import Envelope, Said, Told

SLUG = "dagster"
PATH = "/graphql"
JUDGED = (400, 500)
"""Statuses whose body says more than they do."""


UNCHANGED = "Nothing was changed."
_RELEASE = "It may be of a release that this integration doesn't know: see its README."


class Graphql:
    """One Dagster's GraphQL. `secrets` are kept out of what it says."""

    def __init__(self, http: Http, secrets: Sequence[str] = ()) -> None:
        self._http = http
        self._secrets = secrets

    @property
    def url(self) -> str:
        """Where everything is asked."""
        return self._http.url(PATH)

    async def ask(self, kind: type[T], document: str, variables: Mapping[str, Any]) -> T:
        """A query's answer. Raises Unreachable, Unreadable."""
        return read(kind, await self.data(document, variables))

    async def data(self, document: str, variables: Mapping[str, Any]) -> Mapping[str, Any]:
        """What a query is answered with. Raises Unreachable, Unreadable."""
        response = await self._http.query(PATH, _body(document, variables), accept=JUDGED)
        envelope = self._envelope(response)
        if envelope is None or envelope.errors or envelope.data is None:
            raise self._no_data(response, envelope)
        return envelope.data

    def _no_data(self, response: Response, envelope: Envelope | None) -> Exception:
        if envelope is not None and _not_understood(envelope):
            return Unreadable(
                f"Dagster does not understand what it is asked: {self.excerpt(envelope.errors[0].message)}.",
                system=SLUG,
                not_done="Nothing was read.",
                next_step=_RELEASE,
            )
        said = envelope.errors[0].message if envelope is not None and envelope.errors else ""
        words = self.excerpt(said) or self._http.words(response)
        if response.status == 200 and envelope is None:
            response.json()
            return Unreadable(
                "Dagster answered with something that is no answer to GraphQL.",
                system=SLUG,
                not_done="Nothing was read.",
                next_step="Check the address in integrations.dagster of the configuration.",
            )
        return Unreachable(
            f"Dagster could not answer POST {PATH} ({response.status}){f': {words}' if words else ''}.",
            system=SLUG,
            not_done="Nothing was read.",
            next_step="Try again; if it goes on, look at the log of the web server.",
        )

    async def tell(
        self, kind: type[T], call: str, document: str, variables: Mapping[str, Any], *, idempotent: bool
    ) -> T:
        """What a mutation is answered with. Only what certainly was not carried out is told as such."""
        body = _body(document, variables)
        response = await self._http.write("POST", PATH, body, idempotent=idempotent, accept=JUDGED)
        envelope = self._envelope(response)
        if envelope is None or envelope.errors or envelope.data is None:
            raise self._not_told(call, response, envelope)
        try:
            return read_value(kind, envelope.data.get(call), SLUG)
        except Unreadable as error:
            raise unconfirmed(SLUG, f"{call} was sent. {error.what}") from error

    def _not_told(self, call: str, response: Response, envelope: Envelope | None) -> Exception:
        said = envelope.errors[0].message if envelope is not None and envelope.errors else ""
        words = self.excerpt(said) or self._http.words(response)
        if (envelope is not None and _not_understood(envelope)) or (envelope is None and response.status == 400):
            what = f"Dagster does not understand {call}{f': {words}' if words else ''}."
            return Refused(what, system=SLUG, not_done=UNCHANGED, next_step=_RELEASE)
        how = words or "nothing that can be read"
        return unconfirmed(SLUG, f"{call} was sent, and Dagster answered ({response.status}): {how}.")

    def _envelope(self, response: Response) -> Envelope | None:
        try:
            return read_value(Envelope, response.json(), SLUG)
        except Unreadable:
            return None

    def must_be(self, said: Said, wanted: str) -> None:
        """Raises what a query's answer is instead."""
        if said.typename == wanted:
            return
        if said.typename == "UnauthorizedError":
            raise unauthorized(self.excerpt(said.words), "Nothing was read.")
        raise Unreachable(
            f"Dagster could not answer ({said.typename}{self._because(said)}).",
            system=SLUG,
            not_done="Nothing was read.",
            next_step="Try again; if it goes on, look at the code location and at the web server's log.",
        )

    def failed(self, said: Said, call: str) -> Exception:
        """A mutation that Dagster began, failed at, and may have carried out in part; or was not allowed at all."""
        if said.typename == "UnauthorizedError":
            return unauthorized(self.excerpt(said.words), UNCHANGED)
        return unconfirmed(SLUG, f"{call} was sent, and Dagster failed at it ({said.typename}{self._because(said)}).")

    def _because(self, said: Told) -> str:
        words = self.excerpt(said.words)
        return f": {words}" if words else ""

    def excerpt(self, text: str, limit: int = 300) -> str:
        """What Dagster says, as it may be shown: one line, without our secrets."""
        return excerpt(text, self._secrets, limit).rstrip(".")


def unauthorized(why: str, not_done: str) -> Unauthorized:
    """Dagster knows who asks, or doesn't care, and lets nobody do it."""
    return Unauthorized(
        f"Dagster does not allow it{f': {why}' if why else ''}.",
        system=SLUG,
        not_done=not_done,
        next_step="A web server with --read-only allows nothing; in Dagster+ the token needs the role Launcher.",
    )


def read(kind: type[T], value: object) -> T:
    """An answer, or a piece of one, of this kind. Raises Unreadable."""
    try:
        return read_value(kind, value, SLUG)
    except Unreadable as error:
        raise Unreadable(
            error.what,
            system=SLUG,
            not_done="Nothing was read.",
            next_step=f"Check the address in integrations.dagster of the configuration. {_RELEASE}",
        ) from None


def _not_understood(envelope: Envelope) -> bool:
    """Whether nothing was carried out: errors of the document itself have places in it, and no path in the data."""
    return bool(envelope.errors) and all(one.locations and one.path is None for one in envelope.errors)


def _body(document: str, variables: Mapping[str, Any]) -> Mapping[str, Any]:
    return {"query": document, "variables": variables}
