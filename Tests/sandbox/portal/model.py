"""What the pages of the portal show."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sandbox.microsoft import MicrosoftCloud

if TYPE_CHECKING:
    from sandbox.xsoar import XsoarServer


class PortalError(ValueError):
    """A request that cannot be carried out; the text says what is wrong and what to do."""

    status = 400


class NotHere(PortalError):
    """What was asked for does not exist."""

    status = 404


@dataclass(frozen=True)
class Chapter:
    """A part of the guide on the start page: what to enter where, by the label of the field."""

    title: str
    fields: dict[str, str]
    note: str = ''


@dataclass
class World:
    """What the portal is about.

    Attributes:
        cloud, server: the two stand-ins; None for one that does not run.
        ticket: opens the pages; of this run only.
        chapters: the guide.
    """

    cloud: MicrosoftCloud
    server: XsoarServer | None = None
    ticket: str = field(default_factory=lambda: secrets.token_urlsafe(24), repr=False)
    chapters: list[Chapter] = field(default_factory=list)
