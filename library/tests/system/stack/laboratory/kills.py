"""Backups and restores that are killed on the way: what is killed and when is drawn from a seed."""

import random
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from stack.laboratory.project import Laboratory
from stack.laboratory.state import Observation, State

STORES: Final = ("file:///data/backups", "gs://laboratory")
VERBS: Final = ("back up", "restore", "undo", "verify", "prune")
VICTIMS: Final = ("tool", "tool and children", "postgres", "store", "verifier")
POINTLESS: Final = {
    ("prune", "postgres"),
    ("undo", "store"),
    *((verb, "verifier") for verb in VERBS if verb != "verify"),
}
"""What is killed has no part in these."""

# The backups that are restored come from another environment, so that nothing prunes them.
ELSEWHERE: Final = {"ENVIRONMENT": "dev"}
KEEP_ONE: Final = {"BACKUP_KEEP_DAILY": "1", "BACKUP_KEEP_WEEKLY": "0", "BACKUP_KEEP_MONTHLY": "0"}
LIMIT: Final = 300
DRILLS: Final = 10
"""Of so many kills, one is followed by a drill and by the tool's own list."""

TABLES: Final = """
    CREATE TABLE lab_{number} (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text, at timestamptz, note text);
    INSERT INTO lab_{number} (name, at, note)
        SELECT md5(n::text), now() - n * interval '1 hour', repeat(md5((n * 7)::text), 4)
        FROM generate_series(1, {rows}) AS n;
    CREATE INDEX ON lab_{number} (name);
"""


class ViolationError(AssertionError):
    """Something that no kill may cause."""


@dataclass(frozen=True, kw_only=True)
class Kill:
    """What to kill in which command, and after which share of the time that the command takes undisturbed."""

    number: int
    store: str
    verb: str
    victim: str
    share: float


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What came of it."""

    kill: Kill
    moment: float
    """Seconds."""
    hit: bool
    """Whether the command was still at work."""
    status: int
    """How the command ended: 0, a failure it told of, or -9."""
    took_effect: bool
    """Whether the live database is another one now."""


def plan(seed: int, *, stores: Sequence[str] = STORES) -> Iterator[Kill]:
    """Yield kills without end, all combinations in turn, in an order and at moments that the seed decides."""
    dice = random.Random(seed)
    combinations = [
        (store, verb, victim)
        for store in stores
        for verb in VERBS
        for victim in VICTIMS
        if (verb, victim) not in POINTLESS and not (victim == "store" and store.startswith("file:"))
    ]
    number = 0
    while True:
        for store, verb, victim in dice.sample(combinations, len(combinations)):
            number += 1
            yield Kill(number=number, store=store, verb=verb, victim=victim, share=dice.random())


class Experiment:
    """The laboratory, what should be in it, and how long each command takes."""

    def __init__(self, laboratory: Laboratory, *, stores: Sequence[str] = STORES, rows: int = 4000) -> None:
        """Fill database and media, back both up in two states, and see how long each command takes."""
        self.laboratory = laboratory
        self.seconds: dict[tuple[str, str], float] = {}
        self._backups: dict[str, dict[str, State]] = {store: {} for store in stores}
        self._changes = 0
        self._fill(rows)
        for _ in range(2):
            self._change()
            for store in stores:
                self._prepare(store)
        self.live, self.previous = self._observe(stores[0]).states()
        for store in stores:
            for verb in ("back up", "back up", "prune", "verify", "restore", "undo"):
                self._tool(verb, store)
                self.live, self.previous = self._observe(store).states()

    def run(self, kill: Kill) -> Outcome:
        """Return what came of a kill. Raise ViolationError if anything is not as it must be."""
        after = self._expected(kill)
        before = self.live
        moment = kill.share * self.seconds[kill.store, kill.verb]
        hit, status, output = self._carry_out(kill, moment)
        self.laboratory.wait_until_ready()
        seen = self._observe(kill.store)
        self._require(seen.live.database in {before.database, after.database}, "the live database is neither", seen)
        self._require(not seen.damage, "a broken backup is listed", seen)
        self._require("Traceback" not in output, "the tool did not say what happened", output)
        took_effect = seen.live.database == after.database != before.database
        if took_effect:
            self.live, self.previous = after, before
        self._run_next(kill)
        return Outcome(kill=kill, moment=moment, hit=hit, status=status, took_effect=took_effect)

    def finish(self) -> None:
        """Prune both stores, and require that they hold then what their backups need, and nothing else."""
        for store in self._backups:
            self._tool("prune", store)
            seen = self._observe(store)
            self._require(seen.is_tidy and not seen.unused, "something was left behind for good", seen)
            self._tool("verify", store)

    def _fill(self, rows: int) -> None:
        self.laboratory.run_well(["python", "manage.py", "migrate", "--no-input"])
        self.laboratory.query("".join(TABLES.format(number=number, rows=rows) for number in range(4)))
        for number in range(20):
            self.laboratory.ask("add_media", name=f"{number % 3}/{number}.bin", size=50_000, seed=0)
        self.laboratory.run_well(["mkdir", "/data/backups"])
        self.laboratory.ask("make_bucket", name="laboratory")

    def _prepare(self, store: str) -> None:
        """Back up what is live, and remember what a restore makes of it: PostgreSQL writes some conditions anew."""
        url = self._tool("back up", store, ELSEWHERE).rpartition("\n")[2]
        self._tool("restore", store, url=url)
        self._backups[store][url] = self._observe(store).live

    def _change(self) -> None:
        """Make the live state another one: database and media together."""
        self._changes += 1
        # With a checkpoint, as a crash lets the sequences of the last rows skip some numbers otherwise.
        self.laboratory.query(f"INSERT INTO lab_0 (name) VALUES ('change {self._changes}'); CHECKPOINT")
        self.laboratory.ask("add_media", name=f"change-{self._changes}.bin", size=50_000, seed=self._changes)

    def _expected(self, kill: Kill) -> State:
        """Return what is live once the command has done its work. What it needs for that is made."""
        if kill.verb in {"back up", "prune"}:
            self._change()
            if kill.verb == "prune":
                self._tool("back up", kill.store)
            self.live = self._observe(kill.store).live
        if kill.verb == "restore":
            return self._backups[kill.store][self._restored(kill.store)]
        return self.previous if kill.verb == "undo" else self.live

    def _restored(self, store: str) -> str:
        """Return the URL of the first backup that is not what is live."""
        return next(url for url, state in self._backups[store].items() if state != self.live)

    def _carry_out(self, kill: Kill, moment: float) -> tuple[bool, int, str]:
        """Return whether the command was still at work, its exit status, and what it printed."""
        arguments = self._arguments(kill.verb, kill.store)
        variables = self._variables(kill.verb, kill.store)
        if kill.victim.startswith("tool"):
            whole = kill.victim != "tool"
            ended = self.laboratory.tool(*arguments, variables=variables, kill_after=moment, whole_group=whole)
            return ended.killed, ended.status, ended.output
        killing = threading.Timer(moment, self.laboratory.kill, [kill.victim])
        killing.start()
        ended = self.laboratory.tool(*arguments, variables=variables, limit=LIMIT)
        killing.join()
        self._require(not ended.killed, f"the tool still hung after {LIMIT} s", ended.output)
        return ended.seconds > moment, ended.status, ended.output

    def _run_next(self, kill: Kill) -> None:
        """Require that the next commands succeed, and that nothing is left behind then."""
        if kill.number % DRILLS == 0:
            self._tool("restore", kill.store, url=(url := self._restored(kill.store)))
            self.live, self.previous = self._backups[kill.store][url], self.live
        self._tool("back up", kill.store)
        if kill.number % DRILLS == 0:
            self._tool("verify", kill.store)
            listed = self._tool("list", kill.store)
            self._require('"damage": "' not in listed, "the tool lists a broken backup", listed)
        seen = self._observe(kill.store)
        self._require(seen.live == self.live, "database and media do not belong together", seen)
        self._require(seen.previous == [self.previous], "the previous database or its media changed", seen)
        self._require(not seen.damage, "a broken backup is listed", seen)
        self._require(seen.is_tidy, "something was left behind", seen)

    def _arguments(self, verb: str, store: str, url: str = "") -> Sequence[str]:
        commands = {
            "back up": ["--backup"],
            "undo": ["--undo"],
            "verify": ["--verify", "latest"],
            "prune": ["--prune"],
            "list": ["--list", "--json"],
        }
        return commands[verb] if verb in commands else ["--restore", url or self._restored(store)]

    def _variables(self, verb: str, store: str) -> dict[str, str]:
        return {"BACKUP_URL": store, **(KEEP_ONE if verb == "prune" else {})}

    def _tool(self, verb: str, store: str, variables: Mapping[str, str] | None = None, *, url: str = "") -> str:
        """Return what the undisturbed command printed, which must succeed. Kills are timed by how long it took."""
        all_variables = self._variables(verb, store) | dict(variables or {})
        ended = self.laboratory.tool(*self._arguments(verb, store, url), variables=all_variables)
        self._require(ended.status == 0, f"an undisturbed command failed: {verb}", ended.output)
        self.seconds[store, verb] = ended.seconds
        return ended.output.strip()

    def _observe(self, store: str) -> Observation:
        return Observation.from_answer(self.laboratory.ask("observe", url=store))

    def _require(self, condition: bool, what: str, seen: object) -> None:
        if not condition:
            raise ViolationError(f"{what}.\nExpected: live {self.live}, previous {self.previous}\nSeen: {seen}")
