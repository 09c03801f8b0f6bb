"""The demonstration of the README: the pack is built, uploaded, configured, and signs in with every method, on the sandbox."""
