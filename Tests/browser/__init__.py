"""The sandbox in a real browser: ``make browser-test``."""
