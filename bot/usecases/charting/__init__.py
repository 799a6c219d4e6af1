"""Charts in an incident's thread: owed by a row, drawn and shown afterwards, so that no card ever waits for one."""
