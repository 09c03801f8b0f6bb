"""Microsoft Graph v1.0: users, mailboxes and what is in them."""
