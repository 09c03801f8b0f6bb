"""The token service of the Cortex XSOAR application."""
