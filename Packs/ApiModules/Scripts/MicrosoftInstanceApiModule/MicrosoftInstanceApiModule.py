"""Read the parameters and arguments of an integration instance."""

import json
from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime, timezone
from typing import Any


with suppress(ImportError):  # in a built pack these names are already in the same file
    from CommonServerPython import DemistoException, argToBoolean, argToList, arg_to_datetime
    from MicrosoftCoreApiModule import SystemClock, clean_value

# region arguments


def required_argument(args: dict[str, Any], name: str) -> str:
    """Gives an argument, without blanks around. Raises DemistoException, naming it, when it is empty."""
    text = clean_value(args.get(name))
    if not text:
        raise DemistoException(f'The argument {name} is empty. Enter a value for it.')
    return text


def id_list(args: dict[str, Any], name: str) -> list[str]:
    """Gives each ID of a list once. Raises DemistoException, naming the argument, when there is none."""
    found = list(dict.fromkeys(filter(None, map(clean_value, argToList(args.get(name))))))
    if not found:
        raise DemistoException(f'The argument {name} holds no ID. Enter one ID, or several with commas between.')
    return found


def text_list(args: dict[str, Any], name: str) -> list[str]:
    """Gives the texts of a list that are not empty."""
    return [text for text in (str(one).strip() for one in argToList(args.get(name))) if text]


def int_argument(args: dict[str, Any], name: str, default: int, largest: int) -> int:
    """Gives an argument from 1 to `largest`. Raises DemistoException, naming the argument, when it is something else."""
    given = args.get(name)
    text = str(default if given in (None, '') else given).strip()
    number = int(text) if text.isdecimal() and len(text) < 10 else 0
    if not 1 <= number <= largest:
        raise DemistoException(f"'{text}' is not a whole number from 1 to {largest}. Change {name}.")
    return number


def bool_argument(args: dict[str, Any], name: str, default: bool = False) -> bool:
    """Gives an argument that is true or false. Raises DemistoException, naming it, when it is neither."""
    text = clean_value(args.get(name))
    try:
        return argToBoolean(text) if text else default
    except ValueError:
        raise DemistoException(f"'{text}' is neither true nor false. Change {name}.") from None


def choice_argument(args: dict[str, Any], name: str, choices: Iterable[str], default: str = '') -> str:
    """Gives an argument as `choices` write it. Raises DemistoException, naming the argument, when it is none of them."""
    text = clean_value(args.get(name)) or default
    chosen = next((choice for choice in choices if choice.lower() == text.lower()), None)
    if chosen is None:
        raise DemistoException(f"'{text}' is not one of {', '.join(filter(None, choices))}. Change {name}.")
    return chosen


def json_argument(args: dict[str, Any], name: str) -> dict[str, Any]:
    """Gives an argument that holds a JSON object, empty where it is. Raises DemistoException when it is no such thing."""
    given = args.get(name) or {}
    try:
        value = json.loads(given) if isinstance(given, str) else given
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise DemistoException(f'The argument {name} is not a JSON object. Write it as {{"name": value}}.')
    return value


def future_datetime(text: str, name: str, grace: float = 0) -> datetime:
    """Reads a date that must not be over, in UTC.

    Args:
        grace: seconds for which one that is over counts all the same.
    Raises:
        DemistoException: it cannot be read, or is over: ``08:00`` and ``2 days`` are read as times that were.
    """
    how = f'Write {name} as 2030-01-31T08:00:00Z, or as in 2 hours.'
    try:
        moment = arg_to_datetime(text, name)
    except ValueError:
        moment = None
    if not moment:
        raise DemistoException(f"'{text}' is no date. {how}")
    moment = moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)
    if moment.timestamp() < SystemClock().now() - grace:
        raise DemistoException(f"'{text}' is read as {moment:%Y-%m-%dT%H:%M:%SZ}, which is over. {how}")
    return moment


# endregion
