"""Argument lists of other programs. Nothing here runs one."""
