"""URLs under /tasks/."""

from django.urls import path

from bedplate.django.operations import views

urlpatterns = [
    path("", views.tasks, name="tasks"),
    path("<uuid:pk>/", views.task_run, name="task-run"),
    path("<uuid:pk>/cancel/", views.cancel, name="cancel-task-run"),
]
