"""Microsoft Defender for Endpoint: alerts and machines."""
