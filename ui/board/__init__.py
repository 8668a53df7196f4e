"""The incident board in both its shapes, what waits for this person, and what may be the same incident twice."""
