"""What the gateway adds to a stream, compared with the provider and with a relay that parses nothing."""
