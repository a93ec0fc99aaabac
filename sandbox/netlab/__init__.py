"""The deployed routes as Linux network namespaces with real SNAT."""
