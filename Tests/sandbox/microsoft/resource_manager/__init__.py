"""Azure Resource Manager, as far as a second resource needs it."""
