"""Errors of requests, as sentences for the user who sent them."""


class Refusal(ValueError):
    """Bad input: the text is one sentence saying what is wrong and what to do."""

    status = 400


class NotFound(Refusal):
    """The thing that was asked for does not exist."""

    status = 404


class Conflict(Refusal):
    """Somebody else changed the thing in between; read it again and repeat the change."""

    status = 409
