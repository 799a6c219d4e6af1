"""What happens by the clock: APScheduler rings, the store says what is still owed."""

from bot.jobs.schedule import Schedule
from bot.jobs.scheduler import Claim, Job, Jobs

__all__ = ["Claim", "Job", "Jobs", "Schedule"]
