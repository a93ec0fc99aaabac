"""The partner: TLS, tokens, orders, socket-level allow-list, reviewer desk."""
