"""What the words mean: ops, the fold, clocks, the rows a screen shows; no input, no output, no library but msgspec."""
