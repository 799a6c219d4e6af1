"""One module per thing a person wants: decisions over the ports, no framework, no I/O of their own."""
