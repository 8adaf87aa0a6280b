"""URLs under /accounts/ in addition to django-allauth's."""

from allauth.account.views import password_set
from django.urls import path

from bedplate.django.accounts import impersonation, login_providers, own_data, profile, sessions, views

urlpatterns = [
    path("staff-check", views.staff_check, name="staff-check"),
    path("name/", profile.name, name="account_name"),
    path("sessions/", sessions.sessions, name="usersessions_list"),  # replaces django-allauth's
    # Who found an open session cannot keep the account by a password of their own.
    path("password/set/", own_data.proof_required(password_set), name="account_set_password"),
    path("data/", own_data.own_data, name="account_data"),
    path("data/export/", own_data.export, name="account_export"),
    path("delete/", own_data.delete, name="account_delete"),
    path("oidc/<str:provider_id>/login/", login_providers.login, name="openid_connect_login"),
    path("oidc/<str:provider_id>/login/callback/", login_providers.callback, name="openid_connect_callback"),
    path("impersonate/stop/", impersonation.stop, name="stop-impersonation"),
    path("impersonate/<str:pk>/", impersonation.start, name="impersonate"),
]
