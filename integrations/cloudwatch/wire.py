"""The JSON of SNS (envelope), of CloudWatch's alarms by SNS, by EventBridge and by its API, as far as it is read.

Amazon SNS developer guide, "Parsing Amazon SNS message formats"; CloudWatch user guide, "Alarm events and EventBridge";
botocore's model of CloudWatch 2010-08-01 (Apache-2.0).
"""

import re
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from bot.kit.parsing import Moment, Number, Text, Texts, Wire


class State(StrEnum):
    """An alarm's state."""

    OK = "OK"
    ALARM = "ALARM"
    NO_DATA = "INSUFFICIENT_DATA"


_COLONLESS = re.compile(r"([+-]\d{2})(\d{2})$")


def _with_colon(value: object) -> object:
    """`2019-02-15T23:53:45.093+0000` is how CloudWatch writes a zone."""
    return _COLONLESS.sub(r"\1:\2", value) if isinstance(value, str) else value


When = Annotated[Moment, BeforeValidator(_with_colon)]


# ---------------------------------------------------------------- SNS


class Envelope(Wire):
    """One message of SNS. What is signed stands in it as it is, so no field may be touched."""

    type: Literal["Notification", "SubscriptionConfirmation", "UnsubscribeConfirmation"] = Field(alias="Type")
    message_id: str = Field(alias="MessageId")
    topic_arn: str = Field(alias="TopicArn")
    message: str = Field(alias="Message")
    timestamp: str = Field(alias="Timestamp")
    subject: str | None = Field(default=None, alias="Subject")
    token: str = Field(default="", alias="Token", max_length=4_000)
    subscribe_url: str = Field(default="", alias="SubscribeURL")
    signature_version: str = Field(default="", alias="SignatureVersion")
    signature: str = Field(default="", alias="Signature")
    signing_cert_url: str = Field(default="", alias="SigningCertURL")


class Stamped(Wire):
    """When a message was sent."""

    at: datetime


# ---------------------------------------------------------------- an alarm by SNS


class Dimension(Wire):
    """Lower case by SNS, upper case by the API."""

    name: Text = ""
    value: Text = ""


def _dimensions(value: object) -> object:
    if not isinstance(value, list):
        return ()
    return tuple({key.lower(): text for key, text in one.items()} for one in value if isinstance(one, dict))


Dimensions = Annotated[tuple[Dimension, ...], BeforeValidator(_dimensions)]


class QueryMetric(Wire):
    dimensions: Dimensions = Field(default=(), alias="Dimensions")


class QueryStat(Wire):
    metric: QueryMetric = Field(default_factory=QueryMetric, alias="Metric")


class Query(Wire):
    """One line of metric math; a line that only computes has no `MetricStat`."""

    stat: QueryStat | None = Field(default=None, alias="MetricStat")


class Trigger(Wire):
    """What an alarm watches. One of metric math has `Metrics` in its place."""

    metric: Text = Field(default="", alias="MetricName")
    namespace: Text = Field(default="", alias="Namespace")
    dimensions: Dimensions = Field(default=(), alias="Dimensions")
    metrics: tuple[Query, ...] = Field(default=(), alias="Metrics")
    comparison: Text = Field(default="", alias="ComparisonOperator")
    threshold: Number = Field(default=None, alias="Threshold")


class AlarmMessage(Wire):
    """The message of a notification. Old ones have no ARN; `Region` is a name for people."""

    name: str = Field(alias="AlarmName", min_length=1)
    arn: Text = Field(default="", alias="AlarmArn")
    account: Text = Field(default="", alias="AWSAccountId")
    description: Text = Field(default="", alias="AlarmDescription")
    state: State = Field(alias="NewStateValue")
    before: Text = Field(default="", alias="OldStateValue")
    reason: Text = Field(default="", alias="NewStateReason")
    changed_at: When = Field(default=None, alias="StateChangeTime")
    trigger: Trigger = Field(default_factory=Trigger, alias="Trigger")
    rule: Text = Field(default="", alias="AlarmRule")
    tags: Texts = Field(default_factory=dict, alias="alarmTags")


# ---------------------------------------------------------------- an alarm by EventBridge


class EventState(Wire):
    """A state, and since when."""

    value: State | None = None
    reason: Text = ""
    reason_data: Text = Field(default="", alias="reasonData")
    timestamp: When = None
    suppressed_by: Text = Field(default="", alias="actionsSuppressedBy")


class EventMetric(Wire):
    """Its dimensions are a mapping here."""

    name: Text = ""
    namespace: Text = ""
    dimensions: Texts = Field(default_factory=dict)


class EventStat(Wire):
    metric: EventMetric = Field(default_factory=EventMetric)


class EventQuery(Wire):
    """One line of what an alarm watches; metric math has several."""

    stat: EventStat | None = Field(default=None, alias="metricStat")


class EventConfiguration(Wire):
    description: Text = ""
    metrics: tuple[EventQuery, ...] = ()
    rule: Text = Field(default="", alias="alarmRule")


class EventDetail(Wire):
    name: str = Field(alias="alarmName", min_length=1)
    state: EventState
    before: EventState = Field(default_factory=EventState, alias="previousState")
    configuration: EventConfiguration = Field(default_factory=EventConfiguration)


class Event(Wire):
    """One event. The first resource is the alarm's ARN."""

    detail_type: str = Field(alias="detail-type")
    source: Literal["aws.cloudwatch"]
    account: Text = ""
    region: Text = ""
    time: Moment = None
    resources: tuple[str, ...] = ()


class StateChange(Event):
    """The event of a state that has changed; others have another detail."""

    detail: EventDetail


class ReasonData(Wire):
    """`reasonData` is JSON in a text."""

    datapoints: tuple[Number, ...] = Field(default=(), alias="recentDatapoints")
    threshold: Number = None


# ---------------------------------------------------------------- an alarm by the API


class DescribedAlarm(Wire):
    """One alarm of DescribeAlarms, metric or composite. Times are Unix seconds."""

    name: str = Field(alias="AlarmName")
    arn: str = Field(alias="AlarmArn")
    description: Text = Field(default="", alias="AlarmDescription")
    state: State = Field(alias="StateValue")
    reason: Text = Field(default="", alias="StateReason")
    changed_at: Moment = Field(default=None, alias="StateTransitionedTimestamp")
    updated_at: Moment = Field(default=None, alias="StateUpdatedTimestamp")
    actions_enabled: bool = Field(default=True, alias="ActionsEnabled")
    actions: tuple[str, ...] = Field(default=(), alias="AlarmActions")
    suppressed_by: Text = Field(default="", alias="ActionsSuppressedBy")
    metric: Text = Field(default="", alias="MetricName")
    namespace: Text = Field(default="", alias="Namespace")
    dimensions: Dimensions = Field(default=(), alias="Dimensions")
    metrics: tuple[Query, ...] = Field(default=(), alias="Metrics")
    comparison: Text = Field(default="", alias="ComparisonOperator")
    threshold: Number = Field(default=None, alias="Threshold")
    rule: Text = Field(default="", alias="AlarmRule")


class Described(Wire):
    """The answer of DescribeAlarms."""

    metric_alarms: tuple[DescribedAlarm, ...] = Field(alias="MetricAlarms")
    composite_alarms: tuple[DescribedAlarm, ...] = Field(default=(), alias="CompositeAlarms")
    next_token: Text = Field(default="", alias="NextToken")
