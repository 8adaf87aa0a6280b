"""The table behind the page."""

from django.db import models


class Book(models.Model):
    """A row of the page."""

    title = models.CharField(max_length=200)
    author = models.CharField(max_length=200)
    pages = models.PositiveIntegerField()
    published = models.DateField(db_index=True)

    def __str__(self) -> str:
        return self.title
