"""URLs of the mail catcher."""

from django.urls import path, re_path

from bedplate.django.caught_mail import views
from bedplate.django.caught_mail.folder import IDENTIFIER

urlpatterns = [
    path("", views.message_list, name="caught-mail"),
    re_path(rf"^(?P<identifier>{IDENTIFIER})/$", views.message, name="caught-mail-message"),
    re_path(rf"^(?P<identifier>{IDENTIFIER})/html/$", views.message_html, name="caught-mail-html"),
]
