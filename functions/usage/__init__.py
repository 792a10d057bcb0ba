"""A key's own use."""
