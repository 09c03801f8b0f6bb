"""A Microsoft cloud and a Cortex XSOAR server on loopback. It knows no integration: see README.md."""
