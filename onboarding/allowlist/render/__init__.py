"""Renders the review package and the overview: one module per format."""
