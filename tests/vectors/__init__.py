"""Files kept as they were made: databases of every released schema, and what they must be read as."""
