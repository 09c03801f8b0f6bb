"""What a real tenant does where the sandbox only assumes: `make live-check`, see docs/live-check.md."""
