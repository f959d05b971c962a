"""What must not grow, however long a daemon lives."""
