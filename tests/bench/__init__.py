"""What a sweep costs, beside what others cost over the same account in the same run."""
