"""The command that looks after the historian on a server."""
