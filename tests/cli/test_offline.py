"""Files that a verifier may meet and not read."""

import os
from pathlib import Path

import pytest

from bot.cli.offline import is_file, verify_file
from bot.domain.errors import BadInput

NOBODY = 65534


def test_a_file_that_may_not_be_read_is_said_to_be_one(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    (closed / "INC-1").write_text("secret")
    (closed / "INC-1").chmod(0)
    closed.chmod(0)
    before = os.geteuid()
    if before == 0:
        os.seteuid(NOBODY)  # root may read everything, so that root can't be refused
    try:
        assert is_file(str(closed / "INC-1"))
        with pytest.raises(BadInput) as refused:
            verify_file(closed / "INC-1")
    finally:
        os.seteuid(before)
        closed.chmod(0o700)
    assert refused.value.what == f"{closed / 'INC-1'} can't be read: Permission denied."
    assert refused.value.not_done == "Nothing was verified."


@pytest.mark.parametrize(("word", "means_a_file"), [
    ("INC-42", False), ("42", False), ("INC-42.md", True), ("./INC-42", True), ("a/b", True), ("x" * 300, True), ("", True), ("a\0b", False),
])  # fmt: skip
def test_a_word_is_a_file_or_an_incident(word: str, means_a_file: bool) -> None:
    assert is_file(word) is means_a_file
