"""The renderer of forms."""

from django.forms.renderers import TemplatesSetting


class FormRenderer(TemplatesSetting):
    """Renders `{{ form }}` in the site's design, with the project's own templates."""

    form_template_name = "forms/form.html"
    field_template_name = "forms/field.html"
