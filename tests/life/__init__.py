"""Real processes, killed and searched: what only a running daemon shows."""
