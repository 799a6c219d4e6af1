"""A runbook that can't be used is refused by day, at its line."""

from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.config.runbook_files import SIZE_LIMIT, STEPS, USES, load_directory, load_file, merge, read
from bot.domain.plan import OperationKind
from bot.domain.routing import Phase
from bot.domain.runbook import Runbook, Step

GOOD = """\
---
title: A model has drifted
owner: data_scientist
reviewed: 2026-07-02
when:
  phases: [Model Retraining & Versioning, deployment]
  alerts: 'drift|psi'
  labels: {team: payments}
  models: [fraud]
steps:
  - Look at the feature.
  - text: Roll back.
    uses: rollback
    command: /mlops rollback {model} --incident {incident}
verify: The score is low again.
---

# Why

Because.
"""


def test_a_good_file_is_read_whole() -> None:
    runbook, problems = read(GOOD, Path("rb/model-drift.md"))
    assert problems == ()
    assert runbook is not None
    assert (runbook.slug, runbook.title, runbook.owner) == ("model-drift", "A model has drifted", "data scientist")
    assert runbook.reviewed == date(2026, 7, 2)
    assert runbook.when.phases == (Phase.RETRAINING, Phase.DEPLOYMENT)
    assert (runbook.when.alerts, runbook.when.labels, runbook.when.models) == (
        ("drift|psi",),
        {"team": "payments"},
        ("fraud",),
    )
    assert runbook.steps == (
        Step("Look at the feature."),
        Step("Roll back.", "rollback", "/mlops rollback {model} --incident {incident}"),
    )
    assert runbook.verify == "The score is low again."
    assert runbook.prose == "# Why\n\nBecause."
    assert runbook.origin == "rb/model-drift.md"


def test_windows_line_ends_and_a_byte_order_mark_are_fine(tmp_path: Path) -> None:
    path = tmp_path / "a.md"
    path.write_bytes(b"\xef\xbb\xbf" + GOOD.replace("\n", "\r\n").encode())
    runbook, problems = load_file(path)
    assert problems == ()
    assert runbook is not None
    assert runbook.prose == "# Why\n\nBecause."


BAD = [
    (("---\ntitle", "title"), "a.md:1: has no front matter; begin the file with ---, the keys, and --- again"),
    (("---\n\n# Why", "\n# Why"), "a.md:1: the front matter has no end; close it with a line of ---"),
    (("title: A model has drifted\n", ""), "a.md:2: title: is missing; add it to the front matter"),
    (("title: A model has drifted", f"title: {'x' * 81}"), "a.md:2: title: is too long for a phone; a step has at most 200 characters, a title 80; say why in the prose"),
    (("title: A model has drifted", "title: [a]"), "a.md:2: title: is not a text; write one text; quote it if it holds a colon"),
    (("title: A model has drifted", "title: "), "a.md:2: title: is not a text; write one text; quote it if it holds a colon"),
    (("owner: data_scientist", "owner: boss"), "a.md:3: owner: “boss” is not a role; there are: data_scientist, ml_engineer, devops_mlops_engineer, data_engineer, product_manager"),
    (("owner:", "ownr:"), "a.md:2: owner: is missing; add it to the front matter\na.md:3: ownr: there is no such key; did you mean “owner”?"),
    (("2026-07-02", "July"), "a.md:4: reviewed: “July” is not a date; write it as 2026-07-02"),
    (("deployment]", "deplyoment]"), "a.md:6: when.phases.1: “deplyoment” is not a phase; did you mean “Deployment”?"),
    (("'drift|psi'", "'drift('"), "a.md:7: when.alerts.0: the pattern “drift(” is not a regular expression: missing ), unterminated subpattern at position 5; mend it"),
    (("'drift|psi'", "['a', '.*']"), "a.md:7: when.alerts.1: the pattern “.*” matches an empty text, so it matches everything; ask for some text"),
    (("labels:", "label:"), "a.md:8: when.label: there is no such key; did you mean “labels”?"),
    (("  - Look at the feature.\n  - text", "  - txt: a\n    text"), "a.md:11: steps.0.txt: there is no such key; did you mean “text”?"),
    (("uses: rollback", "uses: rolback"), "a.md:13: steps.1.uses: the bot can't do “rolback”; did you mean “rollback”?"),
    (("/mlops rollback {model}", "/mlops rolback {model}"), "a.md:14: steps.1.command: there is no command “rolback”; did you mean “rollback”?"),
    (("/mlops rollback {model}", "kubectl rollback {model}"), "a.md:14: steps.1.command: “kubectl rollback {model} --incident {incident}” is not a command of the bot; begin with /mlops and a command"),
    (("{incident}", "{inc}"), "a.md:14: steps.1.command: {inc} can't be filled in; use {model} and {incident} only"),
    (("{incident}", "{0.__class__}"), "a.md:14: steps.1.command: {0.__class__} can't be filled in; use {model} and {incident} only"),
    (("{incident}", "{"), "a.md:14: steps.1.command: “/mlops rollback {model} --incident {” has a lone brace; write {{ for a brace that is meant"),
    (("/mlops rollback {model}", "/mlops ack {model}"), "a.md:14: steps.1: uses rollback, but its command is “ack”; make the two say the same"),
    (("/mlops rollback", "/mlops drill"), "a.md:14: steps.1.command: the command “drill” does not exist in this version; write what a person does instead"),
    (("verify: The score is low again.\n", ""), "a.md:2: verify: is missing; add it to the front matter"),
    (("# Why\n\nBecause.\n", ""), "a.md:16: has no prose; say why, what can go wrong, and what not to do"),
    (("owner: data_scientist", "owner: data_scientist\nowner: ml_engineer"), "a.md:4: the key “owner” stands here a second time (first: line 3); keep one"),
    (("reviewed: 2026-07-02", "reviewed: !!python/name:os.system x"), "a.md:4: the tag tag:yaml.org,2002:python/name:os.system is not allowed; write the plain value"),
    (("owner: data_scientist", "owner: 'x"), "a.md:7: this is not YAML"),
]  # fmt: skip


@pytest.mark.parametrize(("change", "expected"), BAD, ids=[str(n) for n in range(len(BAD))])
def test_one_fault_has_its_line(tmp_path: Path, change: tuple[str, str], expected: str) -> None:
    assert change[0] in GOOD
    path = tmp_path / "a.md"
    path.write_text(GOOD.replace(*change))
    runbook, problems = load_file(path)
    assert runbook is None
    found = "\n".join(str(problem).removeprefix(f"{tmp_path}/") for problem in problems)
    assert found.startswith(expected)
    assert len(problems) == expected.count("\n") + 1


def test_a_runbook_without_conditions_or_steps() -> None:
    text = "---\ntitle: Abc\nowner: ml_engineer\nwhen: {}\nsteps: []\nverify: It is.\n---\nWhy\n"
    _, problems = read(text, Path("a.md"))
    assert [str(p) for p in problems] == ["a.md:5: steps: is empty; a runbook has at least one step"]
    _, problems = read(text.replace("[]", "[Look.]"), Path("a.md"))
    assert [str(p) for p in problems] == [
        "a.md:4: when: has no condition, so the runbook is never chosen; give it phases, alerts, labels or models"
    ]
    _, problems = read(text.replace("[]", str(["Look."] * (STEPS + 1))), Path("a.md"))
    assert [str(p) for p in problems] == [f"a.md:5: steps: has more than {STEPS} entries; split the runbook"]


def test_all_faults_of_a_file_are_told() -> None:
    text = GOOD.replace("uses: rollback", "uses: x").replace("owner: data_scientist", "owner: y").replace("July", "z")
    _, problems = read(text, Path("Bad_Name.md"))
    assert [p.line for p in problems] == [0, 3, 13]
    assert "is not a runbook's name" in problems[0].what


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"---",
        b"---\n---",
        b"\n---\n",
        b"---\n- a\n---\nx",
        b"---\nx\n---\nx",
        b"---\n" + b"[" * 5_000 + b"\n---\nx",
    ],
)
def test_a_head_that_is_no_mapping(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.md"
    path.write_bytes(content)
    runbook, problems = load_file(path)
    assert runbook is None
    assert problems


def test_an_oversized_or_binary_file(tmp_path: Path) -> None:
    path = tmp_path / "a.md"
    path.write_text(GOOD + "x" * SIZE_LIMIT)
    assert [p.what for p in load_file(path)[1]] == [f"has more than {SIZE_LIMIT:,} bytes"]
    path.write_bytes(GOOD.encode() + b"\n\xff")
    ((problem,)) = load_file(path)[1]
    assert (problem.line, problem.fix) == (GOOD.count("\n") + 2, "save the file as UTF-8")


def test_a_directory_is_read_with_its_folders_and_without_readmes(tmp_path: Path) -> None:
    (tmp_path / "team").mkdir()
    (tmp_path / "a.md").write_text(GOOD)
    (tmp_path / "README.md").write_text("# not a runbook")
    (tmp_path / "notes.txt").write_text("x")
    (tmp_path / "team" / "b.md").write_text(GOOD)
    found, problems = load_directory(tmp_path)
    assert ([r.slug for r in found], problems) == (["a", "b"], ())
    (tmp_path / "team" / "a.md").write_text(GOOD)
    found, problems = load_directory(tmp_path)
    assert [r.slug for r in found] == ["a", "b"]
    assert [str(p) for p in problems] == [
        f"{tmp_path}/team/a.md:1: the runbook “a” exists twice (first: {tmp_path}/a.md); rename one of the files"
    ]


def test_a_directory_that_is_not_there(tmp_path: Path) -> None:
    assert [p.what for p in load_directory(tmp_path / "gone")[1]] == ["there is no such directory"]


def test_a_later_directory_goes_before_an_earlier_one() -> None:
    def named(slug: str, title: str) -> Runbook:
        runbook, _ = read(GOOD.replace("A model has drifted", title), Path(f"{slug}.md"))
        assert runbook is not None
        return runbook

    merged = merge([(named("a", "First"), named("b", "Second")), (named("b", "Third"),)])
    assert [(r.slug, r.title) for r in merged] == [("a", "First"), ("b", "Third")]


def test_a_step_can_use_everything_that_an_operation_can_be() -> None:
    assert {use.replace("_", " ") for use in USES} == {kind.value for kind in OperationKind}


@given(st.text(max_size=200), st.text(max_size=100))
def test_no_text_makes_it_fall_over(head: str, prose: str) -> None:
    runbook, problems = read(f"---\n{head}\n---\n{prose}", Path("a.md"))
    assert runbook is None
    assert all(p.file == "a.md" for p in problems)
