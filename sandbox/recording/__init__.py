"""Recordings: what was done in a workspace and what it came to, in a file; and showing that again, step by step."""

from sandbox.recording.reading import Recording, RecordingFault, read
from sandbox.recording.recorder import Recorder
from sandbox.recording.replay import Replay

__all__ = ["Recorder", "Recording", "RecordingFault", "Replay", "read"]
