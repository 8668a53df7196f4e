"""Other systems' records coming in."""
