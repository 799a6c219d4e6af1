"""An API method says no, in Slack's words."""

from collections.abc import Sequence


class Refused(Exception):
    """`code` is one that the reference lists for the method; `messages` end up in `response_metadata`."""

    def __init__(self, code: str, messages: Sequence[str] = (), **more: object) -> None:
        super().__init__(code)
        self.code = code
        self.messages = tuple(messages)
        self.more = more
