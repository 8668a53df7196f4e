"""The calls page: who rang and was not answered, every call with what it was, and one number's history."""
