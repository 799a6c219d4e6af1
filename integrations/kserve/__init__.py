"""KServe is asked which version serves, told to serve another one, and told how to share requests between two."""
