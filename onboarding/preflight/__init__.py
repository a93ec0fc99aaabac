"""What can be known before ``pulumi up``: decisions over facts that AWS and the settings give."""
