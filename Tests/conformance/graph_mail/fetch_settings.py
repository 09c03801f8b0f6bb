"""What an instance fetches, set by the names in the code: tests also need values that no parameter has."""

from typing import Any

from MicrosoftGraphMailFetchOptionsApiModule import FetchOptions


def options_with(**changes: Any) -> FetchOptions:
    """Return the options of an instance without parameters, with changes."""
    options = FetchOptions({})
    for name, value in changes.items():
        assert hasattr(options, name), name
        setattr(options, name, value)
    return options
