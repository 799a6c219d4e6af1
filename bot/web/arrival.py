"""A delivery's request, read straight from what the server says: everything that is sent to us pays for this."""

from collections.abc import Mapping
from functools import cached_property

from starlette.datastructures import QueryParams
from starlette.responses import Response
from starlette.types import Receive, Scope


class Arrival:
    """One request to `/alerts/{slug}`."""

    def __init__(self, scope: Scope, receive: Receive, slug: str) -> None:
        self.slug = slug
        self.receive = receive
        self.method: str = scope["method"]
        self.headers: Mapping[str, str] = {
            name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]
        }
        """By lower-case name, as ASGI has them; of several of one name the last counts."""
        self._scope = scope

    @cached_property
    def query(self) -> Mapping[str, str]:
        text = self._scope["query_string"]
        return dict(QueryParams(text)) if text else {}


class Told(Response):
    """JSON that is written already. Starlette's own response spends more on its headers than such a body is worth."""

    def __init__(self, body: bytes) -> None:
        self.status_code = 200
        self.body = body
        self.background = None
        self.raw_headers = [(b"content-length", str(len(body)).encode()), (b"content-type", b"application/json")]
