"""The one failure of the embedded server, so that a caller has one thing to catch and show."""


class PostgresUnavailable(RuntimeError):
    """The embedded server cannot be had, made, started or stopped; the message says why and what to do."""
