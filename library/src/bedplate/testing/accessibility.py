"""axe, which finds errors of accessibility in the pages of a browser."""

from typing import Final

from playwright.sync_api import Page

from bedplate.testing.checkout import ROOT

AXE: Final = ROOT / "web/frontend/node_modules/axe-core/axe.min.js"
RUN: Final = """async () => (await axe.run(document, {resultTypes: ["violations"]})).violations.flatMap(violation =>
    violation.nodes.map(node => `${violation.id}: ${node.html.slice(0, 200)} (${node.failureSummary})`))"""


def violations(page: Page) -> list[str]:
    """Return what axe finds in the open page: rule, element and reason.

    Needs the packages of `web/frontend`, which `./run_tests.sh` installs.
    """
    page.evaluate(AXE.read_text())  # the browser's own channel: the Content Security Policy does not apply
    found: list[str] = page.evaluate(RUN)
    return found
