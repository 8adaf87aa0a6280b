"""Checks that change nothing: each raises AbortError, with hints."""
