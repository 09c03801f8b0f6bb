"""Stands in for CommonServerUserPython: the script in which the owner of an XSOAR server keeps functions of their own.

The platform joins it to every command, between CommonServerPython and the integration. A new server has it empty, and so it
is here.
"""
