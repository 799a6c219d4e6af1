"""The environment goes before the file; secrets come from it or from files, and from nowhere else."""

from pathlib import Path

import pytest

from bot.config.loader import ConfigFaults, Gravity, load
from bot.config.settings import SlackMode

SECRETS = [
    ("slack:\n  bot_token: bot-token-in-the-yaml\n", 2, "slack.bot_token", "MLOPS_BOT_SLACK__BOT_TOKEN"),
    ("slack: {mode: socket,\n app_token: app-token-in-the-yaml}\n", 2, "slack.app_token", "MLOPS_BOT_SLACK__APP_TOKEN"),
    ("slack:\n  signing_secret: 'abc'\n", 2, "slack.signing_secret", "MLOPS_BOT_SLACK__SIGNING_SECRET"),
    ("web:\n\n\n  token: abc\n", 4, "web.token", "MLOPS_BOT_WEB__TOKEN"),
    (
        "integrations:\n  mlflow:\n    api_key: abc\n",
        3,
        "integrations.mlflow.api_key",
        "MLOPS_BOT_INTEGRATIONS__MLFLOW__API_KEY",
    ),
    (
        "integrations: {mlflow: {password: abc}}\n",
        1,
        "integrations.mlflow.password",
        "MLOPS_BOT_INTEGRATIONS__MLFLOW__PASSWORD",
    ),
]


def put(tmp_path: Path, text: str, name: str = "c.yaml") -> Path:
    path = tmp_path / name
    path.write_text(text)
    return path


def refused(path: Path | None, environ: dict[str, str]) -> list[str]:
    with pytest.raises(ConfigFaults) as caught:
        load(path, environ, integrations=["mlflow"])
    return [str(p) for p in caught.value.problems if p.severity is Gravity.ERROR]


@pytest.mark.parametrize(("text", "line", "key", "variable"), SECRETS)
def test_a_secret_in_the_file_is_refused_and_not_repeated(
    tmp_path: Path, text: str, line: int, key: str, variable: str
) -> None:
    path = put(tmp_path, text)
    (found,) = refused(path, {})
    assert found.startswith(f"{path}:{line}: {key} is a secret and stands in the file; it was not read; ")
    assert f"put it into {variable}, or into the file that {key.rsplit('.', 1)[1]}_file names" in found
    assert "abc" not in found.replace(str(tmp_path), "")


def test_a_secret_in_the_file_is_refused_even_when_the_environment_overrides_another(tmp_path: Path) -> None:
    path = put(tmp_path, "slack:\n  app_token: xapp\n")
    assert len(refused(path, {"MLOPS_BOT_SLACK__BOT_TOKEN": "bot-token"})) == 1


@pytest.mark.parametrize("url", ["postgresql://bot:hunter2@db/x", "postgresql://db/x?user=bot&password=hunter2"])
def test_a_password_in_the_address_of_the_database_is_a_secret(tmp_path: Path, url: str) -> None:
    path = put(tmp_path, f"database:\n  url: {url}\n")
    (found,) = refused(path, {})
    assert found.startswith(f"{path}:2: database.url holds a password; it was not read; ")
    assert "hunter2" not in found
    loaded = load(None, {"MLOPS_BOT_DATABASE__URL": url})
    assert loaded.settings.database.url == url
    assert "hunter2" not in repr(loaded.settings)


def test_secrets_come_from_files_and_the_environment_goes_first(tmp_path: Path) -> None:
    put(tmp_path, "  bot-token-of-the-file \n", "bot")
    put(tmp_path, "web-file\n", "web")
    path = put(tmp_path, f"slack: {{bot_token_file: bot}}\nweb: {{token_file: {tmp_path}/web}}\n")
    settings = load(path, {"MLOPS_BOT_SLACK__BOT_TOKEN": "bot-token-of-the-environment"}).settings
    assert settings.slack.bot_token is not None
    assert settings.slack.bot_token.get_secret_value() == "bot-token-of-the-environment"
    settings = load(path, {}).settings
    assert settings.slack.bot_token is not None
    assert settings.web.token is not None
    assert (settings.slack.bot_token.get_secret_value(), settings.web.token.get_secret_value()) == (
        "bot-token-of-the-file",
        "web-file",
    )
    assert "bot-token-of-the-file" not in repr(settings)


def test_the_name_of_a_secret_file_may_come_from_the_environment(tmp_path: Path) -> None:
    secret = put(tmp_path, "sqlite:///other.db", "url")
    assert load(None, {"MLOPS_BOT_DATABASE__URL_FILE": str(secret)}).settings.database.url == "sqlite:///other.db"


def test_a_secret_file_that_is_missing_empty_or_no_text(tmp_path: Path) -> None:
    put(tmp_path, " \n", "empty")
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    (tmp_path / "huge").write_bytes(b"x" * 100_000)
    for name, reason in [
        ("gone", "can't be read: No such file or directory"), ("empty", "is empty, or larger"),
        ("binary", "can't be read: it is not text"), ("huge", "is empty, or larger"), (".", "can't be read: Is a directory"),
    ]:  # fmt: skip
        path = put(tmp_path, f"slack:\n  mode: socket\n  bot_token_file: {name}\n")
        (found,) = refused(path, {})
        assert found.startswith(f"{path}:3: slack.bot_token_file: {tmp_path / name}".rstrip("."))
        assert reason in found


def test_away_from_production_missing_secrets_are_only_warned_about(tmp_path: Path) -> None:
    path = put(tmp_path, "slack: {bot_token_file: gone}\nweb: {host: 0.0.0.0}\n")
    found = load(path, {}, secrets=False).findings
    assert [p.line for p in found if "gone" in p.what or "web.host" in p.what] == [1, 2]
    assert len(refused(path, {})) == 2


# ---------------------------------------------------------------- overrides


def test_the_names_that_are_promised_work() -> None:
    environ = {
        "MLOPS_BOT_SLACK__MODE": "http", "MLOPS_BOT_SLACK__API_URL": "http://127.0.0.1:8080/api/",
        "MLOPS_BOT_SLACK__BOT_TOKEN": "bot-token", "MLOPS_BOT_SLACK__APP_TOKEN": "app-token", "MLOPS_BOT_SLACK__SIGNING_SECRET": "s",
        "MLOPS_BOT_DATABASE__URL": "postgresql://u:p@h/d", "MLOPS_BOT_WEB__HOST": "0.0.0.0", "MLOPS_BOT_WEB__PORT": "0",
        "MLOPS_BOT_WEB__TOKEN": "t",
    }  # fmt: skip
    loaded = load(None, environ)
    slack, web = loaded.settings.slack, loaded.settings.web
    assert (slack.mode, slack.api_url, web.host, web.port) == (
        SlackMode.HTTP,
        "http://127.0.0.1:8080/api/",
        "0.0.0.0",
        0,
    )
    assert loaded.settings.database.url == "postgresql://u:p@h/d"
    assert slack.missing() == ()


def test_what_is_missing_to_connect_is_named_by_its_variable() -> None:
    assert load(None, {}).settings.slack.missing() == ("MLOPS_BOT_SLACK__BOT_TOKEN", "MLOPS_BOT_SLACK__APP_TOKEN")
    http = load(None, {"MLOPS_BOT_SLACK__MODE": "http", "MLOPS_BOT_SLACK__BOT_TOKEN": "x"}).settings.slack
    assert http.missing() == ("MLOPS_BOT_SLACK__SIGNING_SECRET",)


def test_lists_maps_and_names_with_dashes(tmp_path: Path) -> None:
    path = put(
        tmp_path, "models:\n  fraud-detector.v1: {team: a, environments: {p: {registry: {integration: mlflow}}}}\n"
    )
    environ = {
        "MLOPS_BOT_MODELS__FRAUD_DETECTOR_V1__TEAM": "payments",
        "MLOPS_BOT_MODELS__FRAUD_DETECTOR_V1__ALIASES": "[f, g]",
        "MLOPS_BOT_MODELS__CHURN": "{team: x, environments: {p: {registry: {integration: mlflow}}}}",
        "MLOPS_BOT_PEOPLE__ANA__NAME": "Ana: the first",
        "MLOPS_BOT_PEOPLE__ANA__ROLES": "[data_scientist, ml_engineer, devops_mlops_engineer, data_engineer, product_manager]",
        "MLOPS_BOT_POLICIES__PLAN_TTL": "20m",
        "MLOPS_BOT_DIGESTS__DAILY__ENABLED": "false",
    }
    loaded = load(path, environ, integrations=["mlflow"])
    assert loaded.settings.models["fraud-detector.v1"].team == "payments"
    assert loaded.settings.models["fraud-detector.v1"].aliases == ("f", "g")
    assert loaded.setup.team("churn") == "x"
    assert loaded.setup.name("ana") == "Ana: the first"
    assert not loaded.setup.digests["daily"].enabled
    assert str(loaded.place("models", "fraud-detector.v1", "team")) == "MLOPS_BOT_MODELS__FRAUD_DETECTOR_V1__TEAM"
    assert loaded.findings == ()


def test_an_override_that_is_wrong_is_named_in_the_place_of_a_line() -> None:
    assert refused(None, {"MLOPS_BOT_WEB__PORT": "x"}) == [
        "MLOPS_BOT_WEB__PORT: web.port: “x” is not a whole number; write digits only"
    ]
    assert refused(None, {"MLOPS_BOT_RUNBOOKS__DIRECTORIES": "[a"})[0].startswith(
        "MLOPS_BOT_RUNBOOKS__DIRECTORIES: this is not YAML"
    )


def test_an_override_repairs_a_wrong_line(tmp_path: Path) -> None:
    path = put(tmp_path, "slack:\n  mode: nonsense\n")
    assert load(path, {"MLOPS_BOT_SLACK__MODE": "http"}).settings.slack.mode is SlackMode.HTTP


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (
            "MLOPS_BOT_SLACK__CHANEL",
            "there is no setting “chanel” in slack; the variable was not used; did you mean “channel”?",
        ),
        (
            "MLOPS_BOT_SLAK__CHANNEL",
            "there is no setting “slak” in the configuration; the variable was not used; did you mean “slack”?",
        ),
        (
            "MLOPS_BOT_WEB__PORT__X",
            "web.port has nothing under it, so “x” is unknown; the variable was not used; set MLOPS_BOT_WEB__PORT",
        ),
    ],
)
def test_an_unknown_variable_is_refused_with_the_nearest_name(name: str, expected: str) -> None:
    assert refused(None, {name: "x"}) == [f"{name}: {expected}"]


def test_a_stray_variable_is_warned_about_and_kubernetes_own_are_not() -> None:
    found = load(None, {"MLOPS_BOT_SLACK_CHANNEL": "x", "PATH": "/bin", "MLOPS_BOTANY": "y"}).findings
    assert [p.file for p in found] == ["MLOPS_BOT_SLACK_CHANNEL", "the defaults"]
    assert "the form is MLOPS_BOT_<SECTION>__<KEY>" in found[0].fix
    links = {
        "MLOPS_BOT_SERVICE_HOST": "10.0.0.1", "MLOPS_BOT_SERVICE_PORT": "80", "MLOPS_BOT_SERVICE_PORT_HTTP": "80",
        "MLOPS_BOT_PORT": "tcp://10.0.0.1:80", "MLOPS_BOT_PORT_80_TCP_ADDR": "10.0.0.1", "MLOPS_BOT_PORT_80_TCP": "x",
    }  # fmt: skip
    assert [p.file for p in load(None, links).findings] == ["the defaults"]


def test_an_empty_variable_is_not_set(tmp_path: Path) -> None:
    path = put(tmp_path, "slack: {mode: http}\n")
    assert load(path, {"MLOPS_BOT_SLACK__MODE": "", "MLOPS_BOT_WEB__TOKEN": ""}).settings.slack.mode is SlackMode.HTTP
    assert load(path, {"MLOPS_BOT_WEB__TOKEN": " \n"}).settings.web.token is None


def test_a_blank_token_is_none_and_opens_no_door() -> None:
    """Links would be signed with a key that anybody can guess."""
    assert refused(None, {"MLOPS_BOT_WEB__HOST": "0.0.0.0", "MLOPS_BOT_WEB__TOKEN": "  "})


def test_a_secret_that_was_pasted_with_a_line_break() -> None:
    token = load(None, {"MLOPS_BOT_WEB__TOKEN": "words-of-the-token\r\n"}).settings.web.token
    assert token is not None
    assert token.get_secret_value() == "words-of-the-token"
