"""Pictures. They are drawn in a process of their own: what draws is large, and a bot that waits needs none of it."""
