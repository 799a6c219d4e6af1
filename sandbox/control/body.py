"""The JSON body of a request to the control API; what is wrong with it is said in a sentence."""

from collections.abc import Awaitable, Callable
from typing import Any

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from sandbox.bodies import TooLarge, loads, read
from sandbox.interactions import Impossible
from sandbox.workspace.values import Json

MOST_BYTES = 4_000_000
Endpoint = Callable[[Request], Awaitable[Response]]


class Body:
    """Fields of the body, each asked for with the kind it must have."""

    def __init__(self, fields: Json) -> None:
        self._fields = fields

    @classmethod
    async def of(cls, request: Request) -> "Body":
        """Read it. Raises Impossible."""
        try:
            raw = await read(request, MOST_BYTES)
        except TooLarge:
            raise Impossible("too_large", f"The body is larger than {MOST_BYTES} bytes.") from None
        try:
            found = loads((raw or b"{}").decode())
        except ValueError:
            raise Impossible("invalid_json", "The body is not JSON.") from None
        if not isinstance(found, dict):
            raise Impossible("invalid_json", "The body must be a JSON object.")
        request.state.fields = found
        return cls(found)

    def text(self, name: str) -> str:
        """A text that must be there."""
        if name not in self._fields:
            raise Impossible("missing_field", f"The field {name!r} is missing.")
        return self.text_or(name, "")

    def text_or(self, name: str, default: str) -> str:
        """A text that may be missing."""
        value = self._fields.get(name)
        if value is None:
            return default
        if not isinstance(value, str):
            raise Impossible("invalid_field", f"The field {name!r} must be a text.")
        return value

    def flag(self, name: str, default: bool = False) -> bool:
        """A yes or no."""
        value = self._fields.get(name, default)
        if not isinstance(value, bool):
            raise Impossible("invalid_field", f"The field {name!r} must be true or false.")
        return value

    def number(self, name: str) -> float | None:
        """A number that may be missing."""
        value = self._fields.get(name)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise Impossible("invalid_field", f"The field {name!r} must be a number.")
        return float(value)

    def table(self, name: str) -> Json:
        """An object that may be missing."""
        value = self._fields.get(name) or {}
        if not isinstance(value, dict):
            raise Impossible("invalid_field", f"The field {name!r} must be an object.")
        return value

    def names(self, name: str) -> list[str]:
        """A list of texts."""
        value = self._fields.get(name)
        if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
            raise Impossible("invalid_field", f"The field {name!r} must be a list of texts.")
        return value

    def others(self, *known: str) -> dict[str, Any]:
        """Every field but these."""
        return {name: value for name, value in self._fields.items() if name not in known}


def guarded(endpoint: Endpoint) -> Endpoint:
    """Say what is impossible as a 4xx with a word and a sentence."""

    async def answer(request: Request) -> Response:
        try:
            return await endpoint(request)
        except Impossible as error:
            status = 404 if error.word.startswith("unknown_") else 400
            return JSONResponse({"error": error.word, "what": error.what}, status)
        except ClientDisconnect:
            return Response(status_code=400)

    return answer
