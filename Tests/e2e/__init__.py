"""End-to-end tests: from the upload of the pack to commands in the War Room."""
