"""What the README claims about speed, reproducible."""
