"""Pure decisions: values in, values out, standard library only. No clock, no I/O, no framework."""
