"""HAND_OVER.md: the contents of the archive, and how to run it. A test follows its commands."""

from dataclasses import dataclass
from typing import Final

START: Final = """\
# {name}: handed over

This archive was made on {date} from commit `{commit}`. It contains

- the code, without its history; `README.md` describes the folders
{contents}
It contains no password, key or other secret: the install generates new ones.

## Build and run

Needed: Docker with Compose 2.26 or newer. In this folder:

```sh
./install_docker.sh
```

It builds the images, creates and migrates the database, creates the first user, starts everything, and prints the
address, the user and the password. Without Docker (Python 3.12 or newer is enough): `./install_embedded.sh`.
On a server: `./install_docker.sh --environment prod --domain www.example.com --admin-email you@example.com`, and
`library/docs/how-to/first-server.md`.
"""

POSTGRESQL: Final = """
## Restore the database

`database.dump` is a dump in PostgreSQL's custom format, from the version that `services.yml` names; {personal}.
Any `pg_restore` of that version or a newer one reads it. To replace the empty database of the running stack:

```sh
docker compose stop web celery cron
docker compose exec --no-TTY postgres dropdb --username app --force app
docker compose exec --no-TTY postgres createdb --username app app
docker compose exec --no-TTY postgres pg_restore --username app --dbname app --no-owner --exit-on-error <database.dump
```

Migrate it, and create the user in `.env` (`DEFAULT_USER_EMAIL`, `DEFAULT_USER_PASSWORD`):

```sh
docker compose run --rm --no-TTY web python manage.py migrate --no-input
docker compose run --rm --no-TTY web python manage.py create_default_user
docker compose up --detach --wait
```
"""

POSTGRESQL_MEDIA: Final = """
## Restore the media

`media/` contains uploaded files{filtered}. To copy them into the stack's volume:

```sh
tar --create --directory media . |
  docker compose run --rm --no-deps --no-TTY web tar --extract --directory /data/uploads
```
"""

EMBEDDED: Final = """
## Restore the data

It comes from embedded mode, which runs without Docker{database}. Before the first start:

```sh
mkdir -p var/embedded
{commands}
./install_embedded.sh --setup-only
```

That migrates the database and creates the user in `.env.embedded`. Then `./install_embedded.sh` serves the site.
"""

END: Final = """
## Go on with it

```sh
git init --quiet
printf '%s\\n' /database.dump /database.sqlite3 /media/ >>.git/info/exclude
git add --all
git -c user.name=Handover -c user.email=handover@localhost commit --quiet --message "As handed over"
```

Then `./run_tests.sh` runs every test, `docs/CONTRIBUTING.md` says how to change the code, and `docs/` the rest.
"""

PERSONAL: Final = {
    True: "personal data in it are anonymized, and no password works",
    False: "it contains ALL PERSONAL DATA, unchanged: treat it accordingly",
}


@dataclass(frozen=True, kw_only=True)
class ArchiveContents:
    """The contents of an archive, and their origin."""

    name: str
    commit: str
    date: str
    database: str
    """The name of its file; empty without a database."""
    media: bool
    anonymised: bool
    embedded: bool


def describe(contents: ArchiveContents) -> str:
    """Return the text of HAND_OVER.md."""
    held = []
    if contents.database:
        held.append(f"- `{contents.database}`, the database: {PERSONAL[contents.anonymised]}\n")
    if contents.media:
        held.append(f"- `media/`, uploaded files{_filtered(contents)}\n")
    start = START.format(name=contents.name, date=contents.date, commit=contents.commit[:12], contents="".join(held))
    return start + (_restore_embedded(contents) if contents.embedded else _restore_in_docker(contents)) + END


def _filtered(contents: ArchiveContents) -> str:
    return ": those without personal data" if contents.anonymised else ""


def _restore_in_docker(contents: ArchiveContents) -> str:
    database = POSTGRESQL.format(personal=PERSONAL[contents.anonymised]) if contents.database else ""
    return database + (POSTGRESQL_MEDIA.format(filtered=_filtered(contents)) if contents.media else "")


def _restore_embedded(contents: ArchiveContents) -> str:
    commands = []
    if contents.database:
        commands.append(f"cp {contents.database} var/embedded/{contents.database}")
    if contents.media:
        commands.append("cp -R media var/embedded/uploads")
    if not commands:
        return ""
    database = f"; {PERSONAL[contents.anonymised]}" if contents.database else ""
    return EMBEDDED.format(database=database, commands="\n".join(commands))
