"""Test models with every kind of relation, in their own registry."""

# ruff: noqa: DJ008 - no test prints them

from typing import Any, ClassVar

from django.apps.registry import Apps
from django.contrib.contenttypes.fields import GenericForeignKey, GenericRelation
from django.contrib.contenttypes.models import ContentType
from django.db import models

REGISTRY = Apps()


class Related(models.Model):
    objects: ClassVar[models.Manager[Any]] = models.Manager()

    class Meta:
        abstract = True
        apps = REGISTRY
        app_label = "anonymising"


class Tag(Related):
    kind = models.ForeignKey(ContentType, models.CASCADE)
    key = models.CharField(max_length=20)
    tagged = GenericForeignKey("kind", "key")


class Badge(Related):
    pass


class Account(Related):
    tags = GenericRelation(Tag, "key", "kind")
    badges: Any = models.ManyToManyField(Badge)


class Paper(Related):
    pass


class Passport(Paper):
    account = models.ForeignKey(Account, models.CASCADE)


class Stamp(Related):
    paper = models.ForeignKey(Paper, models.CASCADE)
    before: Any = models.ForeignKey("self", models.CASCADE, null=True)


class Review(Related):
    account = models.ForeignKey(Account, models.SET_NULL, null=True)
    moderator = models.ForeignKey(Account, models.SET(lambda: 0), null=True, related_name="+")


class Receipt(Related):
    account = models.ForeignKey(Account, models.DO_NOTHING, db_constraint=False)


class Line(Related):
    account = models.ForeignKey(Account, models.DB_CASCADE)


class Invoice(Related):
    account = models.ForeignKey(Account, models.PROTECT, null=True)
    seller = models.ForeignKey(Account, models.SET_DEFAULT, default=1, related_name="+")


ALL = [Tag, Badge, Account, Paper, Passport, Stamp, Review, Receipt, Line, Invoice]
