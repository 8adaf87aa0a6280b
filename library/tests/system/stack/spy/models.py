"""A model whose rows are erased in a copy."""

from django.db import models


class Note(models.Model):
    """A row."""

    text = models.TextField()

    class Meta:
        app_label = "spy"

    def __str__(self) -> str:
        return self.text
