"""The mailboxes of the local Microsoft cloud, in the shape of Microsoft Graph v1.0."""
