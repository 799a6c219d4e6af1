"""Episodes: whatever is delivered, in whatever order and however often, the state in the end is the same."""

import itertools
from dataclasses import dataclass, field, replace
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.alert import (
    NAME_LIMIT,
    Alert,
    AlertStatus,
    Direction,
    Drift,
    DriftKind,
    Episode,
    EpisodeChange,
    LabelMapping,
    Reading,
    observe,
    reading_of,
    subject_of,
)
from tests.unit.worlds import T0, alert, minutes

FIRING, RESOLVED = AlertStatus.FIRING, AlertStatus.RESOLVED
OPENS = {EpisodeChange.OPENED}


@dataclass
class Memory:
    """What a store keeps of episodes: looked up by (fingerprint, starts_at), newest by fingerprint."""

    episodes: dict[tuple[str, datetime], Episode] = field(default_factory=dict)
    changes: list[tuple[str, datetime, EpisodeChange]] = field(default_factory=list)

    def take(self, one: Alert, now: datetime) -> EpisodeChange:
        key = (one.fingerprint, one.starts_at)
        mine = [e for e in self.episodes.values() if e.fingerprint == one.fingerprint]
        newest = max(mine, key=lambda e: e.starts_at, default=None)
        change, self.episodes[key] = observe(self.episodes.get(key), newest, one, now)
        self.changes.append((*key, change))
        return change


def delivered(pairs: tuple[tuple[int, AlertStatus], ...] | list[tuple[int, AlertStatus]]) -> Memory:
    memory = Memory()
    for place, (start, status) in enumerate(pairs):
        starts = T0 + minutes(start * 60)
        ends = starts + minutes(30) if status is RESOLVED else None
        memory.take(alert(status=status, starts_at=starts, ends_at=ends), T0 + minutes(place))
    return memory


DELIVERIES = st.lists(st.tuples(st.integers(0, 2), st.sampled_from([FIRING, RESOLVED])), min_size=1, max_size=8)


@given(DELIVERIES, st.randoms())
def test_any_order_and_any_repetition_end_in_the_same_state(
    pairs: list[tuple[int, AlertStatus]], chance: object
) -> None:
    shuffled = pairs * 2
    chance.shuffle(shuffled)  # type: ignore[attr-defined]  # hypothesis' own Random
    for memory in (delivered(pairs), delivered(shuffled)):
        state = {start: (e.status, e.ends_at) for (_, start), e in memory.episodes.items()}
        expected = {
            T0 + minutes(start * 60): (RESOLVED, T0 + minutes(start * 60 + 30))
            if (start, RESOLVED) in pairs
            else (FIRING, None)
            for start, _ in pairs
        }
        assert state == expected


@given(DELIVERIES)
def test_an_episode_is_opened_at_most_once_and_counts_every_delivery(pairs: list[tuple[int, AlertStatus]]) -> None:
    memory = delivered(pairs)
    for key, episode in memory.episodes.items():
        mine = [change for *place, change in memory.changes if tuple(place) == key]
        assert mine.count(EpisodeChange.OPENED) <= 1
        assert mine.count(EpisodeChange.RESOLVED) <= 1
        assert episode.deliveries == len(mine)


@given(DELIVERIES)
def test_nothing_opens_after_it_was_resolved_or_overtaken(pairs: list[tuple[int, AlertStatus]]) -> None:
    memory = delivered(pairs)
    for place, (start, status) in enumerate(pairs):
        before = pairs[:place]
        change = memory.changes[place][2]
        if change is EpisodeChange.OPENED:
            assert status is FIRING
            assert all(other < start for other, _ in before)
        if (start, RESOLVED) in before and status is FIRING:
            assert change is EpisodeChange.STALE


CASES = [
    ([FIRING], [EpisodeChange.OPENED]),
    ([FIRING, FIRING], [EpisodeChange.OPENED, EpisodeChange.REFRESHED]),
    ([FIRING, RESOLVED], [EpisodeChange.OPENED, EpisodeChange.RESOLVED]),
    ([FIRING, RESOLVED, RESOLVED], [EpisodeChange.OPENED, EpisodeChange.RESOLVED, EpisodeChange.REPEATED]),
    ([FIRING, RESOLVED, FIRING], [EpisodeChange.OPENED, EpisodeChange.RESOLVED, EpisodeChange.STALE]),
    ([RESOLVED], [EpisodeChange.UNKNOWN_RESOLVED]),
    ([RESOLVED, FIRING], [EpisodeChange.UNKNOWN_RESOLVED, EpisodeChange.STALE]),
]


@pytest.mark.parametrize(("statuses", "changes"), CASES)
def test_what_each_delivery_means(statuses: list[AlertStatus], changes: list[EpisodeChange]) -> None:
    assert [c for *_, c in delivered([(0, s) for s in statuses]).changes] == changes


def test_a_newer_start_is_a_new_episode_and_an_older_one_is_recorded_only() -> None:
    changes = [c for *_, c in delivered([(0, FIRING), (0, RESOLVED), (1, FIRING), (0, FIRING)]).changes]
    assert changes == [EpisodeChange.OPENED, EpisodeChange.RESOLVED, EpisodeChange.OPENED, EpisodeChange.STALE]
    assert delivered([(1, FIRING), (0, FIRING)]).changes[1][2] is EpisodeChange.STALE


def test_a_resolution_without_an_end_ends_when_it_was_learned() -> None:
    memory = Memory()
    memory.take(alert(), T0)
    memory.take(alert(status=RESOLVED), T0 + minutes(7))
    (episode,) = memory.episodes.values()
    assert episode.ends_at == T0 + minutes(7)


def test_time_never_runs_backwards_in_what_was_last_seen() -> None:
    memory = Memory()
    memory.take(alert(), T0 + minutes(9))
    memory.take(alert(), T0)
    (episode,) = memory.episodes.values()
    assert (episode.first_seen, episode.last_seen) == (T0 + minutes(9), T0 + minutes(9))


# ---------------------------------------------------------------- what it is about

MAPPING = LabelMapping(aliases={"fraud_v2": "fraud-detector"})


@pytest.mark.parametrize("label", LabelMapping().model)
def test_every_candidate_label_may_name_the_model(label: str) -> None:
    found = subject_of(alert(labels={label: " churn "}), MAPPING)
    assert (found.model, found.why) == ("churn", f"label {label}")


@given(st.lists(st.sampled_from(LabelMapping().model), min_size=1, unique=True))
def test_the_first_candidate_that_has_a_value_is_taken(present: list[str]) -> None:
    labels = {name: f"by-{name}" for name in present}
    first = min(present, key=MAPPING.model.index)
    assert subject_of(alert(labels=labels), MAPPING).model == f"by-{first}"


@pytest.mark.parametrize("bad", ["", "  ", "x" * (NAME_LIMIT + 1), "x" * 20_000, "two\nlines", "<!channel>\nx"])
def test_what_is_no_name_is_passed_over_and_an_unknown_model_is_said(bad: str) -> None:
    assert subject_of(alert(labels={"model_name": bad, "model": "churn"}), MAPPING).model == "churn"
    found = subject_of(alert(labels={"model_name": bad}), MAPPING)
    assert (found.model, found.why) == (None, "none of its labels names a model")


def test_aliases_and_the_models_that_are_known() -> None:
    assert subject_of(alert(labels={"model": "fraud_v2"}), MAPPING, ["fraud-detector"]).why == "label model"
    assert subject_of(alert(labels={"model": "fraud_v2"}), MAPPING, ["fraud-detector"]).model == "fraud-detector"
    found = subject_of(alert(labels={"model": "other"}), MAPPING, ["fraud-detector"])
    assert (found.model, found.why) == ("other", "label model; this model is not in the configuration")


@pytest.mark.parametrize(
    ("label", "plain"), [("v3", "3"), ("V12", "12"), ("3", "3"), ("v", "v"), ("vision", "vision"), ("v3.1", "v3.1")]
)
def test_versions_are_the_registrys_own_words(label: str, plain: str) -> None:
    assert subject_of(alert(labels={"model_version": label}), MAPPING).version == plain


# ---------------------------------------------------------------- numbers

NUMBERS = [
    ("0.31", 0.31), (" 1e-25 ", 1e-25), ("7%", 7.0), ("-3", -3.0), ("1_000", 1000.0), ("", None), ("high", None), ("nan", None),
    ("inf", None), ("-Infinity", None), ("0x10", None), ("1,5", None), ("9" * 400, None),
]  # fmt: skip


@pytest.mark.parametrize(("text", "number"), NUMBERS)
def test_a_number_is_read_or_left_out(text: str, number: float | None) -> None:
    found = reading_of(alert(annotations={"value": text, "threshold": "0.2"}), MAPPING)
    assert found == Reading("ModelFeatureDrift", number, 0.2)


@given(st.text(max_size=30))
def test_no_text_makes_reading_a_number_fail(text: str) -> None:
    found = reading_of(alert(annotations={"value": text, "limit": "1"}), MAPPING)
    assert found is not None
    assert found.value is None or abs(found.value) < float("inf")


def test_an_integrations_own_reading_goes_first_then_the_verdicts() -> None:
    own = Reading("errors", 7.0, 5.0)
    verdict = Drift(DriftKind.DATA, "ks p-value", 0.001, 0.05, Direction.BELOW)
    both = alert(annotations={"value": "9"}, drift=verdict)
    assert reading_of(replace(both, reading=own), MAPPING) == own
    assert reading_of(both, MAPPING) == Reading("ks p-value", 0.001, 0.05, Direction.BELOW)
    assert reading_of(replace(both, drift=replace(verdict, score=None)), MAPPING) == Reading("ModelFeatureDrift", 9.0)
    assert reading_of(alert(), MAPPING) is None
    named = alert(annotations={"value": "9"}, labels={"metric": "psi"})
    assert reading_of(named, MAPPING) == Reading("psi", 9.0)


def test_the_summary_is_the_sources_own_first_sentence() -> None:
    keys = ("summary", "title", "message", "description")
    for size in range(len(keys) + 1):
        for chosen in itertools.combinations(keys, size):
            found = alert(annotations={**dict.fromkeys(keys, "  "), **{k: f" {k} " for k in chosen}}).summary
            assert found == (chosen[0] if chosen else "ModelFeatureDrift")


@pytest.mark.parametrize(
    ("text", "model", "why"),
    [
        ("drift of churn.", "churn", "mentioned in its text"),
        ("(churn)", "churn", "mentioned in its text"),
        ("Churn", None, "names no configured model"),
        ("churn-v2 churns, models/churn, my.churn, churn.csv, x_churn", None, "names no configured model"),
        ("kunden-abgang burns", "churn", "mentioned in its text"),
        ("churn and kunden-abgang", "churn", "mentioned in its text"),
        ("churn or pricing", None, "its text mentions several: churn, pricing"),
        ("", None, "names no configured model"),
    ],
)
def test_words_alone_name_a_model_only_as_a_word_and_alone(text: str, model: str | None, why: str) -> None:
    mapping = LabelMapping(aliases={"kunden-abgang": "churn"})
    heard = replace(alert(), labels={}, annotations={"summary": text}, low_fidelity=True)
    found = subject_of(heard, mapping, ("churn", "pricing"))
    assert found.model == model
    assert why in found.why
    told = replace(heard, low_fidelity=False)
    assert subject_of(told, mapping, ("churn", "pricing")).model is None, "what has labels is never read like that"
