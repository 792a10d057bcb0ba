"""What the gateway adds to a stream, side by side with the provider itself and with a relay that reads nothing."""
