"""Everything Slack: thin listeners, pure blocks, and the projector that makes Slack show what is true."""
