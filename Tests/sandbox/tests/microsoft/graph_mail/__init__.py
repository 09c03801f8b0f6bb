"""Tests of the local Microsoft Graph."""
