"""HTTP mode: everything is posted to the app's address, signed as Slack signs it."""

import hashlib
import hmac
import json
import time
from collections.abc import Callable
from urllib.parse import urlencode

import httpx

from sandbox.delivery.transport import Ack, Kind, NotDelivered, Retry
from sandbox.workspace.values import Json

FORM = "application/x-www-form-urlencoded"


class HttpTransport:
    """Posts to one address. The signature carries the machine's time: the app checks it against its own."""

    timeout_reason = "http_timeout"

    def __init__(self, url: str, signing_secret: Callable[[], str], wall: Callable[[], float] = time.time) -> None:
        self.url = url
        self._secret = signing_secret
        self._wall = wall
        self._client = httpx.AsyncClient(timeout=None, follow_redirects=False, trust_env=False)  # noqa: S113 - the caller's deadline

    async def close(self) -> None:
        """Let go of the connections."""
        await self._client.aclose()

    async def deliver(self, kind: Kind, payload: Json, retry: Retry) -> Ack:
        body, content_type = _body(kind, payload)
        headers = {"Content-Type": content_type, "User-Agent": "Slackbot 1.0 (sandbox)", **self._signature(body)}
        if retry.attempt:
            headers |= {"X-Slack-Retry-Num": str(retry.attempt), "X-Slack-Retry-Reason": retry.reason}
        try:
            answer = await self._client.post(self.url, content=body, headers=headers)
        except httpx.HTTPError as error:
            raise NotDelivered("connection_failed") from error
        if not answer.is_success:
            raise NotDelivered("http_error", final=answer.headers.get("X-Slack-No-Retry") == "1")
        return Ack(_payload(answer))

    async def verify(self) -> bool:
        """What Slack does when an address is set: it must give a challenge back."""
        challenge = {"type": "url_verification", "challenge": "are-you-there", "token": "sandbox"}
        body = json.dumps(challenge)
        headers = {"Content-Type": "application/json", **self._signature(body)}
        answer = await self._client.post(self.url, content=body, headers=headers)
        return answer.is_success and challenge["challenge"] in answer.text

    def _signature(self, body: str) -> dict[str, str]:
        stamp = str(int(self._wall()))
        digest = hmac.new(self._secret().encode(), f"v0:{stamp}:{body}".encode(), hashlib.sha256).hexdigest()
        return {"X-Slack-Request-Timestamp": stamp, "X-Slack-Signature": f"v0={digest}"}


def _body(kind: Kind, payload: Json) -> tuple[str, str]:
    match kind:
        case "events_api":
            return json.dumps(payload, ensure_ascii=False), "application/json"
        case "slash_commands":
            return urlencode({name: _form(value) for name, value in payload.items()}), FORM
        case "interactive":
            return urlencode({"payload": json.dumps(payload, ensure_ascii=False)}), FORM


def _form(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _payload(answer: httpx.Response) -> Json | None:
    text = answer.text.strip()
    if not text:
        return None
    try:
        found = json.loads(text)
    except ValueError:
        return {"text": text}
    return found if isinstance(found, dict) and found else None
