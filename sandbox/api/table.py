"""Every method that the sandbox has."""

from collections.abc import Mapping

from sandbox.api import (
    basics,
    canvases,
    chat,
    chat_later,
    chat_stream,
    conversations_read,
    conversations_write,
    files,
    marks,
    people,
    threads,
    views,
)
from sandbox.api.method import Handler

METHODS: Mapping[str, Handler] = {
    **basics.METHODS,
    **canvases.METHODS,
    **chat.METHODS,
    **chat_later.METHODS,
    **chat_stream.METHODS,
    **conversations_read.METHODS,
    **conversations_write.METHODS,
    **files.METHODS,
    **marks.METHODS,
    **people.METHODS,
    **threads.METHODS,
    **views.METHODS,
}
