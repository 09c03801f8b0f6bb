"""Fixtures of the tests of MicrosoftClient."""

from conformance.api_client.instances import instance

__all__ = ['instance']
