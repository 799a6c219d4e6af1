"""Hostile and broken files end in a sentence with a line, quickly, and nothing in them is ever run."""

from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from bot.config import yaml_lines
from bot.config.loader import ConfigFaults, load
from bot.config.yaml_lines import ALIAS_LIMIT, DEPTH_LIMIT, SIZE_LIMIT, decode, parse


def refused(tmp_path: Path, content: bytes) -> list[str]:
    path = tmp_path / "c.yaml"
    path.write_bytes(content)
    with pytest.raises(ConfigFaults) as caught:
        load(path, {})
    return [line.removeprefix(f"{tmp_path}/") for line in str(caught.value).splitlines()]


HOSTILE = [
    (b"slack: !!python/object/apply:os.system [echo]\n", "c.yaml:1: the tag tag:yaml.org,2002:python/object/apply:os.system is not allowed"),
    (b"slack:\n  channel: !include x\n", "c.yaml:2: the tag !include is not allowed"),
    (b"a: 1\nslack: {\n", "c.yaml:3: this is not YAML: did not find expected node content while parsing a flow node, at “the end of the file”"),
    (b"slack:\n\tmode: socket\n", "c.yaml:2: this is not YAML: found character that cannot start any token while scanning for the next token, at “mode: socket”; mend this line or the one above; indent with spaces, not tabs"),
    (b"slack:\n  mode: socket\n channel: x\n", "c.yaml:3: this is not YAML: did not find expected key while parsing a block mapping, at “channel: x”"),
    (b"slack: {mode: socket}\nslack: {mode: http}\n", "c.yaml:2: the key “slack” stands here a second time (first: line 1); keep one"),
    (b"slack:\n  mode: http\n  mode: http\n", "c.yaml:3: the key “mode” stands here a second time (first: line 2); keep one"),
    (b"slack: {}\n---\nweb: {}\n", "c.yaml:3: a second document begins here; keep one document in the file"),
    (b"- a\n- b\n", "c.yaml:1: the file is not a mapping of sections"),
    (b"just text\n", "c.yaml:1: the file is not a mapping of sections"),
    (b"slack: *nothing\n", "c.yaml:1: the alias *nothing has no anchor before it"),
    (b"slack: &a\n  channels: *a\n", "c.yaml:2: the alias *a has no anchor before it"),
    (b"? [a, b]\n: c\n", "c.yaml:1: a key must be one word or text"),
    (b"base: &b {mode: http}\nslack:\n  <<: *b\n", "c.yaml:3: merge keys (<<) are not supported"),
    (b'slack:\n  channel: "\xff"\n', "c.yaml:2: byte 19 (0xff) is not UTF-8; save the file as UTF-8"),
    ("slack: {}\n".encode("utf-16"), "c.yaml:1: byte 0 (0xff) is not UTF-8; save the file as UTF-8"),
    (b"slack: {}\nweb: a\x07b\n", "c.yaml:2: character 16 is a control character"),
    (b"a: \x00\n", "c.yaml:1: character 3 is a control character"),
]  # fmt: skip


@pytest.mark.parametrize(("content", "expected"), HOSTILE)
def test_a_broken_file_is_refused_with_its_line(tmp_path: Path, content: bytes, expected: str) -> None:
    lines = refused(tmp_path, content)
    assert any(line.startswith(expected) for line in lines), lines


def test_twenty_megabytes_are_refused_unread(tmp_path: Path) -> None:
    (line,) = refused(tmp_path, b"a: " + b"x" * 20_000_000)
    assert (
        line
        == f"c.yaml: the file has 20,000,003 bytes, at most {SIZE_LIMIT:,} are read; split off what does not belong into a configuration"
    )


def test_a_file_that_claims_to_be_endless_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    with path.open("wb") as sparse:
        sparse.truncate(10**12)
    with pytest.raises(ConfigFaults, match="1,000,000,000,000 bytes"):
        load(path, {})


def test_a_billion_laughs_stop_early(tmp_path: Path) -> None:
    lines = ["l0: &l0 [a, a, a, a, a, a, a, a, a, a]"]
    lines += [f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 10)}]" for n in range(1, 12)]
    found = refused(tmp_path, "\n".join(lines).encode())
    assert any(f"aliases stand for more than {ALIAS_LIMIT:,} values" in line for line in found)


@pytest.mark.parametrize(("left", "right"), [("[", "]"), ("{a: ", "}")])
def test_deep_nesting_does_not_reach_the_stack(tmp_path: Path, left: str, right: str) -> None:
    (line, *_) = refused(tmp_path, f"slack: {left * 100_000}{right * 100_000}".encode())
    assert line.startswith(f"c.yaml:1: nested more than {DEPTH_LIMIT} levels deep")


def test_an_alias_inside_an_alias_cannot_go_around_the_depth() -> None:
    text = "\n".join(["a0: &a0 [x]", *(f"a{n}: &a{n} [[[*a{n - 1}]]]" for n in range(1, 30))])
    _, problems = parse(text, "f")
    assert [p.what for p in problems] == [f"nested more than {DEPTH_LIMIT} levels deep"]


def test_bom_and_windows_line_ends_are_fine(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_bytes(b'\xef\xbb\xbfslack:\r\n  channel: "#x"\r\n  mode: http\r\n')
    loaded = load(path, {})
    assert (loaded.setup.channel, loaded.place("slack", "mode").line) == ("#x", 3)


def test_plain_text_is_never_anything_else() -> None:
    tree, problems = parse("a: on\nb: 1.10\nc: 12:30\nd: 2026-01-01\ne: 0o17\nf: 1_000\ng: .inf\nh: 'null'\n", "f")
    assert problems == []
    assert tree.data == {
        "a": "on",
        "b": "1.10",
        "c": "12:30",
        "d": "2026-01-01",
        "e": "0o17",
        "f": "1_000",
        "g": ".inf",
        "h": "null",
    }


def test_nothing_null_and_tilde_are_nothing() -> None:
    assert parse("a:\nb: null\nc: ~\nd: ''\n", "f")[0].data == {"a": None, "b": None, "c": None, "d": ""}


def test_an_alias_may_stand_for_a_whole_value_and_keeps_its_place() -> None:
    tree, problems = parse("a: &x\n  k: v\nb: *x\n", "f")
    assert problems == []
    assert tree.data == {"a": {"k": "v"}, "b": {"k": "v"}}
    assert (tree.place(("b",)).line, tree.place(("b", "k")).line) == (3, 2)


def test_both_parsers_say_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "a: &x [1, 'two', {k: }]\nb: *x\nc:\n- d: |\n    long\n    text\n"
    with_c, _ = parse(text, "f")
    monkeypatch.setattr(yaml_lines, "_LOADER", yaml.BaseLoader)
    assert parse(text, "f")[0] == with_c


PLAIN = st.recursive(
    st.text(st.characters(codec="utf-8", exclude_categories=["C"], exclude_characters="\x85\u2028\u2029"), min_size=1),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text("abcxyz-_", min_size=1, max_size=6), inner, max_size=3)
    ),
    max_leaves=12,
)


@given(PLAIN)
def test_what_is_written_quoted_is_read_unchanged(value: object) -> None:
    text = yaml.safe_dump({"k": value}, default_style='"', allow_unicode=True, width=10_000)
    tree, problems = parse(text.replace("!!null ", ""), "f")
    assert problems == []
    assert tree.data == {"k": value}


@given(st.binary(max_size=200))
def test_no_bytes_make_it_fall_over(content: bytes) -> None:
    text, problems = decode(content, "f")
    if not problems:
        tree, problems = parse(text, "f")
        assert tree.place(()).file == "f"
    assert all(problem.what and problem.file == "f" for problem in problems)


@given(st.text("abc:-[]{}&*!|>'\"#,? \n\t~<", max_size=120))
def test_no_punctuation_makes_it_fall_over(text: str) -> None:
    _, problems = parse(text, "f")
    lines = text.count("\n") + 2
    assert all(1 <= problem.line <= lines for problem in problems)
