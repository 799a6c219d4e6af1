"""A version becomes a storageUri and is read off it again, whatever the template; settings that can't work are refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from bot.domain.errors import BadInput
from bot.kit.probing import plain
from integrations.kserve.manifest import Settings
from integrations.kserve.versions import Target, Versions, target_of

TARGET = Target("ml", "fraud")
TEMPLATES = (
    "s3://models/{name}/{version}",
    "s3://models/{name}/v{version}/",
    "models:/{name}/{version}",
    "gs://{namespace}-models/{name}/{version}/model",
    "s3://models/{version}/{name}-{version}.tar.gz",
    "pvc://a.b+c(d)/{version}",
)


def versions(**given_: object) -> Versions:
    return Versions(Settings.model_validate({"server": "https://kubernetes.example", **given_}))


@pytest.mark.parametrize("template", TEMPLATES)
@given(version=st.from_regex(r"\A[A-Za-z0-9][A-Za-z0-9._+-]{0,30}\Z"))
def test_what_is_written_is_read(template: str, version: str) -> None:
    known = versions(storage_uri=template)
    uri = known.uri(TARGET, version)
    assert "{" not in uri
    assert known.named(TARGET, {}, uri).version == plain(version)
    assert known.named(TARGET, {"mlops-bot/version": version}, uri).note == ""


@pytest.mark.parametrize("template", TEMPLATES)
@given(uri=st.text(max_size=60))
def test_any_other_text_is_no_crash(template: str, uri: str) -> None:
    found = versions(storage_uri=template).named(TARGET, {"mlops-bot/version": uri}, uri).version
    assert found is None or (found and found.isprintable())


@pytest.mark.parametrize(
    ("template", "uri"),
    [
        ("s3://models/{name}/{version}", "s3://models/churn/3"),
        ("s3://models/{name}/{version}", "s3://models/fraud/3/4"),
        ("s3://models/{version}/{name}-{version}.tar.gz", "s3://models/3/fraud-4.tar.gz"),
        ("s3://aa{version}aa", "s3://aaa"),
        ("s3://models/{name}/{version}", ""),
    ],
)
def test_what_does_not_fit_the_template_is_not_read_by_it(template: str, uri: str) -> None:
    assert versions(storage_uri=template).named(TARGET, {"mlops-bot/version": "9"}, uri).version == "9"


@pytest.mark.parametrize(
    ("given_", "version"),
    [("v3", "3"), ("V12", "12"), ("vision", "vision"), ("v", "v"), (" 3 ", "3"), (3, "3"), (None, ""), ({"a": 1}, ""),
     ("x" * 129, ""), ("a\x1b[31m", ""), (True, "")],
)  # fmt: skip
def test_a_version_is_called_as_the_registry_calls_it(given_: object, version: str) -> None:
    assert plain(given_) == version


def test_a_single_targets_template_goes_before() -> None:
    known = versions(storage_uri="s3://all/{version}", storage_uris={"ml/fraud": "gs://own/{version}"})
    assert known.uri(TARGET, "3") == "gs://own/3"
    assert known.uri(Target("ml", "churn"), "3") == "s3://all/3"


@pytest.mark.parametrize("version", ["", "/", "3/4", "..", ".3", "3 ", "3\n", "{version}", "é", "x" * 129])
def test_a_version_that_is_no_part_of_a_path_is_refused(version: str) -> None:
    with pytest.raises(BadInput):
        versions(storage_uri="s3://all/{version}").uri(TARGET, version)


@pytest.mark.parametrize(
    ("name", "target"),
    [("fraud", Target("ml", "fraud")), ("risk/fraud", Target("risk", "fraud"))],
)
def test_a_target_is_a_name_with_or_without_its_namespace(name: str, target: Target) -> None:
    assert target_of(name, "ml") == target
    assert str(target) == f"{target.namespace}/{target.name}"


@pytest.mark.parametrize(
    "given_",
    [
        {"storage_uri": "s3://models/fraud"},
        {"storage_uri": "{version}"},
        {"storage_uri": "s3://models/{version} x"},
        {"storage_uris": {"fraud": "s3://models/{version}"}},
        {"storage_uris": {"a/b/c": "s3://models/{version}"}},
        {"version_pattern": "("},
        {"version_pattern": "a"},
        {"version_pattern": "(a)(b)"},
        {"version_annotation": "not a name"},
        {"version_annotation": "mlops-bot/väersion"},
        {"model_url": "ftp://models.example"},
        {"anything": "else"},
    ],
)
def test_settings_that_can_not_work_are_refused(given_: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        versions(**given_)
