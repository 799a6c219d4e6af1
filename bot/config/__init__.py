"""The configuration: one YAML file, the environment and the shipped defaults become one checked `Setup`."""
