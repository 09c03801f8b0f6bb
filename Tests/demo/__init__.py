"""The story of the README: the pack is built, uploaded, configured, and signs in in every way, against the sandbox."""
