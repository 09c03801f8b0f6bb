"""The start page of the sandbox, and pages of the local Microsoft cloud that Microsoft has elsewhere or not at all."""

from .model import Chapter
from .server import Portal

__all__ = ['Chapter', 'Portal']
