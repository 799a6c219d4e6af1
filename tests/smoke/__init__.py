"""The whole program with real parts around it, as an operator has it."""
