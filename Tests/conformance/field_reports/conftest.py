"""The fixtures of the tests of reports: a workbench for token requests, and instances of the mail integration."""

from conformance.sign_in.conftest import proxy, workbench
from conformance.unified.instances import instance

__all__ = ['instance', 'proxy', 'workbench']
