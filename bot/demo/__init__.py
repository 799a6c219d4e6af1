"""The whole story on this machine: real programs around the bot, played by a person or by itself."""

from bot.demo.play import play

__all__ = ["play"]
