"""A local Cortex XSOAR server: the REST calls that demisto-sdk makes, and an engine that runs integrations."""

from .errors import Refusal
from .runner import FetchReport
from .server import XsoarServer

__all__ = ['FetchReport', 'Refusal', 'XsoarServer']
