"""Pure functions: a view in, a message out. Texts from outside are literal rich text, so nothing in them can act."""
