"""What must never be committed: a registry's host, a path of somebody's machine, something shaped like a secret."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
LEFT_OUT = {".git", ".venv", ".venvs", ".demo", "build", "dist", "artefacts", "__pycache__", "results", "node_modules"}
CACHES = re.compile(r"\.\w+_cache$|\.hypothesis$|\.egg-info$")
# In pieces, so that this file holds none of them.
HOSTS = [".".join(parts) for parts in (("pypi", "org"), ("files", "pythonhosted", "org"), ("registry", "npmjs", "org"))]
SHAPES = {
    "a Slack token": r"xox[abeprs]-[0-9A-Za-z]{4,}|xapp-\d-[A-Z0-9]{6,}",
    "a key of a cloud": r"\bAKIA[0-9A-Z]{16}\b",
    "a private key": "-----BEGIN " + r"[A-Z ]*PRIVATE KEY-----",
    "a Grafana token": r"glsa_[0-9A-Za-z]{8,}",
}
MACHINE = re.compile(r"(?<![\w.:/-])/(?:work|root|home/\w+|Users/\w+)/[\w.-]")


def files() -> Iterator[tuple[str, str]]:
    """Every text file of the project with its name."""
    for folder, folders, names in os.walk(ROOT):
        folders[:] = [name for name in folders if name not in LEFT_OUT and not CACHES.search(name)]
        for name in names:
            path = Path(folder) / name
            if path.suffix in {".png", ".db", ".pyc"} or path.is_symlink():
                continue
            try:
                yield str(path.relative_to(ROOT)), path.read_text(encoding="utf-8")
            except (UnicodeDecodeError, FileNotFoundError):
                continue


def lines_with(pattern: str) -> list[str]:
    found = re.compile(pattern)
    return [
        f"{name}:{number}: {line.strip()[:120]}"
        for name, text in files()
        if found.search(text)
        for number, line in enumerate(text.splitlines(), start=1)
        if found.search(line)
    ]


def test_no_file_names_a_package_registry() -> None:
    assert lines_with("|".join(map(re.escape, HOSTS))) == []


def test_no_file_names_a_path_of_a_machine() -> None:
    assert lines_with(MACHINE.pattern) == []


def test_no_file_holds_what_looks_like_a_secret() -> None:
    for what, shape in SHAPES.items():
        assert lines_with(shape) == [], what


def test_locks_hold_a_hash_for_everything() -> None:
    for lock in (ROOT / "requirements").glob("*.lock"):
        entries = re.split(r"^(?=[\w.-]+==)", lock.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
        assert entries, lock.name
        for entry in entries:
            assert "--hash=sha256:" in entry, f"{lock.name}: {entry.splitlines()[0]}"
