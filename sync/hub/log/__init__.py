"""Where the hub keeps its log: one module a database."""


class LogRefused(Exception):
    """The store was not opened, and not changed; the text says why and what to do."""
