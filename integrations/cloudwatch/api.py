"""What is asked of AWS: certificates and a confirmation of SNS, and which alarms are not OK."""

import json
from collections.abc import Sequence
from datetime import datetime
from urllib.parse import urlencode, urlsplit

from bot.domain.errors import Unreachable, Unreadable
from bot.kit.http import Http, HttpFactory, Request
from bot.kit.parsing import read_value
from bot.kit.sigv4 import Key, Message, signed
from bot.ports.clock import Clock
from integrations.cloudwatch.manifest import Settings
from integrations.cloudwatch.sns import SLUG, host_of, region_of
from integrations.cloudwatch.wire import Described, DescribedAlarm, Envelope, State

TARGET = "GraniteServiceVersion20100801.DescribeAlarms"
PAGES = 100
"""Of a hundred alarms each. An account with more that are not OK is asked for a smaller part: `alarm_prefix`."""
CERTIFICATES = 16
"""Kept; AWS has one for each region, and a new one each year."""


class Aws:
    """Clients for the addresses that are needed, made when they are."""

    def __init__(self, settings: Settings, http: HttpFactory, clock: Clock) -> None:
        self._settings = settings
        self._http = http
        self._clock = clock
        self._clients: dict[str, Http] = {}
        self._certificates: dict[str, bytes] = {}
        self.endpoint = settings.endpoint_url.rstrip("/")
        secret = settings.secret_access_key
        self.key = Key(settings.access_key_id, secret, settings.session_token) if secret is not None else None

    def _client(self, address: str) -> Http:
        if address not in self._clients:
            secrets = [
                one for one in (self._settings.secret_access_key, self._settings.session_token) if one is not None
            ]
            self._clients[address] = self._http(address, system=SLUG, secrets=secrets)
        return self._clients[address]

    # ------------------------------------------------------------ SNS

    def certificate(self, url: str) -> bytes | None:
        """One that was fetched before."""
        return self._certificates.get(url)

    async def fetch_certificate(self, url: str, server: str, path: str) -> None:
        """Fetch one and keep it. Raises IntegrationErrors."""
        if url in self._certificates:
            return
        answer = await self._client(server).get(path)
        while len(self._certificates) >= CERTIFICATES:
            self._certificates.pop(next(iter(self._certificates)))
        self._certificates[url] = answer.body

    async def confirm(self, envelope: Envelope) -> None:
        """Say that we want what a topic sends: at an address of ours, never at the one in the message.

        With credentials it is signed, so that nobody else can end the subscription. Raises IntegrationErrors.
        """
        region = region_of(envelope.topic_arn)
        client = self._client(self.endpoint or f"https://{host_of(region)}")
        what = {"Action": "ConfirmSubscription", "Version": "2010-03-31", "TopicArn": envelope.topic_arn}
        what["Token"] = envelope.token
        if self.key is None:
            answer = await client.get("/", what)
        else:
            body = urlencode({**what, "AuthenticateOnUnsubscribe": "true"}).encode()
            headers = {"content-type": "application/x-www-form-urlencoded; charset=utf-8"}
            request = self._signed(client, headers, body, region, "sns")
            answer = await client.send(request)
        if "SubscriptionArn" not in answer.text:
            raise Unreadable("SNS did not say that the subscription is confirmed.", system=SLUG)

    # ------------------------------------------------------------ CloudWatch

    async def not_ok(self) -> Sequence[DescribedAlarm]:
        """The alarms of all regions that are in ALARM or without data. Raises IntegrationErrors."""
        found: list[DescribedAlarm] = []
        for region in self._settings.asked_regions:
            for state in (State.ALARM, State.NO_DATA):
                found += await self._described(region, state)
        return found

    async def _described(self, region: str, state: State) -> list[DescribedAlarm]:
        wanted: dict[str, object] = {"StateValue": state.value, "AlarmTypes": ["MetricAlarm", "CompositeAlarm"]}
        wanted["MaxRecords"] = 100
        if self._settings.alarm_prefix:
            wanted["AlarmNamePrefix"] = self._settings.alarm_prefix
        found: list[DescribedAlarm] = []
        for _ in range(PAGES):
            page = read_value(Described, await self._ask(region, wanted), SLUG)
            found += [*page.metric_alarms, *page.composite_alarms]
            if not page.next_token:
                return found
            wanted["NextToken"] = page.next_token
        raise Unreadable(
            f"More than {PAGES * 100} alarms of {region} are in {state.value}.", system=SLUG,
            not_done="Nothing was concluded from a part of them.", next_step="Set alarm_prefix.",
        )  # fmt: skip

    async def _ask(self, region: str, wanted: dict[str, object]) -> object:
        domain = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
        client = self._client(self.endpoint or f"https://monitoring.{region}.{domain}")
        headers = {"content-type": "application/x-amz-json-1.0", "x-amz-target": TARGET}
        body = json.dumps(wanted, separators=(",", ":")).encode()
        return (await client.send(self._signed(client, headers, body, region, "monitoring"))).json()

    def _signed(self, client: Http, headers: dict[str, str], body: bytes, region: str, service: str) -> Request:
        if self.key is None:
            raise Unreachable("There are no credentials for AWS.", system=SLUG, not_done="Nothing was asked.")
        now: datetime = self._clock.now()
        message = Message("POST", urlsplit(client.base_url).netloc, "/", headers=headers, body=body)
        more = signed(message, self.key, region=region, service=service, at=now)
        return Request("POST", client.url("/"), content=body, headers={**headers, **more})
