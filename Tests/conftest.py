"""Fixtures of the whole test suite."""
from sandbox.microsoft.fixtures import cloud, microsoft_cloud

__all__ = ['cloud', 'microsoft_cloud']
