"""The mutation run (template/benchmarks/mutations): its faults, and its report on tests that miss some."""

import subprocess
import sys
from pathlib import Path

import pytest
from faults import faults
from packages import Package, draw, read_equivalents, read_packages
from run import HERE, Killed, Reading, attempt_all
from trial import Outcome, UnusableTestsError, prepare

SHOP = """
def price(number: int, discount: bool) -> int:
    if number < 0:
        raise ValueError(number)
    return number * 9 if discount else number * 10
"""
WEAK = """
from shop import price

def test_price() -> None:
    assert price(1, False) == 10
    assert price(2, True) == 18
"""
STRONG = """
import pytest
from shop import price

@pytest.mark.parametrize(("number", "discount", "expected"), [(0, False, 0), (7, False, 70), (2, True, 18)])
def test_price(number: int, discount: bool, expected: int) -> None:
    assert price(number, discount) == expected

@pytest.mark.parametrize("number", [-1, -2])
def test_nothing_is_sold_backwards(number: int) -> None:
    with pytest.raises(ValueError, match=str(number)):
        price(number, False)
"""


@pytest.fixture(autouse=True)
def pytest_without_plugins(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make each run of pytest start in less than a second."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")


def shop(folder: Path, tests: str) -> Package:
    """Return a package of one module with these tests, written into the folder."""
    (folder / "shop.py").write_text(SHOP)
    (folder / "test_shop.py").write_text(tests)
    (folder / "pytest.ini").write_text("[pytest]\naddopts = -q\n")
    return Package(name="shop", sources=["shop.py"], tests=["test_shop.py"])


def reading(package: Package, folder: Path, *, killed: Path | None = None) -> Reading:
    """Return the results of all mutants of the package."""
    trial = prepare(package, folder, container=None)
    return attempt_all(draw(package, folder, number=0, seed=1), trial, killed=Killed(killed))


def test_weak_tests_leave_survivors(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A refusal without a test can be removed; the run prints it, with the change, and restores the code."""
    weak = reading(shop(tmp_path, WEAK), tmp_path)
    assert weak.outcomes[Outcome.SURVIVED] == 3
    assert weak.outcomes[Outcome.KILLED] == weak.outcomes.total() - 3
    said = capsys.readouterr().out
    assert "survived: shop.py:4 price\n  - raise ValueError(number)\n  + pass\n" in said
    assert said.count("survived: ") == 3
    assert (tmp_path / "shop.py").read_text() == SHOP


def test_strong_tests_leave_none(tmp_path: Path) -> None:
    """If every line is tested, every fault is noticed."""
    strong = reading(shop(tmp_path, STRONG), tmp_path)
    assert strong.outcomes == {Outcome.KILLED: strong.outcomes.total()}
    assert strong.share == 1


@pytest.mark.slow
def test_interrupted_run_continues(tmp_path: Path) -> None:
    """Noticed faults are not tried again, survivors are: a test may have been written for them since."""
    noticed = tmp_path / "killed"
    weak = reading(shop(tmp_path, WEAK), tmp_path, killed=noticed)
    (tmp_path / "test_shop.py").write_text("def test_nothing() -> None:\n    pass\n")
    assert reading(weak.sample.package, tmp_path, killed=noticed).outcomes == weak.outcomes
    strong = reading(shop(tmp_path, STRONG), tmp_path, killed=noticed)
    assert strong.share == 1
    (tmp_path / "shop.py").write_text(SHOP.replace("price", "cost"))
    (tmp_path / "test_shop.py").write_text("def test_nothing() -> None:\n    pass\n")
    assert reading(weak.sample.package, tmp_path, killed=noticed).share == 0  # the code has changed, so has each fault


def test_mutant_that_hangs_is_ended(tmp_path: Path) -> None:
    """An endless loop counts as noticed, by the time limit, which also kills its children."""
    (tmp_path / "shop.py").write_text(
        "def total() -> int:\n    n = 0\n    while n < 9:\n        n += 1\n    return n\n"
    )
    (tmp_path / "test_shop.py").write_text("from shop import total\ndef test() -> None:\n    assert total() == 9\n")
    package = Package(name="shop", sources=["shop.py"], tests=["test_shop.py"])
    trial = prepare(package, tmp_path, container=None, least=2)
    (endless,) = (mutant for mutant in package.mutants(tmp_path) if mutant.fault.after == "pass")
    assert trial.attempt(endless) is Outcome.TIMED_OUT


def test_programs_started_by_tests_have_the_fault(tmp_path: Path) -> None:
    """The checkout's own Python finds the library in it, as `bedplate.pth` of its packages says."""
    library = tmp_path / "library/src/bedplate"
    library.mkdir(parents=True)
    (library / "__init__.py").write_text("ANSWER = 42\n")
    (tmp_path / ".venv").symlink_to(sys.prefix)
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    (tmp_path / "test_answer.py").write_text(
        "import subprocess, sys\n"
        "def test() -> None:\n"
        "    subprocess.run([sys.executable, '-c', 'import bedplate; assert bedplate.ANSWER == 42'], check=True)\n"
    )
    package = Package(name="answer", sources=["library/src/bedplate/*.py"], tests=["test_answer.py"])
    assert reading(package, tmp_path).outcomes == {Outcome.KILLED: 1}


def test_tests_that_fail_without_a_fault_are_refused(tmp_path: Path) -> None:
    """If a test fails without a fault, the run would show nothing."""
    package = shop(tmp_path, WEAK.replace("18", "17"))
    with pytest.raises(UnusableTestsError, match=r"test_shop\.py: status 1"):
        reading(package, tmp_path)


def test_sample_is_the_same_for_a_seed(tmp_path: Path) -> None:
    """A reading can be repeated; another seed tries others."""
    package = shop(tmp_path, WEAK)
    first, again, other = (draw(package, tmp_path, number=5, seed=seed).mutants for seed in (1, 1, 2))
    assert first == again != other
    assert len(first) == 5


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("if a == b: pass", "if (a != b): pass"),
        ("if a < b: pass", "if (a <= b): pass"),
        ("if a and b: pass", "if (a or b): pass"),
        ("if not a: pass", "if (a): pass"),
        ("if a(): pass", "if not (a()): pass"),
        ("x = 1", "x = 2"),
        ("x = True", "x = False"),
        ("x = 'word'", "x = 'word_'"),
        ("x = a + b", "x = (a - b)"),
        ("f(a, b)", "f(b, a)"),
        ("f(a, b=c)", "f(a)"),
        ("f(a)", "pass"),
        ("raise Error", "pass"),
        ("return a", "return None"),
        ("except OSError: pass", "except Exception: pass"),
        ("with lock(): pass", "with __import__('contextlib').nullcontext(): pass"),
        ("x = max(a)", "x = min(a)"),
    ],
)
def test_fault(before: str, after: str) -> None:
    """Each kind of fault is made."""
    line = f"try: pass\n    {before}" if before.startswith("except") else before
    assert after in [fault.after for fault in faults(f"def f():\n    {line}\n")]


@pytest.mark.parametrize(
    "line",
    [
        '"""What it is for."""',
        "x: Literal['a']",
        "raise",
        "logger.info('said', 1)",
        "step.advance(2)",
        "x = 'words for people'",
    ],
)
def test_code_without_effect_is_left_alone(line: str) -> None:
    """Documentation, types, the log and prose are not changed."""
    assert [fault for fault in faults(f"def f():\n    {line}\n") if fault.after != "pass"] == []


def test_packages_and_equivalents_match_this_code() -> None:
    """Every package has sources and tests; every accepted fault has a reason, and its file is there."""
    root = HERE.parents[2]
    for package in read_packages(HERE / "packages.toml").values():
        assert any(package.mutants(root)), package.name
        assert package.tests
    for (file, *_), reason in read_equivalents(HERE / "equivalents.toml").items():
        assert (root / file).is_file()
        assert reason


def test_help_needs_nothing() -> None:
    """The command describes itself."""
    command = [str(Path(".venv/bin/python").absolute()), "template/benchmarks/mutations/run.py", "--help"]
    assert (
        "no test notices"
        in subprocess.run(command, cwd=HERE.parents[2], check=True, capture_output=True).stdout.decode()
    )
