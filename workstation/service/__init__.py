"""What a person can do, one short function each, and what the screen may ask of the record."""
