"""The smoke test of a gradual release."""
