"""A server behind nginx is told to stop some seconds after its container is."""

import subprocess
import sys
import time

SERVER = "trap 'echo told; exit 7' TERM; echo ready; while :; do sleep 0.05; done"
PROGRAM = f"import sys; from bedplate.drain import main; sys.exit(main(['bash', '-c', {SERVER!r}], seconds=1))"


def test_it_serves_on_before_it_stops() -> None:
    with subprocess.Popen([sys.executable, "-c", PROGRAM], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stdout.readline() == "ready\n"
        process.terminate()
        started = time.monotonic()
        assert process.stdout.readline() == "told\n"
        assert time.monotonic() - started >= 1
        assert process.wait(timeout=30) == 7
    ended = subprocess.run([sys.executable, "-m", "bedplate.drain", "bash", "-c", "exit 3"], check=False, timeout=30)
    assert ended.returncode == 3
