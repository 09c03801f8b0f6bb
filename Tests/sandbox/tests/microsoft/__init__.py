"""Tests of the local Microsoft cloud."""
