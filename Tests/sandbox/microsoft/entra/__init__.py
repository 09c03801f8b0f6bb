"""Entra ID: directory, sign-in pages, token endpoints."""
