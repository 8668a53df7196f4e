"""The map beside the form and the board, painted from what the desk carries: villages, incidents, the caller."""
