"""Stand-ins for the outside world, each behind the protocol of the real thing."""
