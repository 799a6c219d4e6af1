"""Plans: what is read, checked and would be called, for each thing that can be done to a model."""
