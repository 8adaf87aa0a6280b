"""Test models: their own registry hides them from migrations and from the site."""

from typing import Any, ClassVar

from django.apps.registry import Apps
from django.db import models

REGISTRY = Apps()


class Person(models.Model):
    code = models.CharField(max_length=20, primary_key=True)
    email = models.EmailField(unique=True)
    nickname = models.CharField(max_length=6, blank=True)
    motto = models.TextField(null=True)  # noqa: DJ001 (NULL is tested)
    photo = models.FileField(blank=True)
    contract = models.FileField(blank=True)
    profile: Any = models.JSONField(default=dict)
    born = models.DateField(null=True)

    objects: ClassVar[models.Manager[Any]] = models.Manager()

    class Meta:
        apps = REGISTRY
        app_label = "anonymising"

    def __str__(self) -> str:
        return self.code


class Visit(models.Model):
    person = models.ForeignKey(Person, models.CASCADE)
    email = models.CharField(max_length=100, blank=True)
    place = models.CharField(max_length=100, choices=[("garden", "Garden")])

    objects: ClassVar[models.Manager[Any]] = models.Manager()

    class Meta:
        apps = REGISTRY
        app_label = "anonymising"

    def __str__(self) -> str:
        return self.place
