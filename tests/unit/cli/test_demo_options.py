# SPDX-License-Identifier: Apache-2.0
"""What the demo refuses before it starts anything."""

from __future__ import annotations

from pathlib import Path

import pytest

from node.config import StorageConfig
from scripts import demo
from scripts.children import free_port


@pytest.mark.parametrize("option", ["--hospitals=2", "--hospitals=14", "--hospitals=x", "--rounds=0", "--rounds=-1"])
def test_demo__numbers_that_make_no_study__end_with_two_and_the_range(
    option: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["demo.py", option, "--out", str(tmp_path / "out")])
    with pytest.raises(SystemExit) as ended:
        demo.main()
    said = capsys.readouterr().err
    assert ended.value.code == 2 and ("from 3 to 13" in said or "from 1 to" in said)
    assert not (tmp_path / "out").exists()


def test_demo__ipfs_without_a_daemon__fails_before_anything_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    nobody = StorageConfig("ipfs", ipfs_api=f"/ip4/127.0.0.1/tcp/{free_port()}/http")
    monkeypatch.setattr("scripts.demo.StorageConfig", lambda backend: nobody)
    monkeypatch.setattr("sys.argv", ["demo.py", "--storage", "ipfs", "--out", str(tmp_path / "out")])
    assert demo.main() == 1
    assert "No IPFS daemon answers" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
