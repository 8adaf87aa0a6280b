"""All URLs of the site."""

from django.apps import apps
from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("", include("pages.urls")),
    path("", include("bedplate.django.media.urls")),
    path("accounts/", include("bedplate.django.accounts.urls")),
    path("accounts/", include("allauth.urls")),
    path("admin/", admin.site.urls),
    path("health/", include("bedplate.django.operations.health_urls")),
    path("i18n/", include("django.conf.urls.i18n")),
    path("operations/", include("bedplate.django.operations_page.urls")),
    path("tasks/", include("bedplate.django.operations.urls")),
]
if apps.is_installed("bedplate.django.caught_mail"):
    urlpatterns.append(path("mail/", include("bedplate.django.caught_mail.urls")))
if apps.is_installed("bedplate.django.api"):
    urlpatterns += [path("api/", include("api.urls")), path("accounts/tokens/", include("bedplate.django.api.urls"))]
if apps.is_installed("debug_toolbar"):
    urlpatterns.append(path("__debug__/", include("debug_toolbar.urls")))

handler400 = "pages.views.bad_request"
handler500 = "pages.views.server_error"
