"""A runbook's prose is read without any Markdown, and no word of it is lost."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.usecases.lists import show_runbook
from bot.usecases.markdown import parts_of
from bot.usecases.reply import Bullets, Code, Heading, Paragraph, Part
from tests.usecases.world import a_setup

PROSE = """# Why **now**

Most outages follow
a *change*: see `registry changed`.

- **Errors at once**: the model
  does not load.
- one
  - below it

1. first
2. second

```
curl x
```

> Mind [the docs](https://example.com/a) and <https://example.com/b>.
"""


def test_prose_becomes_parts_without_marks() -> None:
    assert parts_of(PROSE) == (
        Heading("Why now"),
        Paragraph("Most outages follow a change: see registry changed."),
        Bullets(("Errors at once: the model does not load.", "one below it")),
        Bullets(("first", "second"), ordered=True),
        Code("curl x"),
        Paragraph("Mind the docs (https://example.com/a) and https://example.com/b."),
    )


@pytest.mark.parametrize(("prose", "parts"), [
    ("", ()),
    ("#\n\n---\n\n-\n", ()),
    ("3. third\n4. fourth", (Bullets(("3. third", "4. fourth")),)),
    ("a_b_c * 2 and <b>html</b>", (Paragraph("a_b_c * 2 and <b>html</b>"),)),
    ("<div>\nraw\n</div>", (Paragraph("<div> raw </div>"),)),
    ("![a chart](https://example.com/c.png)", (Paragraph("a chart"),)),
])  # fmt: skip
def test_odd_prose(prose: str, parts: tuple[Part, ...]) -> None:
    assert parts_of(prose) == parts


@given(
    st.lists(st.from_regex(r"[a-z]{1,9}", fullmatch=True), max_size=20), st.sampled_from(["# ", "- ", "1. ", "> ", ""])
)
def test_no_word_is_lost(words: list[str], mark: str) -> None:
    shown = "\n".join(str(part) for part in parts_of("\n\n".join(f"{mark}**{word}** x" for word in words)))
    assert all(word in shown for word in words)


@pytest.mark.parametrize("runbook", a_setup().runbooks, ids=lambda runbook: runbook.slug)
def test_a_runbook_is_shown_without_markdown(runbook) -> None:
    for part in show_runbook(runbook).parts:
        said = part.text if isinstance(part, Paragraph | Heading) else " ".join(getattr(part, "items", ()))
        assert not re.search(r"^#|\*\*|\n", said, re.MULTILINE)
