"""Formats of dates, by language: in one form that cannot be misread, with the time zone. Others have Django's."""
