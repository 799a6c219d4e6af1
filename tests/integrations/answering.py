"""A system on the other side of HTTP that gives prepared answers and remembers what it was asked."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

import httpx

from bot.kit.http import HttpClients, Limits
from tests.integrations.deliveries import ROOT


@dataclass
class Answering:
    """`answers` maps a path to a status and a JSON value, or to the error that breaks the connection."""

    answers: Mapping[str, tuple[int, object] | httpx.TransportError]
    asked: list[httpx.Request] = field(default_factory=list)

    def clients(self) -> HttpClients:
        return HttpClients(limits=Limits(attempts=1), transport=httpx.MockTransport(self._answer))

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        answer = self.answers[request.url.path]
        if isinstance(answer, httpx.TransportError):
            raise answer
        status, value = answer
        if isinstance(value, bytes):
            return httpx.Response(status, content=value)
        return httpx.Response(status, json=value)


def answer(slug: str, name: str) -> object:
    """A fixture that is an answer of an API."""
    return json.loads((ROOT / slug / "fixtures" / f"{name}.answer.json").read_bytes())
