"""The rules for the models of packages. A team overrules one in the `anonymisation.py` of an app of its own."""

from bedplate.django.anonymising.registry import erase, rules
from bedplate.django.anonymising.rules import Email, Keep

# Who is logged in, second factors, codes sent by mail, and what was done by whom in the admin.
erase("sessions.Session", "mfa.Authenticator", "account.EmailConfirmation", "admin.LogEntry")

rules("account.EmailAddress", email=Email())
rules("auth.Group", name=Keep())
rules("auth.Permission", name=Keep(), codename=Keep())
rules("contenttypes.ContentType", app_label=Keep(), model=Keep())
