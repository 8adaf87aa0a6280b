"""The plan of a deploy, and the summary at its end."""

import re

from bedplate.host import ROOT
from bedplate.host.configuration import env_file
from bedplate.host.deploy.release import git, has_git
from bedplate.host.deploy.sequence import DeploySteps
from bedplate.host.secrets_folder import SecretsFolder


def plan(deploy: DeploySteps) -> str:
    """Return the plan of the deploy."""
    deployment = deploy.deployment
    source = f"this folder{state_of_git()}"
    if deployment.pull:
        source = f"images with this tag, here or in {env_file.get('REGISTRY')}"
    elif not deployment.builds:
        source = "images that are here"
    text = f"""
  Environment  {deployment.environment.label}
  Folder       {ROOT}
  Now          {deployment.old}
  Then         {deployment.new}, from {source}
  Backup       {"first" if deployment.backup and deployment.builds else "none"}

"""
    folder = SecretsFolder(secrets=deploy.secrets, environment=deployment.environment)
    notes = folder.new_ones()
    if not deploy.stack.web_of(deployment.old):
        notes.append(f"no web of {deployment.old} runs; there is nothing to keep serving.")
    return text + "".join(f"  Note: {note}\n\n" for note in notes)


def state_of_git() -> str:
    """Return branch and commit, and whether there are uncommitted changes."""
    if not has_git():
        return ""
    commit = git("log", "-1", '--format=%h "%s"')
    changes = ", and changes that are not committed" if git("status", "--porcelain") else ""
    return f": {git('rev-parse', '--abbrev-ref', 'HEAD')} {commit}{changes}"


def summary(deploy: DeploySteps, *, seconds: int) -> str:
    """Return the new release, and how to go back."""
    deployment = deploy.deployment
    replaced = re.findall(r"^(nginx was replaced.*)", deploy.steps.log_since(0), re.MULTILINE)
    text = f"\n{deployment.new} serves, after {seconds} s.{''.join(f' {line}.' for line in replaced)}\n"
    if deployment.rollback:
        text += (
            f"To go forward again: ./bedplate deploy --pull {deployment.old}\n"
            "Its images are kept until the next ./bedplate deploy without --rollback.\n"
        )
    elif not deployment.restart:
        text += f"To go back to {deployment.old}: ./bedplate deploy --rollback\n"
    return text
