"""URLs under /accounts/ in addition to django-allauth's."""

from django.urls import path

from bedplate.django.accounts import views

urlpatterns = [path("staff-check", views.staff_check, name="staff-check")]
