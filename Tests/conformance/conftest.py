"""The sign-in that tests share which are not about signing in."""

from conformance.signed_in import signed_in

__all__ = ['signed_in']
