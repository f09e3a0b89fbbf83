# SPDX-License-Identifier: Apache-2.0
"""Sets the checkout up, once: Python and npm packages, compilers, circuits, development keys.

The standard library only, and what needs no more: it runs before anything is installed. Each step leaves a stamp
named by the hash of what it was made from, so a second run does nothing and a changed input repeats only its own step.
"""

from __future__ import annotations

import argparse
import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from node.programs import how_it_ended

ROOT = Path(__file__).resolve().parent.parent
STATE = ROOT / ".cache" / "setup"
# Where ape keeps what it compiled.
COMPILED = ROOT / ".build" / "__local__.json"
VENV = ROOT / ".venv"
TORCH_VERSION = "2.13.0"
# Where PyTorch publishes its CPU builds; asked only when pip's own configuration offers none.
TORCH_CPU_INDEX = "https://download.pytorch.org/whl/cpu"


@dataclass(frozen=True)
class Step:
    """One part of the set-up: `inputs` decide whether it has to run again."""

    name: str
    title: str
    inputs: Iterable[Path]
    run: Callable[[Path], None]
    made: tuple[Path, ...] = ()


class SetupFailed(Exception):
    """A command of the set-up ended with an error; the message names its log."""


def fingerprint(paths: Iterable[Path], extra: str = "") -> str:
    digest = hashlib.sha256(extra.encode())
    for path in sorted(paths):
        digest.update(path.relative_to(ROOT).as_posix().encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()


def execute(command: list[str], log: Path, *, check: bool = True) -> int:
    """Runs a command with its output in a log, and shows that time passes while it runs."""
    started = time.monotonic()
    shown = 0.0
    with log.open("ab") as stream:
        stream.write(("$ " + " ".join(command) + "\n").encode())
        stream.flush()
        process = subprocess.Popen(command, cwd=ROOT, stdout=stream, stderr=subprocess.STDOUT)
        try:
            while process.poll() is None:
                time.sleep(0.2)
                elapsed = time.monotonic() - started
                interval = 1.0 if sys.stdout.isatty() else 15.0
                if elapsed - shown >= interval:
                    shown = elapsed
                    print(f"\r      … {elapsed:4.0f} s", end="" if sys.stdout.isatty() else "\n", flush=True)
        except BaseException:
            process.terminate()
            process.wait()
            raise
    if shown and sys.stdout.isatty():
        print("\r" + " " * 30 + "\r", end="")
    if check and process.returncode != 0:
        tail = "\n".join(log.read_text(errors="replace").splitlines()[-15:])
        raise SetupFailed(f"{command[0]} {how_it_ended(process.returncode)}. The last lines of {log}:\n{tail}")
    return process.returncode


def install_python(torch: str) -> Callable[[Path], None]:
    def run(log: Path) -> None:
        if not (VENV / "bin" / "python").exists():
            execute([sys.executable, "-m", "venv", str(VENV)], log)
        pip = [str(VENV / "bin" / "python"), "-m", "pip", "--disable-pip-version-check", "install"]
        if torch == "cpu":
            # A configured pip may already offer the CPU build; plain pip would fetch gigabytes of CUDA.
            wanted = f"torch=={TORCH_VERSION}+cpu"
            if execute([*pip, "-c", "constraints.txt", wanted], log, check=False) != 0:
                execute([*pip, "-c", "constraints.txt", "--extra-index-url", TORCH_CPU_INDEX, wanted], log)
        execute([*pip, "-r", "requirements.txt", "-c", "constraints.txt"], log)
        command = VENV / "bin" / "consilium"
        command.unlink(missing_ok=True)
        command.symlink_to(ROOT / "bin" / "consilium")

    return run


def install_npm(log: Path) -> None:
    execute(["npm", "ci", "--no-audit", "--no-fund"], log)


def python_script(*arguments: str) -> Callable[[Path], None]:
    def run(log: Path) -> None:
        execute([str(VENV / "bin" / "python"), *arguments], log)

    return run


def compile_contracts(log: Path) -> None:
    # ape can take an old compilation for a contract's that has changed. Forge, beside it, does not.
    COMPILED.unlink(missing_ok=True)
    os.environ["SOLCX_BINARY_PATH"] = str(ROOT / ".cache" / "solcx")
    execute([str(VENV / "bin" / "ape"), "compile"], log)


def steps(torch: str) -> list[Step]:
    circuits = [p for p in (ROOT / "circuits").rglob("*") if p.suffix in {".circom", ".cpp", ".hpp"}]
    contracts = [p for p in (ROOT / "contracts").rglob("*.sol") if ".cache" not in p.parts]
    compiler = [ROOT / "ape-config.yaml", ROOT / "package-lock.json", ROOT / "scripts" / "solc.py"]
    return [
        Step(
            "python",
            f"Python packages ({'CPU build of torch' if torch == 'cpu' else 'default build of torch'})",
            [ROOT / "requirements.txt", ROOT / "constraints.txt"],
            install_python(torch),
            (VENV / "bin" / "python",),
        ),
        Step(
            "npm",
            "npm packages (local chain, compilers, proof system)",
            [ROOT / "package.json", ROOT / "package-lock.json"],
            install_npm,
            (ROOT / "node_modules",),
        ),
        Step(
            "solc",
            "Solidity compiler",
            [ROOT / "scripts" / "solc.py"],
            python_script("scripts/solc.py"),
            (ROOT / ".cache" / "solcx",),
        ),
        Step(
            "circuits",
            "circuits and development proving keys (insecure by design: for local chains only)",
            [*circuits, ROOT / "scripts" / "circuits.py"],
            python_script("scripts/circuits.py", "build", "--all"),
            (ROOT / ".cache" / "circuits", *(ROOT / ".cache" / "native" / name for name in ("groth16", "group"))),
        ),
        Step("contracts", "contracts", [*contracts, *compiler], compile_contracts, (COMPILED,)),
    ]


def compile_if_changed() -> None:
    """Compile the contracts, unless it was done with the same sources, compiler and settings: ape alone can miss it.

    Raises SetupFailed where they do not compile.
    """
    step = next(step for step in steps("cpu") if step.name == "contracts")
    STATE.mkdir(parents=True, exist_ok=True)
    # Another process may be at it.
    with (STATE / "contracts.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        mark = due(step)
        if mark is not None:
            carry_out(step, mark)


def due(step: Step, extra: str = "") -> str | None:
    """The mark that a step leaves once it is done; None where it is done with these inputs."""
    mark, stamp = fingerprint(step.inputs, extra), _stamp(step)
    done = stamp.exists() and stamp.read_text() == mark and all(path.exists() for path in step.made)
    return None if done else mark


def carry_out(step: Step, mark: str) -> None:
    """Run a step and leave its mark; one that fails leaves none."""
    log = STATE / f"{step.name}.log"
    log.unlink(missing_ok=True)
    _stamp(step).unlink(missing_ok=True)
    step.run(log)
    _stamp(step).write_text(mark)


def _stamp(step: Step) -> Path:
    return STATE / f"{step.name}.stamp"


def check_tools() -> None:
    """Says at once, and all together, which of the needed programs are missing."""
    missing = []
    if shutil.which("node") is None or shutil.which("npm") is None:
        missing.append("Node.js 20 or newer, with npm")
    else:
        version = subprocess.run(["node", "--version"], capture_output=True, text=True).stdout.strip()
        if int(version.lstrip("v").split(".")[0] or 0) < 20:
            missing.append(f"Node.js 20 or newer (found {version})")
    if shutil.which("g++") is None:
        missing.append("a C++17 compiler (g++)")
    if shutil.which("make") is None:
        missing.append("make")
    if missing:
        raise SetupFailed("Please install: " + "; ".join(missing) + ".")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--torch", choices=["cpu", "default"], default="cpu", help="which build of torch")
    options = parser.parse_args()
    try:
        check_tools()
        STATE.mkdir(parents=True, exist_ok=True)
        todo = []
        for number, step in enumerate(steps(options.torch), start=1):
            extra = f"{options.torch} {sys.version_info[:2]}" if step.name == "python" else ""
            mark = due(step, extra)
            if mark is not None:
                todo.append((number, step, mark))
        for number, step, mark in todo:
            print(f"[set-up {number}/5] {step.title}", flush=True)
            started = time.monotonic()
            carry_out(step, mark)
            print(f"      done in {time.monotonic() - started:.0f} s", flush=True)
    except SetupFailed as error:
        print(f"Set-up failed. {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Set-up stopped; run it again to go on where it was.", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    os.environ.setdefault("PYTHONPATH", str(ROOT))
    sys.exit(main())
