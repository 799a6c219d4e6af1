"""Every key of `mlops-bot.yaml`: its type, its default, its title and what it is for. Nothing else is accepted."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr

from bot.config.fields import (
    Address,
    CellText,
    Channel,
    Cron,
    Duration,
    Key,
    Name,
    Patterns,
    PhaseName,
    RoleName,
    SlackBot,
    SlackUser,
    Zone,
    json_text,
    listed,
    matching,
    one_of,
)  # fmt: skip
from bot.domain.alert import LabelMapping
from bot.domain.models import Propagation
from bot.domain.severity import Severity
from bot.usecases.setup import Mode

_LABELS = LabelMapping()


class Better(StrEnum):
    """Which way a metric is better."""

    HIGHER = "higher"
    LOWER = "lower"


class Done(StrEnum):
    """What a policy is about, by the word of its command. No alert asks for a promotion or a shift."""

    ROLLBACK = "rollback"
    FREEZE = "freeze"
    RETRAIN = "retrain"
    PROMOTE = "promote"
    SHIFT = "shift"


class Section(BaseModel):
    """A part of the file: unknown keys are refused, values are frozen."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=False, defer_build=True)
    """Checks are built when something is checked: those of the whole hold those of their parts."""


class SlackMode(StrEnum):
    """How Slack reaches the bot."""

    SOCKET = "socket"
    HTTP = "http"


class AdoptSettings(Section):
    """A channel in which other bots post alerts. Only messages of the senders named here are read, or kept."""

    channel: Channel = Field(title="Channel", description="Where they post. The bot must be a member.")
    integration: Key = Field(
        title="Integration", description="Whose messages these are: `alertmanager` or `grafana`; it reads them."
    )
    senders: Annotated[tuple[SlackBot, ...], BeforeValidator(listed)] = Field(
        title="Senders",
        description="Ids of bots (`B…`; each incoming webhook has one) or apps (`A…`). Nobody else is read.",
        min_length=1,
    )


class Slack(Section):
    """The workspace and where incidents are shown."""

    mode: Annotated[SlackMode, one_of(SlackMode)] = Field(
        SlackMode.SOCKET,
        title="How Slack reaches the bot",
        description="`socket`: the bot connects to Slack (no open port). `http`: Slack posts to `/slack/events`.",
    )
    api_url: Address = Field(
        "https://slack.com/api/", title="Address of the Web API", description="Any server that speaks Slack's Web API."
    )
    bot_token: SecretStr | None = Field(
        None, title="Bot token", description="`xoxb-…`, from *OAuth & Permissions* of the app."
    )
    bot_token_file: Path | None = Field(None, title="File with the bot token", description="Read at start.")
    app_token: SecretStr | None = Field(
        None, title="App-level token", description="`xapp-…` with `connections:write`; needed in socket mode."
    )
    app_token_file: Path | None = Field(None, title="File with the app-level token", description="Read at start.")
    signing_secret: SecretStr | None = Field(
        None, title="Signing secret", description="From *Basic Information* of the app; needed in http mode."
    )
    signing_secret_file: Path | None = Field(None, title="File with the signing secret", description="Read at start.")
    channel: Channel = Field(
        "#ml-incidents", title="Channel of incidents", description="Where cards are posted. The bot must be a member."
    )
    channels: Mapping[Name, Channel] = Field(
        {}, title="Channels of teams", description="Team → channel, for teams that do not use the common one."
    )
    charts: bool = Field(
        True,
        title="Charts",
        description="Pictures in an incident's thread: the alert's own query over time, where Prometheus can be asked, "
        "and how far each feature has drifted. Needs `pip install 'mlops-bot[charts]'`.",
    )
    user_groups: Mapping[RoleName, Name] = Field(
        {},
        title="Slack user groups of roles",
        description="Role → user group (`S…` or its handle), mentioned in the place of single people.",
    )
    adopt: tuple[AdoptSettings, ...] = Field(
        (), title="Alerts posted by other bots", description=str(AdoptSettings.__doc__)
    )

    def missing(self) -> tuple[str, ...]:
        """The environment variables without which the bot can't connect in this mode."""
        wanted = ("bot_token", "app_token") if self.mode is SlackMode.SOCKET else ("bot_token", "signing_secret")
        return tuple(f"MLOPS_BOT_SLACK__{name.upper()}" for name in wanted if getattr(self, name) is None)


class Database(Section):
    """Where everything is kept."""

    url: Annotated[
        str,
        matching(
            r"(sqlite|postgresql|postgres)(\+\w+)?://\S*",
            "an address of a database we know",
            "write sqlite:///FILE or postgresql://USER@HOST/NAME",
        ),
    ] = Field(
        "sqlite:///mlops-bot.db",
        title="Address of the database",
        description="SQLite for one process, PostgreSQL for several. A password in it may only come from the "
        "environment or `url_file`.",
        repr=False,
    )
    url_file: Path | None = Field(None, title="File with the address", description="Read at start.")


class WebSettings(Section):
    """The HTTP side: deliveries of alerts, health, API, timeline pages."""

    host: str = Field(
        "127.0.0.1",
        title="Address to listen on",
        description="Anything but loopback needs `token`; without one the bot refuses to start there.",
    )
    port: int = Field(8000, title="Port", description="0 takes a free one.", ge=0, le=65535)
    token: SecretStr | None = Field(
        None,
        title="Bearer token",
        description="For `/alerts/*` of sources that sign nothing themselves, and for `/api`. On loopback one is made "
        "at first start.",
    )
    token_file: Path | None = Field(None, title="File with the bearer token", description="Read at start.")
    base_url: Address | None = Field(
        None,
        title="Address as others see it",
        description="Used in links that are given out, e.g. `https://mlops-bot.example.com`.",
    )
    ping_url: SecretStr | None = Field(
        None,
        title="Address of a dead man's switch",
        description="Is asked by GET every `ping_every` while the bot's own loop turns; a service such as "
        "Healthchecks tells you when it is not asked any more.",
    )
    ping_url_file: Path | None = Field(None, title="File with that address", description="Read at start.")
    ping_every: Duration = Field(timedelta(minutes=1), title="Ping every", description="How often it is asked.")


class Member(Section):
    """One person."""

    name: Name = Field(title="Name", description="As it is shown to others.")
    slack: SlackUser | None = Field(
        None,
        title="Slack member id",
        description="`U…`. Without it the person can't be mentioned, paged or recognised in Slack.",
    )
    email: Annotated[str, matching(r"[^@\s]+@[^@\s]+", "an e-mail address", "write name@host")] | None = Field(
        None, title="E-mail address", description="Used to find the person in other systems."
    )
    title: str = Field("", title="Job title", description="Shown beside the name.", max_length=80)
    roles: tuple[RoleName, ...] = Field(
        (), title="Roles", description="RACI roles this person fills by default, in the order of the file."
    )


class FillingSettings(Section):
    """Who fills a role. A plain list of people is enough: `ml_engineer: [ana, ben]`."""

    people: tuple[Key, ...] = Field(
        (), title="People", description="Keys of `people`, in order of preference: the first is *the* Accountable."
    )
    delegates: tuple[Key, ...] = Field(
        (), title="Delegates", description="Who may approve in the place of the Accountable."
    )


def _filling(value: Any) -> Any:
    return {"people": listed(value)} if isinstance(value, str | list) else value


Filled = Mapping[RoleName, Annotated[FillingSettings, BeforeValidator(_filling)]]


class Fillings(Section):
    """Roles are filled per model, else per team, else by default, else by `people.*.roles`."""

    default: Filled = Field({}, title="Everywhere", description="Role → people; goes before `people.*.roles`.")
    teams: Mapping[Name, Filled] = Field({}, title="Per team", description="Team → role → people.")
    models: Mapping[Name, Filled] = Field({}, title="Per model", description="Model → role → people.")


class Raci(Section):
    """Who is Responsible, Accountable, Consulted and Informed in each phase, and which people fill the roles."""

    table: Mapping[PhaseName, Mapping[RoleName, CellText]] = Field(
        {},
        title="Rows of the table",
        description="Phase → role → letters (`R` `A` `C` `I`, or `AR`). A row given here replaces the shipped row.",
    )
    roles: Fillings = Field(Fillings(), title="Who fills the roles", description="Most specific first.")


class RuleSettings(Section):
    """Alerts that fit all conditions of a rule belong to its phase."""

    id: Key = Field(title="Name of the rule", description="Shown on cards as the reason; unique.")
    phase: PhaseName = Field(title="Phase", description="The phase of the life cycle that such an alert belongs to.")
    words: Patterns = Field(
        "",
        title="Pattern",
        description="A regular expression searched, ignoring case, in the alert's name and then in its summary; or a "
        "list of them, any of which may fit.",
    )
    name_only: bool = Field(False, title="Only the name", description="Do not search the summary.")
    labels: Mapping[str, str] = Field(
        {}, title="Labels", description="All must be equal; a trailing `*` matches a beginning."
    )
    drift: bool = Field(False, title="Carries a drift verdict", description="Only alerts with a drift verdict fit.")
    monitoring_fault: bool = Field(
        False, title="The monitor is at fault", description="Only alerts about the monitor itself fit (NoData …)."
    )


Candidates = Annotated[tuple[str, ...], BeforeValidator(listed)]


class LabelSettings(Section):
    """Which labels name what: candidates in order; the first that has a value is taken."""

    model: Candidates = Field(_LABELS.model, title="Model", description="Labels that may name the model.")
    version: Candidates = Field(_LABELS.version, title="Version", description="Labels that may name its version.")
    environment: Candidates = Field(
        _LABELS.environment, title="Environment", description="Labels that may name the environment."
    )
    feature: Candidates = Field(_LABELS.feature, title="Feature", description="Labels that may name a feature.")
    value: Candidates = Field(_LABELS.value, title="Value", description="Labels or annotations with the number.")
    threshold: Candidates = Field(
        _LABELS.threshold, title="Threshold", description="Labels or annotations with its bar."
    )


class Routing(Section):
    """From what an alert is about to a phase: ordered rules, the first that fits wins."""

    rules: tuple[RuleSettings, ...] = Field(
        (), title="Rules", description="Asked before the shipped ones, in this order."
    )
    shipped: bool = Field(True, title="Use the shipped rules", description="After your own.")
    labels: LabelSettings = Field(
        LabelSettings(), title="Label candidates", description="A list given here replaces the shipped one."
    )
    severities: Mapping[str, Annotated[Severity, one_of(Severity)]] = Field(
        {}, title="Severity words", description="What sources say → `sev1` … `sev4`; added to the shipped words."
    )


class RegistrySettings(Section):
    """The name in a registry of what should be live."""

    integration: Key = Field(title="Integration", description="A registry, e.g. `mlflow`.")
    model: Name | None = Field(
        None, title="Registered model", description="Its name there; the model's key by default."
    )
    alias: Name = Field("champion", title="Alias", description="The alias whose version serves.")


class MirrorSettings(RegistrySettings):
    """A further pointer that follows the first one: another alias, or another registry."""

    alias: Name = Field(title="Alias", description="The alias that follows; it must be there already.")
    version_tag: str = Field(
        "",
        title="Tag with the version",
        description="The tag of a version there that carries its number in `registry`. Without it the numbers are "
        "equal.",
    )


class ProbeSettings(Section):
    """A request by which the serving side itself is asked. It is sent often: it must change nothing and cost little."""

    path: Annotated[
        str, matching(r"/[^\s?#]*(\?[^\s#]*)?", "a path", "begin with a slash; the address is the target's")
    ] = Field(
        title="Path",
        description="What is asked, such as `/predict`; `{name}` and `{namespace}` are the target's where its system "
        "has those.",
        max_length=500,
    )
    version: Annotated[
        str, matching(r"([^\s.]+(\.[^\s.]+)*)?", "a place in an answer", "write the keys with dots: model.version")
    ] = Field(
        "",
        title="Where the version stands",
        description="Keys and places in the JSON answer, with dots: `model.version`, `versions.0`. Empty: the answer "
        "says no version, it must only be 200.",
        max_length=200,
    )
    body: Annotated[str, BeforeValidator(json_text)] | None = Field(
        None,
        title="Body",
        description="JSON that is posted, in quotes, at most 4,000 characters. Without it the request is a GET.",
    )


class ServingSettings(Section):
    """A place where the model answers."""

    integration: Key = Field(title="Integration", description="A serving system, e.g. `bentoml`.")
    target: Name = Field(title="Target", description="The deployment's name there, or its base address.")
    probes: tuple[ProbeSettings, ...] = Field(
        (),
        title="Probes",
        description="Requests by which the model itself is asked: which version it is, and whether it answers at all.",
        max_length=5,
    )


class FreshSettings(Section):
    """How old the training data is: asked before a training is planned."""

    integration: Key = Field(title="Integration", description="What answers the query, e.g. `prometheus`.")
    query: str = Field(title="Query", description="Its value is the data's age in seconds.", min_length=1)
    within: Duration = Field(timedelta(hours=24), title="At most", description="Older data forbids a training.")


class TrainingSettings(Section):
    """How the model is trained anew."""

    integration: Key = Field(title="Integration", description="An orchestrator, e.g. `airflow` or `dagster`.")
    pipeline: Name = Field(title="Pipeline", description="Its name there (a DAG, a job).")
    parameters: Mapping[str, str] = Field(
        {},
        title="Parameters",
        description="Always given to it, as what the pipeline declares; a person's `--set key=value` goes before.",
    )
    window_end: str = Field(
        "",
        title="Parameter with the end of the data",
        description="It gets the moment at which the incident began, so that what went wrong is not learned.",
    )
    version_tag: str = Field(
        "",
        title="Tag of the new version",
        description="The registry's tag that carries the run's id or key. Without it the only new version is taken.",
    )
    fresh: FreshSettings | None = Field(None, title="Freshness of the data", description=str(FreshSettings.__doc__))


class Environment(Section):
    """A model in one environment."""

    registry: RegistrySettings | None = Field(
        None, title="Registry", description="Where its versions are kept: the pointer that serving reads."
    )
    mirrors: tuple[MirrorSettings, ...] = Field(
        (), title="Mirrors", description="Further pointers that are moved after it, in this order.", max_length=10
    )
    serving: tuple[ServingSettings, ...] = Field((), title="Serving", description="Where it answers.")
    propagation: Annotated[Propagation, one_of(Propagation)] | None = Field(
        None,
        title="How serving follows the registry",
        description="`watch`: by itself. `restart`: it loads the alias when it starts, and a person is asked to "
        "restart it. `redeploy`: its integration is told the version. `none`: nothing serves. Default: `watch` where "
        "something serves.",
    )
    production: bool | None = Field(
        None,
        title="Production",
        description="Default: true for `production` and `prod`, and for a model's only environment.",
    )
    fallback: Name | None = Field(
        None, title="Fallback version", description="The version for the worst case: `/mlops freeze MODEL` goes to it."
    )
    challenger: Name = Field(
        "challenger", title="Alias of the challenger", description="What a training yields gets this alias."
    )
    gate: Mapping[str, Annotated[Better, one_of(Better)]] = Field(
        {},
        title="Gate",
        description="Metric → `higher` or `lower` is better. A new version that is worse than the champion in one of "
        "them can't be promoted.",
    )
    training: TrainingSettings | None = Field(
        None, title="Training", description="The pipeline that is meant when none is named."
    )
    other_trainings: Mapping[Key, TrainingSettings] = Field(
        {}, title="Other trainings", description="Name → pipeline: `/mlops retrain MODEL --pipeline NAME`."
    )


class ModelSettings(Section):
    """A machine-learning model."""

    team: Name | None = Field(None, title="Team", description="Who owns it; chooses channel and people.")
    aliases: tuple[Name, ...] = Field((), title="Other names", description="What alert sources call this model.")
    reads: Annotated[tuple[Name, ...], BeforeValidator(listed)] = Field(
        (),
        title="Datasets",
        description="What it reads, by names of your own. When several models that read the same one alert together, "
        "one incident says so, and theirs are part of it.",
    )
    environments: Mapping[Name, Environment] = Field(
        {}, title="Environments", description="Environment → where it is registered and where it answers."
    )


class RunbookSettings(Section):
    """Where runbooks are found."""

    directories: tuple[Path, ...] = Field(
        (),
        title="Directories",
        description="Markdown files with front matter, relative to this file. A runbook of the same name replaces the "
        "shipped one; a later directory goes before an earlier one.",
    )
    shipped: bool = Field(True, title="Use the shipped runbooks", description="Beside your own.")


class RuleOfPolicy(Section):
    """What the bot does by itself about alerts that fit. The first that fits counts."""

    name: Key = Field(title="Name", description="Shown wherever it acts; unique.")
    models: Annotated[tuple[Name, ...], BeforeValidator(listed)] = Field(
        (), title="Models", description="All models when none is named."
    )
    alerts: Annotated[tuple[Name, ...], BeforeValidator(listed)] = Field(
        (), title="Alerts", description="Names of alerts; a trailing `*` matches a beginning. All when none is named."
    )
    do: Annotated[Done, one_of(Done)] = Field(
        title="What is done",
        description="`rollback`, `freeze` or `retrain`: what an alert asks for. `promote` or `shift`, which no alert "
        "asks for: with `undo`, what people have promoted or shifted is taken back.",
    )
    mode: Annotated[Mode, one_of(Mode)] = Field(
        Mode.SUGGEST,
        title="Mode",
        description="`suggest`: the card has the button. `approve`: the plan is made and the Accountable is asked. "
        "`auto`: it is carried out when every check passes; needs `signed_by`.",
    )
    per_day: int = Field(1, title="At most a day", description="Of the mode `auto`, per model.", ge=1, le=100)
    signed_by: Key | None = Field(
        None,
        title="Signed by",
        description="Who answers for what it does: the Accountable of its phase, for every model that it is about.",
    )
    undo: bool = Field(
        False,
        title="Undo by itself",
        description="Takes such a change back, whoever asked for it, when it got worse while it was watched. A "
        "training changes nothing that serves, so there is nothing of it to take back.",
    )


class FreezeSettings(Section):
    """A time in which what can wait is not changed."""

    since: datetime = Field(title="From", description="With a time zone: `2026-12-24T00:00:00+01:00`.")
    until: datetime = Field(title="To", description="With a time zone.")
    models: Annotated[tuple[Name, ...], BeforeValidator(listed)] = Field(
        (), title="Models", description="All models when none is named."
    )
    why: str = Field("", title="Why", description="Shown in plans.", max_length=200)


class MonitorSettings(Section):
    """A monitor that has to report; when it doesn't, that is an incident of Monitoring & Logging."""

    source: Key = Field(title="Integration", description="Whose deliveries are awaited, e.g. `evidently`.")
    model: Name | None = Field(
        None, title="Model", description="Only what it says about this model counts; without it, whatever it says."
    )
    within: Duration = Field(
        title="Within",
        description="The longest pause between two deliveries. Time in which the bot was away does not count.",
    )


class PolicySettings(Section):
    """Times that people may set, and what is done without them."""

    plan_ttl: Duration = Field(
        timedelta(minutes=10), title="A plan is valid for", description="After it, a plan can't be approved any more."
    )
    escalate_after: Duration = Field(
        timedelta(minutes=5),
        title="Escalate after",
        description="Nobody Responsible acknowledged: page the Accountable.",
    )
    remind_after: Duration = Field(
        timedelta(hours=1), title="Remind after", description="Acknowledged and nothing happened: remind the assignee."
    )
    reopen_within: Duration = Field(
        timedelta(minutes=30), title="Reopen within", description="A problem that comes back reopens its incident."
    )
    confirm_within: Duration = Field(
        timedelta(minutes=2),
        title="Confirm within",
        description="How long serving may take to follow a change before it counts as not confirmed.",
    )
    restart_within: Duration = Field(
        timedelta(minutes=15),
        title="Restart within",
        description="The same where a person must restart what serves first (`propagation: restart`).",
    )
    acknowledge_target: Duration = Field(
        timedelta(minutes=5),
        title="Target of acknowledgement",
        description="Against which the maturity digest measures.",
    )
    changes_window: Duration = Field(
        timedelta(hours=48), title="Window of changes", description="How far back “what changed” looks."
    )
    reconcile_every: Duration = Field(
        timedelta(seconds=30),
        title="Ask sources every",
        description="What fires is asked for as well, because every webhook source loses alerts.",
    )
    absent_for: Duration = Field(
        timedelta(minutes=2),
        title="Absent for",
        description="How long a source that is asked must not have listed an alert, until its end counts as missed. "
        "An Alertmanager that was restarted lists nothing for a minute.",
    )
    unanswered_after: Duration = Field(
        timedelta(minutes=10),
        title="Unanswered after",
        description="How long a source that is asked may give no answer, until its silence is an incident of its own.",
    )
    upstream_models: int = Field(
        3,
        title="Models of a common cause",
        description="From so many models on that read the same dataset (`models.MODEL.reads`), it is one problem.",
        ge=2,
        le=1_000,
    )
    upstream_within: Duration = Field(
        timedelta(minutes=15), title="Common cause within", description="Between the first and the last of them."
    )
    monitors: tuple[MonitorSettings, ...] = Field(
        (), title="Monitors that report", description=str(MonitorSettings.__doc__)
    )
    look_every: Duration = Field(
        timedelta(seconds=30),
        title="Look at models every",
        description="How often registries and serving are asked which version is live.",
    )
    watch_for: Duration = Field(
        timedelta(minutes=10),
        title="Watch for",
        description="How long after a confirmed change its alerts may take to end before it counts as not helpful.",
    )
    retrain_within: Duration = Field(
        timedelta(hours=12), title="A run may take", description="After it, a run is not followed any more."
    )
    cool_down: Duration = Field(
        timedelta(hours=1), title="Cool-down", description="Between the end of a training and the start of the next."
    )
    retrains_per_day: int = Field(3, title="Trainings a day", description="Per model, in any 24 hours.", ge=0, le=100)
    rules: tuple[RuleOfPolicy, ...] = Field((), title="Policies", description=str(RuleOfPolicy.__doc__))
    freezes: tuple[FreezeSettings, ...] = Field((), title="Freeze windows", description=str(FreezeSettings.__doc__))


class ScheduleSettings(Section):
    """When a digest is made and where it goes."""

    cron: Cron = Field(
        title="Schedule",
        description="Cron: minute hour day month weekday (0 and 7 are Sunday); a sixth field, before them, is seconds.",
    )
    zone: Zone = Field("UTC", title="Time zone", description="An IANA name, e.g. `Europe/Berlin`.")
    channel: Channel | None = Field(None, title="Channel", description="The channel of incidents by default.")
    enabled: bool = Field(True, title="Enabled", description="`false` keeps the schedule and posts nothing.")


class DailySettings(ScheduleSettings):
    """The daily operations digest."""

    cron: Cron = Field(
        "0 8 * * *",
        title="Schedule",
        description="Cron: minute hour day month weekday (0 and 7 are Sunday); a sixth field, before them, is seconds.",
    )


class MaturitySettings(ScheduleSettings):
    """The weekly maturity digest."""

    cron: Cron = Field(
        "0 9 * * mon",
        title="Schedule",
        description="Cron: minute hour day month weekday (0 and 7 are Sunday); a sixth field, before them, is seconds.",
    )


class Digests(Section):
    """Periodic summaries."""

    daily: DailySettings = Field(
        DailySettings(), title="Daily digest", description="Incidents and operations of a day."
    )
    maturity: MaturitySettings = Field(
        MaturitySettings(), title="Maturity digest", description="Levels 0–4 of every model, with evidence."
    )


class Export(Section):
    """Timelines for people and machines outside."""

    link_ttl: Duration = Field(
        timedelta(days=7), title="A link is valid for", description="Signed links to timeline pages given out in Slack."
    )


class Settings(Section):
    """The whole file."""

    slack: Slack = Field(Slack(), title="Slack", description=str(Slack.__doc__))
    database: Database = Field(Database(), title="Database", description=str(Database.__doc__))
    web: WebSettings = Field(WebSettings(), title="Web", description=str(WebSettings.__doc__))
    people: Mapping[Key, Member] = Field({}, title="People", description="Short name → person.")
    raci: Raci = Field(Raci(), title="RACI", description=str(Raci.__doc__))
    routing: Routing = Field(Routing(), title="Routing", description=str(Routing.__doc__))
    models: Mapping[Name, ModelSettings] = Field(
        {}, title="Models", description="Model → where it lives and who owns it."
    )
    runbooks: RunbookSettings = Field(RunbookSettings(), title="Runbooks", description=str(RunbookSettings.__doc__))
    integrations: Mapping[Key, Mapping[str, Any]] = Field(
        {}, title="Integrations", description="Integration → its own settings; see its README for the keys."
    )
    policies: PolicySettings = Field(PolicySettings(), title="Policies", description=str(PolicySettings.__doc__))
    digests: Digests = Field(Digests(), title="Digests", description=str(Digests.__doc__))
    export: Export = Field(Export(), title="Export", description=str(Export.__doc__))
