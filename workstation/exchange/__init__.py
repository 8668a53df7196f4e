"""Other systems' records, in and out; what comes in goes through the same services as a person's typing."""
