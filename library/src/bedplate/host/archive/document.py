"""HAND_OVER.md: what the archive holds, and how to bring it to life. A test follows it to the letter."""

from dataclasses import dataclass
from typing import Final

START: Final = """\
# {name}: handed over

This archive was made on {date} from commit `{commit}`. It holds

- the code, without its history; `README.md` says what is where
{contents}
No password, key or other secret is in it: the install makes new ones.

## Build and run

Needed: Docker with Compose 2.26 or newer. In this folder:

```sh
./install_docker.sh
```

It builds the images, makes and migrates the database, makes the first user, starts everything, and prints the address,
the user and the password. Without Docker (Python 3.12 or newer is enough): `./install_embedded.sh`.
On a server: `./install_docker.sh --environment prod --domain www.example.com --admin-email you@example.com`, and
`library/docs/how-to/first-server.md`.
"""

POSTGRESQL: Final = """
## Restore the database

`database.dump` is a dump in PostgreSQL's custom format, from the version that `services.yml` names; {personal}.
Any `pg_restore` of that version or a newer one reads it. Into the stack that runs now, in place of its empty database:

```sh
docker compose stop web celery cron
docker compose exec --no-TTY postgres dropdb --username app --force app
docker compose exec --no-TTY postgres createdb --username app app
docker compose exec --no-TTY postgres pg_restore --username app --dbname app --no-owner --exit-on-error <database.dump
```

Migrate it to what the code expects, and make the user in `.env` (`DEFAULT_USER_EMAIL`, `DEFAULT_USER_PASSWORD`):

```sh
docker compose run --rm --no-TTY web python manage.py migrate --no-input
docker compose run --rm --no-TTY web python manage.py create_default_user
docker compose up --detach --wait
```
"""

POSTGRESQL_MEDIA: Final = """
## Restore the media

`media/` holds files that people uploaded{filtered}. Into the stack's volume:

```sh
tar --create --directory media . |
  docker compose run --rm --no-deps --no-TTY web sh -c 'mkdir -p /data/media && tar --extract --directory /data/media'
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

That migrates the database and makes the user in `.env.embedded`. Then `./install_embedded.sh` serves the site.
"""

END: Final = """
## Go on with it

```sh
git init --quiet
printf '%s\\n' /database.dump /database.sqlite3 /media/ >>.git/info/exclude
git add --all
git -c user.name=Handover -c user.email=handover@localhost commit --quiet --message "As handed over"
```

Then `./run_tests.sh` runs every test, `CONTRIBUTING.md` says how to change the code, and `docs/` the rest.
"""

PERSONAL: Final = {
    True: "personal data in it are anonymised, and nobody's password works",
    False: "it holds ALL PERSONAL DATA, as they are: treat it accordingly",
}


@dataclass(frozen=True, kw_only=True)
class Contents:
    """What an archive holds."""

    name: str
    commit: str
    date: str
    database: str
    """The name of its file; empty without."""
    media: bool
    anonymised: bool
    embedded: bool


def describe(contents: Contents) -> str:
    """Return the document."""
    held = []
    if contents.database:
        held.append(f"- `{contents.database}`, the database: {PERSONAL[contents.anonymised]}\n")
    if contents.media:
        held.append(f"- `media/`, files that people uploaded{_filtered(contents)}\n")
    start = START.format(name=contents.name, date=contents.date, commit=contents.commit[:12], contents="".join(held))
    return start + (_restore_embedded(contents) if contents.embedded else _restore_in_docker(contents)) + END


def _filtered(contents: Contents) -> str:
    return ": those that tell nothing about a person" if contents.anonymised else ""


def _restore_in_docker(contents: Contents) -> str:
    database = POSTGRESQL.format(personal=PERSONAL[contents.anonymised]) if contents.database else ""
    return database + (POSTGRESQL_MEDIA.format(filtered=_filtered(contents)) if contents.media else "")


def _restore_embedded(contents: Contents) -> str:
    commands = []
    if contents.database:
        commands.append(f"cp {contents.database} var/embedded/{contents.database}")
    if contents.media:
        commands.append("cp -R media var/embedded/media")
    if not commands:
        return ""
    database = f"; {PERSONAL[contents.anonymised]}" if contents.database else ""
    return EMBEDDED.format(database=database, commands="\n".join(commands))
