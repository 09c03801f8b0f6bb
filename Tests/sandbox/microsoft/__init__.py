"""A local Microsoft cloud: Entra ID, identity endpoints, Graph mail, Resource Manager, the Cortex app's token service."""

from sandbox.microsoft.cloud import MicrosoftCloud

__all__ = ['MicrosoftCloud']
