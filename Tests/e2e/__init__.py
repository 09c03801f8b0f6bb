"""The story of the README, from the upload of the pack to commands in the war room."""
