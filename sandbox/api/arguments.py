"""Arguments as clients send them: in the query, in a form, in JSON, or in several of these at once."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

from starlette.datastructures import UploadFile
from starlette.requests import Request

from sandbox.api.refused import Refused
from sandbox.bodies import loads, read
from sandbox.workspace.values import Json

MOST_BYTES = 4_000_000
FORM = ("application/x-www-form-urlencoded", "multipart/form-data")
DECODED = frozenset(
    {
        "attachments",
        "blocks",
        "changes",
        "chunks",
        "criteria",
        "document_content",
        "files",
        "message",
        "metadata",
        "prompts",
        "view",
    }
)
"""Arguments that are structures; in a form they come as JSON in a string."""


async def merged(request: Request) -> Json:
    """All arguments of a request; what stands in the body wins. Raises Refused and TooLarge."""
    given: Json = dict(request.query_params)
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if request.method == "GET":
        return given
    if content_type == "multipart/form-data":
        form = await request.form()
        return given | {name: value for name, value in form.items() if not isinstance(value, UploadFile)}
    body = await read(request, MOST_BYTES)
    if not body:
        return given
    try:
        text = body.decode()
    except UnicodeDecodeError:
        raise Refused("invalid_charset") from None
    if content_type == "application/json":
        return given | _object(text)
    if content_type == FORM[0]:
        return given | dict(parse_qsl(text, keep_blank_values=True))
    raise Refused("invalid_post_type" if content_type else "missing_post_type")


def _object(text: str) -> Json:
    try:
        found = loads(text)
    except ValueError:
        raise Refused("invalid_arguments", ["[ERROR] the body is not JSON"]) from None
    if not isinstance(found, dict):
        raise Refused("invalid_arguments", ["[ERROR] the body is not a JSON object"])
    return found


class Arguments:
    """Reading them, whatever way they came. What can't be read is refused with `invalid_arguments`."""

    def __init__(self, given: Mapping[str, Any]) -> None:
        self._given = {name: value for name, value in given.items() if value is not None}

    def __contains__(self, name: str) -> bool:
        return self._given.get(name) not in (None, "")

    def given(self, name: str) -> bool:
        """Whether it was sent at all, were it empty."""
        return name in self._given

    def text(self, name: str) -> str:
        """A text; empty when it isn't given."""
        value = self._given.get(name, "")
        if isinstance(value, bool | dict | list):
            raise _wrong(name, "must be a string")
        return str(value)

    def flag(self, name: str, default: bool = False) -> bool:
        """A yes or no, in any of the forms that clients use."""
        value = self._given.get(name)
        if value is None or value == "":
            return default
        return value is True or str(value).lower() in {"1", "true", "t", "yes"}

    def number(self, name: str, default: int) -> int:
        """A whole number."""
        value = self.text(name)
        if not value:
            return default
        try:
            return int(float(value))
        except (ValueError, OverflowError):
            raise _wrong(name, "must be a number") from None

    def names(self, name: str) -> list[str]:
        """A list of names: with commas between, as JSON, or as it is."""
        value = self._given.get(name)
        if isinstance(value, list):
            return [str(one) for one in value]
        text = self.text(name)
        if text.startswith("["):
            found = _decoded(text)
            if isinstance(found, list):
                return [str(one) for one in found]
        return [part.strip() for part in text.split(",") if part.strip()]

    def structure(self, name: str) -> Any:
        """An object or a list; a string that can't be decoded comes back as it is, for the method to judge."""
        value = self._given.get(name)
        if isinstance(value, str):
            return _decoded(value) if value.strip() else None
        return value

    def shown(self) -> Json:
        """For the list of calls: without the token, with the structures decoded."""
        return {
            name: self.structure(name) if name in DECODED else value
            for name, value in self._given.items()
            if name != "token"
        }


def _decoded(text: str) -> Any:
    try:
        return loads(text)
    except ValueError:
        return text


def _wrong(name: str, what: str) -> Refused:
    return Refused("invalid_arguments", [f"[ERROR] {what} [json-pointer:/{name}]"])
