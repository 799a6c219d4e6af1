"""What stands for AWS: LocalStack's SNS, that signs and asks for confirmation, and its CloudWatch.

Started once for all tests of a process that ask for it. They are marked `@needs("localstack")` and
`@pytest.mark.xdist_group("localstack")`.
"""

import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from bot.demo.process import environment, listening
from tests.needs import path_of
from tests.servers.vendors import kept

START_WITHIN = 120.0
REGION = "us-east-1"
ACCOUNT = "000000000000"
WATCH = "GraniteServiceVersion20100801"


@dataclass(frozen=True, slots=True)
class LocalStack:
    """A running one."""

    url: str


@pytest.fixture(scope="session")
def localstack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStack]:
    with kept(localstack_server(tmp_path_factory.mktemp("localstack"))) as server:
        yield server


@asynccontextmanager
async def localstack_server(folder: Path) -> AsyncIterator[LocalStack]:
    """SNS and CloudWatch of one region, on a free port of the loopback."""

    def command(port: int) -> list[str | Path]:
        # It reads its address from the environment only, which is made before the port is known.
        at = f"127.0.0.1:{port}"
        begin = f"import os, runpy; os.environ.update(GATEWAY_LISTEN={at!r}, LOCALSTACK_HOST={at!r}); "
        return [path_of("localstack"), "-c", f"{begin}runpy.run_module('localstack.runtime.main', run_name='__main__')"]

    env = environment(
        "AWS_", "LOCALSTACK_", DISABLE_EVENTS="1", SKIP_SSL_CERT_DOWNLOAD="1", ACTIVATE_PRO="0", DNS_ADDRESS="0",
        FILESYSTEM_ROOT=str(folder / "files"), STRICT_SERVICE_LOADING="1", SERVICES="sns,sqs,cloudwatch,sts",
        HOME=str(folder),
    )  # fmt: skip
    async with listening(
        "LocalStack", command, log=folder / "localstack.log", env=env, ready="/_localstack/health",
        within=START_WITHIN, cwd=folder,
    ) as (_, port):  # fmt: skip
        yield LocalStack(f"http://127.0.0.1:{port}")


class Owner:
    """A person with the account."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self._http = http

    async def sns(self, action: str, **given: str) -> str:
        """The answer's XML."""
        answer = await self._http.post("/", data={"Action": action, **given}, headers=_credential("sns"))
        assert answer.status_code == 200, answer.text
        return answer.text

    async def topic(self, name: str) -> str:
        found = re.search("<TopicArn>(.*?)</TopicArn>", await self.sns("CreateTopic", Name=name))
        assert found is not None
        return found[1]

    async def watch(self, action: str, **given: object) -> dict[str, object]:
        headers = {"content-type": "application/x-amz-json-1.0", "x-amz-target": f"{WATCH}.{action}"}
        answer = await self._http.post("/", json=given, headers={**headers, **_credential("monitoring")})
        assert answer.status_code == 200, answer.text
        return dict(answer.json()) if answer.content else {}

    async def alarm(self, name: str, topic: str, **dimensions: str) -> None:
        await self.watch(
            "PutMetricAlarm", AlarmName=name, AlarmDescription=f"{name} of the tests", MetricName="psi",
            Namespace="ML/Drift", Statistic="Maximum", Period=3600, EvaluationPeriods=1, Threshold=0.2,
            ComparisonOperator="GreaterThanThreshold", TreatMissingData="ignore",
            Dimensions=[{"Name": key, "Value": value} for key, value in dimensions.items()],
            AlarmActions=[topic], OKActions=[topic], InsufficientDataActions=[topic],
        )  # fmt: skip

    async def set_state(self, name: str, state: str) -> None:
        await self.watch("SetAlarmState", AlarmName=name, StateValue=state, StateReason=f"a test says {state}")

    async def delete_alarms(self) -> None:
        found = await self.watch("DescribeAlarms")
        alarms = found["MetricAlarms"]
        assert isinstance(alarms, list)
        if alarms:
            await self.watch("DeleteAlarms", AlarmNames=[alarm["AlarmName"] for alarm in alarms])


def _credential(service: str) -> dict[str, str]:
    scope = f"test/20261123/{REGION}/{service}/aws4_request"
    return {"authorization": f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=none"}


@pytest.fixture
async def owner(localstack: LocalStack) -> AsyncIterator[Owner]:
    """Finds no alarm there."""
    async with httpx.AsyncClient(base_url=localstack.url, trust_env=False, timeout=30) as http:
        made = Owner(http)
        await made.delete_alarms()
        yield made
