"""Tests of the local XSOAR server."""
