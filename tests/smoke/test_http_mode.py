"""Slack posts to the bot instead of the bot connecting to Slack: the same program, the same person, the same night."""

from pathlib import Path

import httpx
import pytest

from bot.demo import servers
from bot.demo.process import free_port
from bot.demo.story import CHANNEL, MIKA
from tests.needs import needs
from tests.smoke.conftest import Bot, Machines

pytestmark = [
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.xdist_group("machines"),
    needs("mlflow", "bentoml"),
]


async def test_commands_buttons_and_events_arrive_signed(machines: Machines, tmp_path: Path) -> None:
    port = free_port()
    (tmp_path / "bot").mkdir()
    to_the_bot = ("--app-url", f"http://127.0.0.1:{port}/slack/events")
    async with (
        servers.sandbox_process(tmp_path, arguments=to_the_bot) as workspace,
        httpx.AsyncClient(trust_env=False, timeout=30) as http,
    ):
        bot = Bot(tmp_path / "bot", workspace.url, machines, http)
        bot.extra = {"MLOPS_BOT_SLACK__MODE": "http", "MLOPS_BOT_SLACK__SIGNING_SECRET": "sandbox-signing-secret"}
        try:
            await bot.start(port=port)
            card = await bot.incident()
            await bot.workspace.click(MIKA, CHANNEL, str(card["ts"]), "incident.acknowledge")
            await bot.story.card(lambda text: "acknowledged by Mika" in text)
            answer = await bot.workspace.command(MIKA, "who fraud-detector", CHANNEL)
            assert "Devi Rao" in str(answer.messages)
            await bot.story.pin()
            forged = await http.post(
                f"{bot.url}/slack/events", content=b"command=%2Fmlops&text=incidents",
                headers={"x-slack-signature": "v0=00", "x-slack-request-timestamp": "1"},
            )  # fmt: skip
            assert forged.status_code == 401
        finally:
            await bot.stop()
