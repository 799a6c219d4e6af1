"""Every bad configuration is answered with the exact file and line, all faults at once; a good one with a `Setup`."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pydantic import Field, SecretStr

from bot.config import loader
from bot.config.loader import ConfigFaults, Loaded, load, report
from bot.config.problems import Gravity, Problem
from bot.domain.alert import Alert, AlertStatus
from bot.domain.models import Pointer, Propagation, Target
from bot.domain.routing import Letter, Phase, PhaseChoice, Role
from bot.domain.severity import Severity
from bot.ports.manifest import IntegrationSettings

KNOWN = ("mlflow", "bentoml", "alertmanager")
PEOPLE = """\
people:
  dana: {name: Dana, slack: U0DANA, roles: [data_scientist]}
  mei: {name: Mei, slack: U0MEI, roles: [ml_engineer]}
  omar: {name: Omar, slack: U0OMAR, roles: [devops_mlops_engineer]}
  elif: {name: Elif, slack: U0ELIF, roles: [data_engineer]}
  paul: {name: Paul, slack: U0PAUL, roles: [product_manager]}
"""

Write = Callable[[str], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def put(text: str) -> Path:
        path = tmp_path / "mlops-bot.yaml"
        path.write_text(text, encoding="utf-8")
        return path

    return put


def faults(path: Path, environ: dict[str, str] | None = None) -> list[str]:
    """The errors as lines, the directory taken off."""
    with pytest.raises(ConfigFaults) as caught:
        load(path, environ or {}, integrations=KNOWN)
    lines = str(caught.value).splitlines()
    return [line.removeprefix(f"{path.parent}/") for line in lines]


# ---------------------------------------------------------------- no file, good files


def test_no_file_at_all_works() -> None:
    loaded = load(None, {}, integrations=KNOWN)
    setup = loaded.setup
    assert setup.channel == "#ml-incidents"
    assert loaded.settings.database.url == "sqlite:///mlops-bot.db"
    assert (loaded.settings.web.host, loaded.settings.web.port) == ("127.0.0.1", 8000)
    assert {r.slug for r in setup.runbooks} >= {
        "model-drift",
        "bad-deploy",
        "pipeline-failed",
        "stale-data",
        "serving-down",
    }
    assert len(setup.table.cells) == 9
    assert setup.policies.plan_ttl == timedelta(minutes=10)
    assert set(setup.digests) == {"daily", "maturity"}
    assert setup.origin == "the defaults"


def test_without_people_one_warning_says_what_cannot_be_done() -> None:
    (finding,) = load(None, {}, integrations=KNOWN).findings
    assert finding.severity is Gravity.WARNING
    assert str(finding).startswith("the defaults: warning: nobody is configured")
    assert "nobody can approve" in str(finding)


def test_an_empty_file_is_the_defaults(write: Write) -> None:
    for text in ("", "\n\n", "# nothing\n", "---\n", "slack:\npeople:\nrouting:\n"):
        assert load(write(text), {}, integrations=KNOWN).setup.channel == "#ml-incidents"


def test_a_whole_configuration(write: Write) -> None:
    loaded = load(
        write(
            PEOPLE
            + """\
slack: {channel: "#ml", channels: {payments: "#pay"}, user_groups: {data_engineer: platform}}
raci:
  roles:
    default: {ml engineer: {people: [mei, dana], delegates: [omar]}}
    teams: {payments: {ml_engineer: dana}}
    models: {fraud: {ml_engineer: [paul]}}
models:
  fraud:
    team: payments
    aliases: [fraud_v2]
    environments:
      production:
        registry: {integration: mlflow, alias: champion}
        serving: [{integration: bentoml, target: "http://x"}]
      staging: {registry: {integration: mlflow, model: fraud-stg, alias: c}}
  churn:
    environments: {blue: {registry: {integration: mlflow}}}
routing: {severities: {URGENT: SEV1}, labels: {model: app}}
policies: {plan_ttl: 1h30m, changes_window: 2 d}
digests: {daily: {cron: "0 9 * * 1-5", zone: Europe/Berlin, channel: "#d"}, maturity: {enabled: off}}
"""
        ),
        {},
        integrations=KNOWN,
    )
    setup = loaded.setup
    assert loaded.findings == ()
    first, staging, churn = setup.bindings
    assert first.pointer == Pointer("mlflow", "fraud", "champion")
    assert first.serving == (Target("bentoml", "http://x"),)
    assert (first.propagation, first.production, first.team) == (Propagation.WATCH, True, "payments")
    assert (staging.propagation, staging.production) == (Propagation.NONE, False)
    assert staging.pointer == Pointer("mlflow", "fraud-stg", "c")
    assert churn.production
    assert setup.channel_of("fraud") == "#pay"
    assert setup.user_groups == {Role.DATA_ENGINEER: "platform"}
    assert setup.mapping.model == ("app",)
    assert setup.mapping.aliases == {"fraud_v2": "fraud"}
    assert setup.severities["urgent"] is Severity.SEV1
    assert setup.severities["critical"] is Severity.SEV1
    assert (setup.policies.plan_ttl, setup.policies.changes_window) == (timedelta(minutes=90), timedelta(days=2))
    assert (setup.digests["daily"].cron, setup.digests["daily"].zone) == (
        "0 9 * * mon,tue,wed,thu,fri",
        "Europe/Berlin",
    )
    assert not setup.digests["maturity"].enabled


def test_roles_are_filled_most_specific_first_and_say_where(write: Write) -> None:
    path = write(
        PEOPLE
        + """\
raci:
  roles:
    default: {ml_engineer: {people: [mei], delegates: [omar]}}
    teams:
      payments: {ml_engineer: [dana]}
    models:
      fraud: {ml_engineer: [paul]}
models:
  fraud: {team: payments, environments: {p: {registry: {integration: mlflow}}}}
  churn: {team: payments, environments: {p: {registry: {integration: mlflow}}}}
  other: {environments: {p: {registry: {integration: mlflow}}}}
"""
    )
    setup = load(path, {}, integrations=KNOWN).setup
    choice = PhaseChoice(Phase.TRAINING, "r", "w")
    found = {}
    for model in ("fraud", "churn", "other", None):
        accountable = setup.route_for(choice, model).accountable
        assert accountable is not None
        found[model] = (accountable.person, accountable.why)
    row = "ML engineer is Accountable for Model Experimentation & Training (raci.yaml:"
    assert found["fraud"][0] == "paul"
    assert found["fraud"][1].startswith(row)
    assert found["fraud"][1].endswith("filled for the model fraud (mlops-bot.yaml:13)")
    assert found["churn"][1].endswith("filled for the team payments (mlops-bot.yaml:11)")
    assert found["other"][0] == found[None][0] == "mei"
    assert found["other"][1].endswith("filled by default (mlops-bot.yaml:9)")
    assert setup.route_for(choice, "other").delegates == ("omar",)
    assert setup.route_for(choice, "fraud").delegates == ()


def test_a_row_of_the_file_replaces_the_shipped_row_and_names_its_line(write: Write) -> None:
    path = write(PEOPLE + "raci:\n  table:\n    deployment: {ml_engineer: A R, product_manager: i}\n")
    table = load(path, {}, integrations=KNOWN).setup.table
    assert table.origin[Phase.DEPLOYMENT] == "mlops-bot.yaml:9"
    assert table.origin[Phase.INGESTION].startswith("raci.yaml:")
    assert table.roles(Phase.DEPLOYMENT, Letter.RESPONSIBLE) == (Role.ML_ENGINEER,)
    assert table.roles(Phase.DEPLOYMENT, Letter.INFORMED) == (Role.PRODUCT_MANAGER,)


def test_own_rules_come_first_and_shipped_ones_can_be_left_out(write: Write) -> None:
    rule = "routing: {rules: [{id: mine, phase: business, words: [drift, psi]}]%s}\n"
    alert = Alert("s", "i", "f", "ModelDrift", AlertStatus.FIRING, datetime(2026, 1, 1, tzinfo=UTC))
    setup = load(write(PEOPLE + rule % ""), {}, integrations=KNOWN).setup
    assert setup.phase_of(alert).phase is Phase.BUSINESS
    assert setup.rules[0].origin == "mlops-bot.yaml:7"
    assert len(load(write(PEOPLE + rule % ", shipped: false"), {}, integrations=KNOWN).setup.rules) == 1


def test_a_value_knows_where_it_was_written(write: Write) -> None:
    loaded: Loaded = load(write(PEOPLE + 'slack:\n  channel: "#x"\n'), {}, integrations=KNOWN)
    assert loaded.place("slack", "channel").line == 8
    assert loaded.place("slack", "api_url").line == 7
    assert str(loaded.place("people", "mei", "slack")).endswith("mlops-bot.yaml:3")


# ---------------------------------------------------------------- one fault, one line

BAD = [
    ("slak: {}\n", "mlops-bot.yaml:1: slak: there is no such setting; did you mean “slack”?"),
    ("slack:\n  chanel: x\n", "mlops-bot.yaml:2: slack.chanel: there is no such setting; did you mean “channel”?"),
    ("slack:\n  mode: sokcet\n", "mlops-bot.yaml:2: slack.mode: “sokcet” is not one of the words known here; did you mean “socket”?"),
    ("slack: [1]\n", "mlops-bot.yaml:1: slack: a list is not a mapping; write `key: value` lines under it"),
    ("slack:\n  channel: ML\n", "mlops-bot.yaml:2: slack.channel: “ML” is not a channel's name; write #name in lower case without spaces, at most 80 characters, or the channel's id (C…)"),
    ("slack:\n  channels:\n    pay: '#A b'\n", "mlops-bot.yaml:3: slack.channels.pay: “#A b” is not a channel's name; write #name in lower case without spaces, at most 80 characters, or the channel's id (C…)"),
    ("web:\n  port: eighty\n", "mlops-bot.yaml:2: web.port: “eighty” is not a whole number; write digits only"),
    ("web:\n  port: 70000\n", "mlops-bot.yaml:2: web.port: input should be less than or equal to 65535; write a value that fits"),
    ("web: {base_url: example.com}\n", "mlops-bot.yaml:1: web.base_url: “example.com” is not a web address; begin with http:// or https://"),
    ("web:\n\n  host: 0.0.0.0\n", "mlops-bot.yaml:3: web.host is 0.0.0.0, which others can reach, and there is no web.token; set MLOPS_BOT_WEB__TOKEN or web.token_file, or listen on 127.0.0.1"),
    ("database: {url: mysql://x}\n", "mlops-bot.yaml:1: database.url: “mysql://x” is not an address of a database we know; write sqlite:///FILE or postgresql://USER@HOST/NAME"),
    ("people:\n  Dana Sutter: {name: D}\n", "mlops-bot.yaml:2: people.Dana Sutter: “Dana Sutter” is not a short name; use lower-case letters, digits, dots and dashes"),
    ("people:\n  dana: {slack: U1}\n", "mlops-bot.yaml:2: people.dana.name: is missing; add name: …"),
    ("people:\n  dana:\n    name: D\n    slack: '@dana'\n", "mlops-bot.yaml:4: people.dana.slack: “@dana” is not a Slack member id; copy it from the profile (⋮ → Copy member ID): U…"),
    ("people:\n  dana:\n    name: D\n    roles: [data_scientist, ml_enginer]\n", "mlops-bot.yaml:4: people.dana.roles[1]: “ml_enginer” is not a role; did you mean “ml_engineer”?"),
    ("people:\n  a: {name: A, slack: U1}\n  b: {name: B, slack: U1}\n", "mlops-bot.yaml:3: people.b.slack: this Slack member id is a's already; one identity is one person: leave it with one of them"),
    ("people:\n  a: {name: A, email: x@y}\n  b: {name: B, email: X@Y}\n", "mlops-bot.yaml:3: people.b.email: this e-mail address is a's already; one identity is one person: leave it with one of them"),
    (PEOPLE + "raci:\n  roles:\n    default:\n      ml_engineer: [mei, omra]\n", "mlops-bot.yaml:10: raci.roles.default.ml_engineer: nobody under `people` is called “omra”; did you mean “omar”?"),
    (PEOPLE + "raci:\n  roles:\n    default:\n      ml_engineer:\n        people: [mei]\n        delegates:\n        - paula\n", "mlops-bot.yaml:13: raci.roles.default.ml_engineer: nobody under `people` is called “paula”; did you mean “paul”?"),
    ("raci:\n  table:\n    Deplyoment: {}\n", "mlops-bot.yaml:3: raci.table.Deplyoment: “Deplyoment” is not a phase; did you mean “Deployment”?"),
    ("raci:\n  table:\n    Deployment:\n      ml_engineer: RA\n      boss: I\n", "mlops-bot.yaml:5: raci.table.Deployment.boss: “boss” is not a role; there are: data_scientist, ml_engineer, devops_mlops_engineer, data_engineer, product_manager"),
    ("raci:\n  table:\n    Deployment:\n      ml_engineer: RX\n      devops_mlops_engineer: AR\n", "mlops-bot.yaml:4: raci.table.Deployment.ml_engineer: “RX” is not made of the letters R A C I; write e.g. R, A, C, I or AR"),
    ("raci:\n  table:\n    Deployment:\n      ml_engineer: R\n", 'mlops-bot.yaml:3: raci.table.Deployment: phase "Deployment" has nobody Accountable (the row reads: ML engineer R); give exactly one role of this row the letter A'),
    ("raci:\n  table:\n    Deployment:\n      ml_engineer: A\n", 'mlops-bot.yaml:3: raci.table.Deployment: phase "Deployment" has nobody Responsible (the row reads: ML engineer A); give at least one role of this row the letter R'),
    ("raci:\n  table:\n    Deployment:\n      ml_engineer: AR\n\n      product_manager: A\n", "mlops-bot.yaml:6: raci.table.Deployment.product_manager: “A” is one A too many in the row “Deployment”; ML engineer has it (line 4); leave A with one of them; nobody answers when two do"),
    ("raci:\n  table:\n    Deployment: {ml_engineer: AR}\n    deployment: {ml_engineer: AR}\n", "mlops-bot.yaml:4: raci.table.deployment: the same as “Deployment” above; keep one of the two"),
    (PEOPLE.replace("[data_engineer]", "[]"), "mlops-bot.yaml:1: nobody fills the role data_engineer, which is Responsible for Data Collection & Ingestion, Data Exploration & Feature Eng., Model Retraining & Versioning and Accountable for Data Collection & Ingestion; add it to somebody's `roles`, or name people under raci.roles.default.data_engineer"),
    ("routing:\n  rules:\n    - {id: a, phase: business, words: '('}\n", "mlops-bot.yaml:3: routing.rules[0].words: the pattern “(” is not a regular expression: missing ), unterminated subpattern at position 0; mend it"),
    ("routing:\n  rules:\n    - {id: a, phase: business, words: '.*'}\n", "mlops-bot.yaml:3: routing.rules[0].words: the pattern “.*” matches an empty text, so it matches everything; ask for some text"),
    ("routing:\n  rules:\n    - {id: a, phase: business, words: [ok, 'x|']}\n", "mlops-bot.yaml:3: routing.rules[0].words: the pattern “x|” matches an empty text, so it matches everything; ask for some text"),
    ("routing:\n  rules:\n    - id: a\n      words: x\n", "mlops-bot.yaml:3: routing.rules[0].phase: is missing; add phase: …"),
    ("routing:\n  rules:\n    - {id: a, phase: business}\n", "mlops-bot.yaml:3: routing.rules[0]: the rule “a” has no condition, so it never fits; give it words, labels, drift or monitoring_fault"),
    ("routing:\n  rules:\n    - {id: a, phase: business, words: x}\n    - {id: a, phase: deployment, words: y}\n", "mlops-bot.yaml:4: routing.rules[1].id: “a” is the name of rule 1 of this list too; choose another name"),
    ("routing:\n  rules:\n    - {id: drift, phase: business, words: x}\n", "mlops-bot.yaml:3: routing.rules[0].id: “drift” is the name of a shipped rule too; choose another name"),
    ("routing:\n  severities:\n    urgent: sev9\n", "mlops-bot.yaml:3: routing.severities.urgent: “sev9” is not one of the words known here; did you mean “sev4”?"),
    ("models:\n  fraud:\n    environments:\n      production:\n        registry: {integration: mlfow}\n", "mlops-bot.yaml:5: models.fraud.environments.production.registry.integration: there is no integration “mlfow”; did you mean “mlflow”?"),
    ("models:\n  fraud:\n    environments:\n      production:\n        serving:\n          - integration: mlflow\n            target: a\n          - target: b\n            integration: bento\n", "mlops-bot.yaml:9: models.fraud.environments.production.serving[1].integration: there is no integration “bento”; did you mean “bentoml”?"),
    ("models:\n  fraud:\n    environments:\n      production: {}\n", "mlops-bot.yaml:4: models.fraud.environments.production: has neither a registry nor serving; say where the model lives"),
    ("models:\n  fraud:\n    environments:\n      production:\n        registry: {integration: mlflow}\n        propagation: restart\n", "mlops-bot.yaml:6: models.fraud.environments.production.propagation: nothing serves here that could follow; add serving, or write none"),
    ('models:\n  fraud:\n    environments:\n      production:\n        registry: {integration: mlflow}\n        serving: [{integration: bentoml, target: "http://fraud.example"}]\n        propagation: none\n', "mlops-bot.yaml:7: models.fraud.environments.production.propagation: something serves here; write watch, restart or redeploy, or remove serving"),
    ("models:\n  a: {environments: {p: {registry: {integration: mlflow}}}}\n  b:\n    aliases: [a]\n    environments: {p: {registry: {integration: mlflow}}}\n", "mlops-bot.yaml:4: models.b.aliases[0]: “a” means the model a already; one name means one model: remove it from one of them"),
    ("integrations:\n  mlflo: {}\n", "mlops-bot.yaml:2: integrations.mlflo: there is no integration “mlflo”; did you mean “mlflow”?"),
    ("policies:\n  plan_ttl: 10\n", "mlops-bot.yaml:2: policies.plan_ttl: “10” is not a length of time; write a number and a unit, e.g. 90s, 10m, 1h30m, 2d"),
    ("policies:\n  plan_ttl: 0m\n", "mlops-bot.yaml:2: policies.plan_ttl: “0m” is out of range; write something between 1s and 366d"),
    ("digests:\n  daily:\n    cron: 0 25 * * *\n", "mlops-bot.yaml:3: digests.daily.cron: “0 25 * * *”: hour “25” is not between 0 and 23; write five fields: minute hour day month weekday, e.g. `0 9 * * mon-fri`"),
    ("digests:\n  daily: {zone: Europe/Berln}\n", "mlops-bot.yaml:2: digests.daily.zone: “Europe/Berln” is not a time zone; did you mean Europe/Berlin?"),
    ("digests:\n  daily: {zone: Tokyo}\n", "mlops-bot.yaml:2: digests.daily.zone: “Tokyo” is not a time zone; did you mean Asia/Tokyo?"),
    ("digests:\n  daily: {enabled: perhaps}\n", "mlops-bot.yaml:2: digests.daily.enabled: “perhaps” is neither true nor false; write true or false"),
    ("runbooks:\n  directories: [gone]\n", "mlops-bot.yaml:2: runbooks.directories[0]: there is no directory {dir}/gone; create it, or mend the path"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "expected"), BAD, ids=[f"{i}-{expected.split(': ')[1][:40]}" for i, (_, expected) in enumerate(BAD)]
)
def test_one_fault_is_one_line(write: Write, text: str, expected: str) -> None:
    path = write(text)
    errors = [line for line in faults(path) if "warning:" not in line]
    assert errors == [expected.replace("{dir}", str(path.parent))]


def test_all_faults_are_told_at_once_in_the_order_of_the_file(write: Write) -> None:
    path = write(
        'slack:\n  mode: x\n  chan: y\npeople:\n  dana: {name: D, slack: "@d", roles: [nobody]}\n'
        "raci:\n  table:\n    Deployment: {ml_engineer: R}\nrouting:\n  rules:\n"
        "    - {id: a, phase: nope, words: '('}\n    - {id: b, phase: business, words: x}\n    - {id: b, phase: business, words: y}\n"
        "models:\n  m: {environments: {p: {registry: {integration: zzz}}}}\npolicies: {plan_ttl: soon, nope: 1}\n"
    )
    lines = [int(line.split(":")[1]) for line in faults(path)]
    assert lines == [2, 3, 5, 5, 8, 11, 11, 13, 15, 16, 16]


def test_the_hole_of_the_playbooks_own_table_is_reported_when_it_is_put_back(write: Write) -> None:
    path = write(
        PEOPLE
        + "raci:\n  table:\n    Data Exploration & Feature Eng.:\n      data_scientist: R\n      ml_engineer: C\n"
        "      devops_mlops_engineer: I\n      data_engineer: R\n      product_manager: C\n"
    )
    (line,) = faults(path)
    assert line.startswith(
        'mlops-bot.yaml:9: raci.table.Data Exploration & Feature Eng.: phase "Data Exploration & Feature Eng." has nobody Accountable'
    )


def test_the_shipped_table_has_no_hole_and_says_why_it_differs() -> None:
    text = (Path(loader.__file__).parent / "defaults" / "raci.yaml").read_text("utf-8")
    assert "no A" in text
    table = load(None, {}, integrations=KNOWN).setup.table
    assert table.roles(Phase.FEATURES, Letter.ACCOUNTABLE) == (Role.DATA_SCIENTIST,)
    assert table.row(Phase.DEPLOYMENT) == (
        "data scientist I, ML engineer R, DevOps/MLOps engineer AR, data engineer I, product manager I"
    )


# ---------------------------------------------------------------- warnings


def warnings(path: Path) -> list[str]:
    loaded = load(path, {}, integrations=KNOWN)
    assert all(problem.severity is Gravity.WARNING for problem in loaded.findings)
    return [str(problem).removeprefix(f"{path.parent}/") for problem in loaded.findings]


HIDDEN = [
    ("{id: a, phase: business, words: x}", "{id: b, phase: deployment, words: x}", True),
    ("{id: a, phase: business, words: x}", "{id: b, phase: deployment, words: x, labels: {k: v}}", True),
    ("{id: a, phase: business, labels: {k: 'v*'}}", "{id: b, phase: deployment, labels: {k: value}}", True),
    ("{id: a, phase: business, labels: {k: 'v*'}}", "{id: b, phase: deployment, labels: {k: 'val*'}}", True),
    ("{id: a, phase: business, drift: true}", "{id: b, phase: deployment, drift: true, words: x}", True),
    ("{id: a, phase: business, words: x, name_only: true}", "{id: b, phase: deployment, words: x}", False),
    ("{id: a, phase: business, words: x, labels: {k: v}}", "{id: b, phase: deployment, words: x}", False),
    ("{id: a, phase: business, labels: {k: value}}", "{id: b, phase: deployment, labels: {k: 'v*'}}", False),
    ("{id: a, phase: business, drift: true}", "{id: b, phase: deployment, words: x}", False),
    ("{id: a, phase: business, words: x}", "{id: b, phase: deployment, words: y}", False),
]


@pytest.mark.parametrize(("first", "second", "hidden"), HIDDEN)
def test_a_rule_that_an_earlier_one_hides_is_reported(write: Write, first: str, second: str, hidden: bool) -> None:
    found = warnings(write(f"{PEOPLE}routing:\n  rules:\n    - {first}\n    - {second}\n"))
    expected = (
        "mlops-bot.yaml:10: warning: routing.rules[1]: “b” is never reached, “a” (mlops-bot.yaml:9) fits all that it fits; "
        "move it before that rule, or remove it"
    )
    assert found == ([expected] if hidden else [])


def test_names_that_nothing_uses_are_warned_about(write: Write) -> None:
    found = warnings(
        write(
            f"{PEOPLE}slack: {{channels: {{paymets: '#p'}}}}\nmodels:\n  m: {{team: payments}}\n"
            "raci: {roles: {teams: {x: {ml_engineer: [mei]}}, models: {mm: {ml_engineer: [mei]}}}}\n"
        )
    )
    assert [line.split("; ")[0] for line in found] == [
        "mlops-bot.yaml:7: warning: slack.channels.paymets: no model belongs to a team called “paymets”",
        "mlops-bot.yaml:9: warning: models.m: has no environment, so nothing of it can be looked at or changed",
        "mlops-bot.yaml:10: warning: raci.roles.models.mm: no model is called “mm”",
        "mlops-bot.yaml:10: warning: raci.roles.teams.x: no model belongs to a team called “x”",
    ]


def test_a_role_that_is_only_informed_may_be_empty(write: Write) -> None:
    table = "raci: {table: {business: {data_scientist: AR, product_manager: I}}}\n"
    (found,) = warnings(write(PEOPLE.replace("[product_manager]", "[]") + table))
    assert found.startswith(
        "mlops-bot.yaml:1: warning: nobody fills the role product_manager, which is Consulted for Data Collection & Ingestion, "
    )
    assert (
        "and Informed for Model Packaging & Optimization, Deployment, Model Retraining & Versioning, Business" in found
    )


# ---------------------------------------------------------------- files


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    (line,) = faults(tmp_path / "gone.yaml")
    assert line == (
        "gone.yaml: the file can't be read: No such file or directory; "
        "name an existing file with --config, or leave it out to use the defaults"
    )


def test_a_directory_in_the_place_of_the_file(tmp_path: Path) -> None:
    (line,) = faults(tmp_path)
    assert "can't be read: Is a directory" in line


def test_own_runbooks_go_before_shipped_ones_and_their_faults_are_told(write: Write, tmp_path: Path) -> None:
    (tmp_path / "rb").mkdir()
    good = "---\ntitle: Ours\nowner: ml_engineer\nwhen: {models: [fraud]}\nsteps: [Look at it]\nverify: It is fine.\n---\nWhy\n"
    (tmp_path / "rb" / "model-drift.md").write_text(good)
    path = write(f"{PEOPLE}runbooks: {{directories: [rb]}}\n")
    setup = load(path, {}, integrations=KNOWN).setup
    assert next(r for r in setup.runbooks if r.slug == "model-drift").title == "Ours"
    assert len(setup.runbooks) == 5
    alone = load(write(f"{PEOPLE}runbooks: {{directories: [rb], shipped: no}}\n"), {}).setup
    assert [r.slug for r in alone.runbooks] == ["model-drift"]
    (tmp_path / "rb" / "bad.md").write_text(good.replace("owner: ml_engineer", "ownr: ml_engineer"))
    assert faults(path) == [
        "rb/bad.md:2: owner: is missing; add it to the front matter",
        "rb/bad.md:3: ownr: there is no such key; did you mean “owner”?",
    ]


def test_five_thousand_models_load(write: Write) -> None:
    models = "".join(
        f"  model-{n}:\n    team: team-{n % 50}\n    environments:\n      production:\n"
        f"        registry: {{integration: mlflow, alias: champion}}\n        serving: [{{integration: bentoml, target: 'http://m{n}'}}]\n"
        for n in range(5_000)
    )
    assert len(load(write(f"{PEOPLE}models:\n{models}"), {}, integrations=KNOWN).setup.bindings) == 5_000


# ---------------------------------------------------------------- integrations' own settings


class Fancy(IntegrationSettings):
    url: str = Field(title="Address", description="Where it is.")
    token: SecretStr | None = Field(None, title="Token", description="Secret.")
    limit: int = Field(5, title="Limit", description="How many.", ge=1)


def test_integrations_are_checked_by_their_own_class_at_their_own_lines(write: Write, tmp_path: Path) -> None:
    schemas = {"fancy": Fancy}
    (tmp_path / "t").write_text("s3cret\n")
    loaded = load(write(f"{PEOPLE}integrations:\n  fancy: {{url: http://x, token_file: t}}\n"), {}, schemas=schemas)
    made = loaded.integrations["fancy"]
    assert isinstance(made, Fancy)
    assert made.token is not None
    assert (made.token.get_secret_value(), made.limit) == ("s3cret", 5)
    path = write(f"{PEOPLE}integrations:\n  fancy:\n    urll: http://x\n    token: abc\n    limit: 0\n")
    with pytest.raises(ConfigFaults) as caught:
        load(path, {}, schemas=schemas)
    assert [f"{p.line}: {p.what}" for p in caught.value.problems] == [
        "8: integrations.fancy.url: is missing",
        "9: integrations.fancy.urll: there is no such setting",
        "10: integrations.fancy.token is a secret and stands in the file; it was not read",
        "11: integrations.fancy.limit: input should be greater than or equal to 1",
    ]
    assert "abc" not in str(caught.value)


def test_the_environment_reaches_integrations(write: Write) -> None:
    environ = {"MLOPS_BOT_INTEGRATIONS__FANCY__URL": "http://y", "MLOPS_BOT_INTEGRATIONS__FANCY__TOKEN": "[x"}
    made = load(write(PEOPLE), environ, schemas={"fancy": Fancy}).integrations["fancy"]
    assert isinstance(made, Fancy)
    assert made.token is not None
    assert (made.url, made.token.get_secret_value()) == ("http://y", "[x")


# ---------------------------------------------------------------- the report


def test_the_report_counts() -> None:
    one = Problem("f", 2, "bad", "mend it")
    two = Problem("f", 1, "odd", "look", Gravity.WARNING)
    assert report([one, two]) == "f:1: warning: odd; look\nf:2: bad; mend it\n1 fault, 1 warning"
    assert report([]) == "no faults"
    assert report([one, one]) == "f:2: bad; mend it\n2 faults"
