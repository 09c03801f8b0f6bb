"""What `make` does between a change and a user's XSOAR: checks, packages, releases. Each module is one target."""
