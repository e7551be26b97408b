"""The nouns: frozen values that stand on the standard library alone."""
