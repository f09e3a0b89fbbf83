# SPDX-License-Identifier: Apache-2.0
"""Secrets: encrypted, written once, and gone when erased."""

from __future__ import annotations

import stat
from pathlib import Path
from threading import Thread

import pytest

from node.errors import ConfigError, SecretUnavailable
from node.secrets import SecretStore

PASSPHRASE = "correct horse"
SHARE = b"a share of a round's key, 0123456789abcdef"


def opened(folder: Path, passphrase: str = PASSPHRASE) -> SecretStore:
    return SecretStore(folder, passphrase, work_factor=2)


def test_put__and_get_after_reopening__gives_the_same_bytes(tmp_path: Path) -> None:
    opened(tmp_path).put("study-1/round-2/share", SHARE)
    assert opened(tmp_path).get("study-1/round-2/share") == SHARE
    assert opened(tmp_path).names() == ("study-1/round-2/share",)


def test_put__files__are_private_and_hold_nothing_readable(tmp_path: Path) -> None:
    opened(tmp_path).put("study-1/round-2/share", SHARE)
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert sorted(path.name for path in files) == ["lock", "share.item", "share.key", "store.json"]
    for path in files:
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert SHARE not in path.read_bytes() and PASSPHRASE.encode() not in path.read_bytes()


def test_put__same_name_other_bytes__is_refused(tmp_path: Path) -> None:
    store = opened(tmp_path)
    store.put("blinding", SHARE)
    store.put("blinding", SHARE)
    with pytest.raises(SecretUnavailable, match="another content"):
        store.put("blinding", b"other")
    assert store.get("blinding") == SHARE


def test_erase__item__cannot_be_read_even_with_its_old_blob(tmp_path: Path) -> None:
    store = opened(tmp_path)
    store.put("share", SHARE)
    kept = (tmp_path / "share.item").read_bytes()
    store.erase("share")
    store.erase("share")
    with pytest.raises(SecretUnavailable, match="erased or never made"):
        store.get("share")
    (tmp_path / "share.item").write_bytes(kept)
    with pytest.raises(SecretUnavailable):
        opened(tmp_path).get("share")


def test_erase__key_file__is_overwritten_where_it_lies(tmp_path: Path) -> None:
    store = opened(tmp_path)
    store.put("share", SHARE)
    with (tmp_path / "share.key").open("rb") as still_open:
        before = still_open.read()
        store.erase("share")
        still_open.seek(0)
        assert still_open.read() != before


def test_erase_all__prefix__takes_the_round_and_nothing_beside_it(tmp_path: Path) -> None:
    store = opened(tmp_path)
    for name in ("study-1/round-1/a", "study-1/round-1/b/c", "study-1/round-10/a", "study-1/round-1"):
        store.put(name, SHARE)
    assert store.erase_all("study-1/round-1") == 3
    assert store.names() == ("study-1/round-10/a",)
    with pytest.raises(ConfigError, match="whole store"):
        store.erase_all("")


def test_open__wrong_passphrase__says_so_without_it(tmp_path: Path) -> None:
    opened(tmp_path).put("share", SHARE)
    with pytest.raises(ConfigError) as refused:
        opened(tmp_path, "wrong battery")
    assert "does not open" in str(refused.value) and "battery" not in str(refused.value)


def test_open__crash_left_a_temporary_key__is_removed(tmp_path: Path) -> None:
    store = opened(tmp_path)
    store.put("share", SHARE)
    leftover = tmp_path / ".share.key.123.abcd"
    leftover.write_bytes((tmp_path / "share.key").read_bytes())
    opened(tmp_path)
    assert not leftover.exists()


def test_open__while_another_process_writes__takes_nothing_away_from_it(tmp_path: Path) -> None:
    """Two handles are to each other what two processes are: what one is writing is no leftover to the other."""
    store = opened(tmp_path)
    writer = Thread(target=lambda: [store.put(f"share-{number}", SHARE) for number in range(150)])
    writer.start()
    while writer.is_alive():
        opened(tmp_path)
    assert len(opened(tmp_path).names()) == 150


def test_open__header_missing_or_foreign__is_refused(tmp_path: Path) -> None:
    opened(tmp_path).put("share", SHARE)
    (tmp_path / "store.json").write_text("{}")
    with pytest.raises(ConfigError, match="not a secret store"):
        opened(tmp_path)
    (tmp_path / "store.json").unlink()
    with pytest.raises(ConfigError, match="is missing"):
        opened(tmp_path)


def test_get__damaged_or_swapped_item__is_refused(tmp_path: Path) -> None:
    store = opened(tmp_path)
    store.put("a", SHARE)
    store.put("b", b"another secret")
    (tmp_path / "a.item").write_bytes((tmp_path / "b.item").read_bytes())
    (tmp_path / "a.key").write_bytes((tmp_path / "b.key").read_bytes())
    with pytest.raises(SecretUnavailable, match="damaged"):
        store.get("a")


def test_get__key_readable_by_others__is_refused(tmp_path: Path) -> None:
    store = opened(tmp_path)
    store.put("a", SHARE)
    (tmp_path / "a.key").chmod(0o644)
    with pytest.raises(ConfigError, match="chmod 600"):
        store.get("a")


@pytest.mark.parametrize("name", ["", "/a", "../a", "a/../../b", "a//b", ".a", "a b", "a/"])
def test_put__name_that_is_no_name__is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError, match="no name"):
        opened(tmp_path).put(name, SHARE)
