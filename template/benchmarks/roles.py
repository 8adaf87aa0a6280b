#!/usr/bin/env python3
"""Makes the application an owner, where it was PostgreSQL's superuser: killed at many moments, and in a large database.

`.venv/bin/python template/benchmarks/roles.py [--kills 60] [--megabytes 835]`: about 12 minutes; needs Docker.
"""

import argparse
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "library/tests/system"), str(ROOT / "library/src")]

from stack.superuser.cluster import PASSWORD, Cluster, cluster, finish, kill_and_complete  # noqa: E402

# Rows of a kilobyte, which PostgreSQL does not compress.
FILL = """
CREATE TABLE large (id bigserial PRIMARY KEY, data text);
INSERT INTO large (data) SELECT repeat('x', 960) FROM generate_series(1, {megabytes} * 1000)
"""
# Log in each time, and write, as a visitor's request does.
VISIT = """
until [ -e /tmp/enough ]; do
  begun=$(date +%s%N)
  until psql --quiet --username=app --command="UPDATE things SET name = 'visited' WHERE id = 2" app 2>/dev/null; do
    echo failed
  done
  echo $((($(date +%s%N) - begun) / 1000000))
done
"""


def main() -> None:
    """Print both readings."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=60)
    parser.add_argument("--megabytes", type=int, default=835)
    options = parser.parse_args()
    with cluster() as made:
        sys.stdout.write(large_database(made, options.megabytes) + "\n")
    found = Counter[str]()
    for moment in range(options.kills):
        found[kill_and_complete(moment)] += 1
        sys.stdout.write(f"{moment + 1} of {options.kills} kills: {dict(found)}\n")


def large_database(made: Cluster, megabytes: int) -> str:
    """Return the duration of the conversion, the failed requests of a visitor meanwhile, and the slowest."""
    made.psql(FILL.format(megabytes=megabytes), user="app")
    size = made.psql("SELECT pg_size_pretty(pg_database_size('app'))", user="app")
    answers: list[str] = []
    variables = (f"--env=PGPASSWORD={PASSWORD}", f"--env=PGHOST={made.name}")
    command = ["docker", "exec", *variables, made.name, "sh", "-c", VISIT]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as visitor:
        reader = threading.Thread(target=lambda: answers.extend(map(str.strip, visitor.stdout or ())))
        reader.start()
        time.sleep(2)
        begun = time.monotonic()
        finish(made)
        seconds = time.monotonic() - begun
        time.sleep(2)
        subprocess.run(["docker", "exec", made.name, "touch", "/tmp/enough"], check=True)  # noqa: S108 - the container's
        reader.join()
    failed, slowest = answers.count("failed"), max(int(answer) for answer in answers if answer != "failed")
    return f"{size}: {seconds:.1f} s; of {len(answers)} requests {failed} failed, the slowest: {slowest} ms"


if __name__ == "__main__":
    main()
