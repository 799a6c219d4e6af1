"""Every method that the sandbox has."""

from collections.abc import Mapping

from sandbox.api import (
    basics,
    chat,
    chat_later,
    conversations_read,
    conversations_write,
    files,
    marks,
    people,
    views,
)
from sandbox.api.method import Handler

METHODS: Mapping[str, Handler] = {
    **basics.METHODS,
    **chat.METHODS,
    **chat_later.METHODS,
    **conversations_read.METHODS,
    **conversations_write.METHODS,
    **files.METHODS,
    **marks.METHODS,
    **people.METHODS,
    **views.METHODS,
}
