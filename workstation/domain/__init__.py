"""What the words mean: ops, the fold, clocks and the rows a screen shows; standard library only, no input or output."""
