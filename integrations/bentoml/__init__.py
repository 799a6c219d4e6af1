"""A BentoML service says in its own answers which version of the model it serves, and the bot asks it."""
