"""What the pages of the local XSOAR and of the sandbox share: style, scripts, visits, protection, texts for people."""
