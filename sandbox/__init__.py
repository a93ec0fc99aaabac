"""Stand-ins for the world outside, so that everything runs for real on one machine."""
