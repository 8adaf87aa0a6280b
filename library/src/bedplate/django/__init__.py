"""Django applications of the base project, and parts of its settings; `web/config/settings.py` installs them."""

from bedplate.django.former_names import keep_former_names

keep_former_names()
