"""The Pulumi program: static egress and an empty secrets store per environment."""
