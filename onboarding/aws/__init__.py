"""Narrow adapters that are handed their boto3 client."""
