"""The raw settings: a file, overridden by the environment, with secrets taken only from where they may stand."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path as FilePath
from typing import Any
from urllib.parse import urlsplit

from pydantic import BaseModel

from bot.config.fields import near
from bot.config.problems import Gravity, Place, Problem
from bot.config.settings import Settings
from bot.config.shape import Shape, Sort, secrets
from bot.config.yaml_lines import SIZE_LIMIT, Path, Tree, decode, parse, too_large

PREFIX = "MLOPS_BOT_"
SECRET_FILE_LIMIT = 64_000
_SECRET_NAME = re.compile(r"token|secret|password|passwd|api_?key|private_?key|credential", re.IGNORECASE)
_KUBERNETES = re.compile(r"SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT(_\d+_(TCP|UDP)(_\w+)?)?")
"""A Kubernetes Service named `mlops-bot` puts these variables into every pod of its namespace."""

Schemas = Mapping[str, type[BaseModel]]


@dataclass(slots=True)
class Raw:
    """Text, lists and maps with the place of each, and the faults found on the way."""

    tree: Tree = field(default_factory=lambda: Tree(data={}))
    problems: list[Problem] = field(default_factory=list)

    def add(self, path: Path, what: str, fix: str, severity: Gravity = Gravity.ERROR) -> None:
        """Note a fault at the place of a path."""
        place = self.tree.place(path)
        self.problems.append(Problem(place.file, place.line, what, fix, severity))

    def get(self, path: Path) -> Any:
        """The value at a path, or `None`."""
        value: Any = self.tree.data
        for key in path:
            value = _item(value, key)
        return value

    def put(self, path: Path, value: Any) -> None:
        """Set a value; maps on the way are copied, because aliases share them."""
        self.tree.data = _put(self.tree.data, path, value)

    def drop(self, path: Path) -> None:
        """Remove a value, so that the default stands in its place; later items of a list move up, with their places."""
        self.tree.data = _drop(self.tree.data, path)
        *around, last = path
        if isinstance(last, int):
            self.tree.places = dict(_moved(self.tree.places, tuple(around), last))


def expected(schemas: Schemas, path: Path) -> Shape | None:
    """What may stand at a path: the program's settings, and below `integrations` the integration's own."""
    shape: Shape | None = Shape(Sort.SECTION, model=Settings)
    for place, key in enumerate(path):
        schema = schemas.get(str(key)) if place == 1 and path[0] == "integrations" else None
        shape = Shape(Sort.SECTION, model=schema) if schema else (shape.child(key) if shape else None)
    return shape


# ---------------------------------------------------------------- the file


def read_file(path: FilePath) -> Raw:
    """The file as it stands, with its syntax faults."""
    name = str(path)
    try:
        size = path.stat().st_size
        if size > SIZE_LIMIT:
            return Raw(Tree(data={}, places={(): Place(name)}), [too_large(name, size)])
        content = path.read_bytes()
    except OSError as error:
        what = f"the file can't be read: {error.strerror or error}"
        fix = "name an existing file with --config, or leave it out to use the defaults"
        return Raw(problems=[Problem(name, 0, what, fix)])
    text, problems = decode(content, name)
    if problems:
        return Raw(Tree(data={}, places={(): Place(name)}), problems)
    tree, problems = parse(text, name)
    if tree.data is None:
        tree.data = {}
    if not isinstance(tree.data, dict):
        place = tree.place(())
        tree.data = {}
        known = ", ".join(Settings.model_fields)
        problems.append(Problem(place.file, place.line, "the file is not a mapping of sections", f"sections: {known}"))
    return Raw(tree, problems)


# ---------------------------------------------------------------- the environment


def override(raw: Raw, environ: Mapping[str, str], schemas: Schemas) -> None:
    """Let `MLOPS_BOT_<SECTION>__<KEY>` go before the file. Unknown variables are reported."""
    for name in sorted(environ):
        if not name.startswith(PREFIX) or _KUBERNETES.fullmatch(name[len(PREFIX) :]):
            continue
        if not environ[name].strip():
            continue
        parts = [part.lower() for part in name[len(PREFIX) :].split("__")]
        if len(parts) < 2:
            fix = f"{near(parts[0], Settings.model_fields)}; the form is {PREFIX}<SECTION>__<KEY>"
            what = "this variable is not a setting and was not used"
            raw.problems.append(Problem(name, 0, what, fix, Gravity.WARNING))
            continue
        _override_one(raw, name, parts, environ[name], schemas)


def _override_one(raw: Raw, name: str, parts: list[str], text: str, schemas: Schemas) -> None:
    path: Path = ()
    for part in parts:
        shape = expected(schemas, path)
        if shape is None or shape.sort in {Sort.VALUE, Sort.SECRET, Sort.LIST}:
            what = f"{dotted(path)} has nothing under it, so “{part}” is unknown; the variable was not used"
            raw.problems.append(Problem(name, 0, what, f"set {PREFIX}{'__'.join(map(str, path)).upper()}"))
            return
        key = _key(shape, part, raw.get(path), schemas if path == ("integrations",) else {})
        if key is None:
            known = list(shape.model.model_fields) if shape.model else []
            what = f"there is no setting “{part}” in {dotted(path) or 'the configuration'}; the variable was not used"
            raw.problems.append(Problem(name, 0, what, near(part, known)))
            return
        path = (*path, key)
    shape = expected(schemas, path)
    # A secret that was pasted with a line break never fits; as it is when it is read from a file.
    value = text.strip() if shape is not None and shape.sort is Sort.SECRET else _value(raw, name, shape, text)
    raw.put(path, value)
    for old in [known for known in raw.tree.places if known[: len(path)] == path]:
        del raw.tree.places[old]
    raw.tree.places[path] = Place(name)


def _key(shape: Shape, part: str, present: Any, schemas: Schemas) -> str | None:
    """The key that a part of a variable's name means: in names, dashes and dots are written as underscores."""
    if shape.sort is Sort.SECTION:
        return part if shape.child(part) is not None else None
    keys = [*(present if isinstance(present, Mapping) else ()), *schemas]
    return next((key for key in keys if re.sub(r"[^a-z0-9]", "_", str(key).casefold()) == part), part)


def _value(raw: Raw, name: str, shape: Shape | None, text: str) -> Any:
    """The variable's text, or what it says as YAML where a list or a map is wanted."""
    wants_yaml = shape is not None and shape.sort in {Sort.LIST, Sort.MAP, Sort.SECTION}
    guess = shape is not None and shape.sort is Sort.ANYTHING and text.lstrip()[:1] in {"[", "{"}
    if not wants_yaml and not guess:
        return text
    tree, problems = parse(text, name)
    raw.problems.extend(Problem(name, 0, p.what, p.fix, p.severity) for p in problems)
    return tree.data


# ---------------------------------------------------------------- secrets


def keep_secrets_out(raw: Raw, environ: Mapping[str, str], schemas: Schemas) -> None:
    """Refuse every secret that stands literally in the file."""
    shape = Shape(Sort.SECTION, model=Settings)
    found = [path for path in secrets(shape, raw.tree.data) if path[0] != "integrations"]
    integrations = raw.get(("integrations",))
    for slug, given in integrations.items() if isinstance(integrations, Mapping) else ():
        schema = schemas.get(str(slug))
        if schema is not None:
            below = secrets(Shape(Sort.SECTION, model=schema), given)
        else:
            names = given if isinstance(given, Mapping) else {}
            below = ((n,) for n in names if _SECRET_NAME.search(str(n)) and not str(n).endswith("_file"))
        found.extend(("integrations", slug, *path) for path in below)
    for path in found:
        if raw.get(path) is not None and raw.tree.place(path).file not in environ:
            what = f"{dotted(path)} is a secret and stands in the file; it was not read"
            home = f"{variable(path)}, or into the file that {path[-1]}_file names"
            raw.add(path, what, f"make a new one (this one is known now) and put it into {home}")
            raw.drop(path)
    _no_password(raw, environ)


def _no_password(raw: Raw, environ: Mapping[str, str]) -> None:
    path = ("database", "url")
    url = raw.get(path)
    if not isinstance(url, str) or raw.tree.place(path).file in environ:
        return
    try:
        password = urlsplit(url).password
    except ValueError:
        password = None
    if password or re.search(r"[?&]password=", url):
        fix = f"put the whole address into {variable(path)}, or into a file named by url_file"
        raw.add(path, "database.url holds a password; it was not read", fix)
        raw.drop(path)


def read_secret_files(raw: Raw, environ: Mapping[str, str], schemas: Schemas, base: FilePath, *, read: bool) -> None:
    """Take secrets out of the files that `*_file` names. The environment goes before a file."""
    for path in list(_file_keys(raw, schemas)):
        target = (*path[:-1], str(path[-1]).removesuffix("_file"))
        named = raw.get(path)
        if not isinstance(named, str):
            continue
        if path[0] == "integrations":
            raw.drop(path)
        if raw.get(target) is not None and raw.tree.place(target).file in environ:
            continue
        secret = _read_secret(raw, path, base / named, read=read)
        if secret is not None:
            raw.put(target, secret)
            raw.tree.places[target] = raw.tree.place(path)


def _file_keys(raw: Raw, schemas: Schemas) -> list[Path]:
    found: list[Path] = []
    for section, given in raw.tree.data.items() if isinstance(raw.tree.data, Mapping) else ():
        if section == "integrations" and isinstance(given, Mapping):
            for slug, settings in given.items():
                for key in settings if isinstance(settings, Mapping) else ():
                    schema = schemas.get(str(slug))
                    declared = schema is not None and str(key) in schema.model_fields
                    if str(key).endswith("_file") and not declared and expected(schemas, ("integrations", slug, key)):
                        found.append(("integrations", slug, key))
        elif isinstance(given, Mapping):
            found.extend(
                (section, key) for key in given if str(key).endswith("_file") and expected(schemas, (section, key))
            )
    return found


def _read_secret(raw: Raw, path: Path, file: FilePath, *, read: bool) -> str | None:
    try:
        content = file.read_bytes() if file.stat().st_size <= SECRET_FILE_LIMIT else None
        text = "" if content is None else content.decode("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        severity = Gravity.ERROR if read else Gravity.WARNING
        raw.add(path, f"{dotted(path)}: {file} can't be read: {reason}", "name a readable file", severity)
        return None
    if not text:
        what = f"{dotted(path)}: {file} is empty, or larger than {SECRET_FILE_LIMIT:,} bytes"
        raw.add(path, what, "put only the secret into it")
        return None
    return text


# ---------------------------------------------------------------- paths


def dotted(path: Path) -> str:
    """A path as people read it: `slack.bot_token`, `routing.rules[2].words`."""
    shown = ""
    for key in path:
        shown += f"[{key}]" if isinstance(key, int) else f"{'.' if shown else ''}{str(key)[:60]}"
    return shown


def variable(path: Path) -> str:
    """The environment variable that overrides a path."""
    return PREFIX + "__".join(re.sub(r"[^A-Za-z0-9]", "_", str(key)).upper() for key in path)


def _item(value: Any, key: str | int) -> Any:
    if isinstance(value, Mapping):
        return value.get(key)
    return value[key] if isinstance(value, list) and isinstance(key, int) and key < len(value) else None


def _put(data: Any, path: Path, value: Any) -> Any:
    if not path:
        return value
    copy = dict(data) if isinstance(data, Mapping) else {}
    key = str(path[0])
    copy[key] = _put(copy.get(key), path[1:], value)
    return copy


def _moved(places: Mapping[Path, Place], around: Path, gone: int) -> Iterator[tuple[Path, Place]]:
    depth = len(around)
    for path, place in places.items():
        key = path[depth] if len(path) > depth and path[:depth] == around else None
        if not isinstance(key, int) or key < gone:
            yield path, place
        elif key > gone:
            yield (*around, key - 1, *path[depth + 1 :]), place


def _drop(data: Any, path: Path) -> Any:
    head, rest = path[0], path[1:]
    if isinstance(data, list) and isinstance(head, int) and head < len(data):
        changed = [_drop(item, rest) if place == head else item for place, item in enumerate(data)] if rest else data
        return changed if rest else [item for place, item in enumerate(data) if place != head]
    if isinstance(data, Mapping) and head in data:
        return {key: _drop(item, rest) if key == head else item for key, item in data.items() if rest or key != head}
    return data
