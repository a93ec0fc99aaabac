"""Client for the partner's APIs: tokens, orders and what their answers mean."""
