"""Fixtures of the tests of the token cache."""

from conformance.token_cache.processes import processes

__all__ = ['processes']
