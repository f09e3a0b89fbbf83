# SPDX-License-Identifier: Apache-2.0
"""Feeds hostile bytes to every reader of the threshold layer and of pads for a given time: `make fuzz`.

With atheris the search follows the code's coverage; without it hypothesis draws at random. Any exception that is
no CryptoError ends the run with an error, and the bytes that raised it are left in `out/fuzz/`.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from node.programs import how_it_ended

if TYPE_CHECKING:
    from tests.support.hostile import Target

ROOT = Path(__file__).resolve().parent.parent
OUT = ROOT / "out" / "fuzz"
#: Enough for a few dozen changes to a file; larger files are made by repeating parts.
LONGEST_RECIPE = 4096


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=60, help="how long, all readers together [60]")
    parser.add_argument("--target", help="one reader only, by name")
    parser.add_argument("--engine", choices=("atheris", "hypothesis"), help="[atheris where it is installed]")
    parser.add_argument("--input", type=Path, help="read one file that an earlier run left, and nothing else")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    engine = options.engine or ("atheris" if find_spec("atheris") else "hypothesis")
    if options.child:
        _run(engine, options.target, options.seconds)
        return 0
    readers = _readers()
    names = [options.target] if options.target else sorted(readers)
    unknown = set(names) - set(readers)
    if unknown:
        parser.error(f"no reader is called {', '.join(unknown)}: choose from {', '.join(sorted(readers))}")
    if options.input:
        _try(names[0], options.input.read_bytes())
        return 0
    OUT.mkdir(parents=True, exist_ok=True)
    seconds = max(1, options.seconds // len(names))
    print(f"{len(names)} readers, {seconds} s each, {engine}", flush=True)
    failed = [name for name in names if not _alone(name, seconds, engine)]
    print(f"failed: {', '.join(failed)}; what raised it is in {OUT}" if failed else "no unexpected exception")
    return 1 if failed else 0


def _readers() -> Mapping[str, Target]:
    from tests.support.hostile import targets
    from tests.support.hostile_pads import pad_targets

    return {**targets(), **pad_targets()}


def _alone(name: str, seconds: int, engine: str) -> bool:
    """Runs one reader in a process of its own: a fuzzer ends its process itself."""
    command = [sys.executable, __file__, "--child", "--target", name, "--engine", engine, "--seconds", str(seconds)]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    lines = (ended.stdout + ended.stderr).strip().splitlines()
    said = lines[-1] if lines and not ended.returncode else how_it_ended(ended.returncode)
    print(f"  {name:<24} {said}", flush=True)
    if ended.returncode:
        print("\n".join(lines[-20:]))
    return ended.returncode == 0


def _run(engine: str, name: str, seconds: int) -> None:
    (_run_atheris if engine == "atheris" else _run_hypothesis)(name, seconds)


def _try(name: str, recipe: bytes) -> None:
    from node.errors import CryptoError
    from tests.support.hostile import spoil

    target = _readers()[name]
    with suppress(CryptoError):
        target.read(spoil(target.valid, recipe))


def _run_atheris(name: str, seconds: int) -> None:
    import atheris

    with atheris.instrument_imports(include=["node.crypto", "node.group"]):
        import tests.support.hostile_pads  # noqa: F401
    prefix = OUT / f"{name.replace(' ', '-')}-"
    arguments = [f"-max_total_time={seconds}", f"-max_len={LONGEST_RECIPE}", f"-artifact_prefix={prefix}"]
    atheris.Setup([sys.argv[0], *arguments, "-verbosity=1", "-timeout=60"], lambda recipe: _try(name, recipe))
    atheris.Fuzz()


def _run_hypothesis(name: str, seconds: int) -> None:
    from hypothesis import HealthCheck, given, settings
    from hypothesis import strategies as st

    recipes = st.one_of(
        st.binary(min_size=6, max_size=120), st.binary(max_size=LONGEST_RECIPE).map(lambda content: b"\xff" + content)
    )
    tried = 0

    @settings(max_examples=200, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(recipes)
    def attempt(recipe: bytes) -> None:
        nonlocal tried
        tried += 1
        try:
            _try(name, recipe)
        except Exception:
            (OUT / f"{name.replace(' ', '-')}-crash").write_bytes(recipe)
            raise

    until = time.monotonic() + seconds
    while time.monotonic() < until:
        attempt()
    print(f"Done {tried} runs in {seconds} second(s)")


if __name__ == "__main__":
    sys.exit(main())
