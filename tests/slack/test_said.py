"""Slack's own notation, undone: for commands as typed, for the record as read."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.slack.listeners.said import after_mention, readable, typed
from tests.slack.states import SETUP


@pytest.mark.parametrize(
    ("sent", "meant"),
    [
        ("a &lt; b &amp;&amp; c &gt; d", "a < b && c > d"),
        ("&amp;lt;", "&lt;"),
        ("&quot; &#39;", "&quot; &#39;"),
        ("assign INC-1 <@U0MLENG01|mika>", "assign INC-1 <@U0MLENG01|mika>"),
    ],
)
def test_as_typed(sent: str, meant: str) -> None:
    assert typed(sent) == meant


@pytest.mark.parametrize(
    ("sent", "read"),
    [
        ("<@U0MLENG01> look", "@Mika Laine look"),
        ("<@U0STRANGE|sam> look", "@sam look"),
        ("<@U0STRANGE> look", "@U0STRANGE look"),
        ("in <#C0INCIDENT|ml-incidents>", "in #ml-incidents"),
        ("<!channel> <!here|here> <!subteam^S1|@ml-oncall>", "@channel @here @ml-oncall"),
        ("<!date^1700000000^{date}|14 November>", "14 November"),
        ("<https://example.com/a|a graph>", "a graph (https://example.com/a)"),
        ("<https://example.com/a>", "https://example.com/a"),
        ("<https://example.com/?a=1&amp;b=2>", "https://example.com/?a=1&b=2"),
        ("1 &lt; 2 &amp; <mailto:a@b.c|a@b.c>", "1 < 2 & a@b.c (mailto:a@b.c)"),
        ("*bold* `code` :fire:", "*bold* `code` :fire:"),
        ("a < b > c", "a < b > c"),
    ],
)
def test_for_the_record(sent: str, read: str) -> None:
    assert readable(sent, SETUP.people) == read


@pytest.mark.parametrize(
    ("sent", "command"),
    [
        ("<@U0MLOPSBOT> ack INC-1", "ack INC-1"),
        ("hey <@U0MLOPSBOT>, ack INC-1", "ack INC-1"),
        ("<@U0MLOPSBOT|mlops>: note INC-1 a &amp; b", "note INC-1 a & b"),
        ("<@U0MLOPSBOT> assign INC-1 <@U0MLENG01>", "assign INC-1 <@U0MLENG01>"),
        ("<@U0MLOPSBOT>", ""),
        ("no mention", "no mention"),
    ],
)
def test_the_words_after_a_mention(sent: str, command: str) -> None:
    assert after_mention(sent) == command


@given(st.text(max_size=300))
def test_anything_can_be_read(sent: str) -> None:
    assert isinstance(readable(sent, SETUP.people), str)
    assert isinstance(after_mention(sent), str)
