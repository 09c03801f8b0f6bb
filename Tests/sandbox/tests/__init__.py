"""All tests of the sandbox."""
