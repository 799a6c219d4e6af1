"""The token that the program makes for itself: once, kept, never empty, and said where."""

import stat
from pathlib import Path

import pytest

from bot.domain.errors import BadInput
from bot.web.token import kept


def test_made_once_and_for_its_owner_only(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "mlops-bot.token"
    token = kept(path)
    assert len(token) >= 32
    assert kept(path) == token
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [record.getMessage() for record in caplog.records] == [
        f"a bearer token for /alerts and /api was made: it is in {path}"
    ]
    assert token not in caplog.text
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("left", [b"", b"\n", b"  \r\n"])
def test_an_empty_file_is_no_token(tmp_path: Path, left: bytes) -> None:
    """A full disk leaves one: the key of links would be one that anybody can guess, and every source would get a 401."""
    path = tmp_path / "mlops-bot.token"
    path.write_bytes(left)
    token = kept(path)
    assert len(token) >= 32
    assert kept(path) == token


def test_what_can_not_be_a_file_of_a_token(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    binary = tmp_path / "binary"
    binary.write_bytes(b"\xff\xfe\x00")
    for path in (folder, binary, tmp_path / "missing" / "mlops-bot.token"):
        with pytest.raises(BadInput) as caught:
            kept(path)
        assert str(path) in caught.value.what
        assert "MLOPS_BOT_WEB__TOKEN" in caught.value.next_step
