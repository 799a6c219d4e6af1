"""The stories of approved operations: each is read from top to bottom, and goes on after kill -9 where it stopped."""
