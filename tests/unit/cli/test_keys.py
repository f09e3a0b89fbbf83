# SPDX-License-Identifier: Apache-2.0
"""`consilium keys inspect`: each file explained, no secret shown, anything else refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from node.crypto import encrypt, opening_share, round_opening
from node.crypto.framing import HEADER_BYTES
from tests.support.network import Run
from tests.support.threshold import extreme_values, played_ceremony

NAMES = ("dealing", "opening share", "payload", "ciphertext", "scalars", "round secrets")
HEADERLESS = ("payload", "ciphertext", "scalars")


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """One file of each kind, of hospital 3 in round 2."""
    played = played_ceremony()
    ctx, secrets = played.ctx.round_context(2), played.secrets(3, 2)
    rules = round_opening(ctx, {}, ckks_first=True)
    update = extreme_values(ctx, 3)[: ctx.form.coordinates]
    contents = {
        "dealing": played.dealings[3],
        "opening share": opening_share(ctx, 3, secrets, ctx.parties, (3, 7)),
        "payload": rules.make_payload(3, secrets, update, 5),
        "scalars": rules.later().share(3, secrets, ctx.parties),
        "ciphertext": encrypt(ctx, 3, secrets, extreme_values(ctx, 3)),
        "round secrets": secrets,
    }
    folder = tmp_path_factory.mktemp("files")
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    return {name: folder / name for name in contents}


@pytest.mark.parametrize("name", NAMES)
def test_keys_inspect__a_file__says_what_it_is_with_its_size_and_parameters(
    offline: Run, files: dict[str, Path], name: str
) -> None:
    said = offline("keys", "inspect", files[name], "--json").value
    assert said["kind"] == name and said["bytes"] == files[name].stat().st_size
    if name not in HEADERLESS:
        assert (said["hospital"], said["study"], said["parties"], said["threshold"]) == (3, 7, 3, 2)
        assert said["chain_id"] == 31337 and said["coordinates"] == 31
    if name != "ciphertext":
        assert said["pad_scalars"] == 32
    if name not in ("round secrets", "scalars"):
        assert (said["degree"], said["blocks"], said["modulus_bits"]) == (8192, 1, 180)
    shown = offline("keys", "inspect", files[name])
    assert shown.code == 0 and name in shown.out.lower() and str(said["bytes"]) in shown.out


def test_keys_inspect__an_opening_share__names_round_set_and_quorum(offline: Run, files: dict[str, Path]) -> None:
    said = offline("keys", "inspect", files["opening share"], "--json").value
    assert said["round"] == 2
    assert said["included_indices"] == [0, 1, 2] and said["quorum_indices"] == [0, 2]
    assert said["residues_reduced"] is True


def test_keys_inspect__a_ceremonys_file__names_its_rounds(offline: Run, files: dict[str, Path]) -> None:
    said = offline("keys", "inspect", files["dealing"], "--json").value
    assert (said["first_round"], said["rounds"]) == (1, 2)
    assert said["bytes_of_pads_per_round"] + said["bytes_of_ckks_boxes_per_round"] == (said["bytes"] - 79) // 2


def test_keys_inspect__a_dealing_of_pads_alone__has_no_parameters_of_ciphertexts(offline: Run, tmp_path: Path) -> None:
    played = played_ceremony(with_ckks=False)
    (tmp_path / "file").write_bytes(played.dealings[3])
    said = offline("keys", "inspect", tmp_path / "file", "--json").value
    assert said["statistical_security"] is None and "degree" not in said


@pytest.mark.parametrize("form", [(), ("--json",)], ids=["text", "json"])
def test_keys_inspect__round_secrets__shows_the_header_only(
    offline: Run, files: dict[str, Path], form: tuple[str, ...]
) -> None:
    shown = offline("keys", "inspect", files["round secrets"], *form).out
    assert "SECRET" in shown
    assert "degree" not in shown and "sha256" not in shown
    content = files["round secrets"].read_bytes()[HEADER_BYTES:]
    # Every seed, and the whole of a share in pieces.
    assert not any(content[start : start + 8].hex() in shown for start in range(0, len(content) - 8, 8))


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "no payload"),
        (b"hello", "no payload"),
        (b"CNSL", "cut off"),
        (b"\x0a\x9c\x9c\x9c\x9c\x7f", "no payload"),
    ],
)
def test_keys_inspect__another_file__is_refused_in_one_line(
    offline: Run, tmp_path: Path, content: bytes, complaint: str
) -> None:
    (tmp_path / "file").write_bytes(content)
    ended = offline("keys", "inspect", tmp_path / "file")
    assert ended.code == 6 and complaint in ended.err and ended.err.count("\n") == 1


def test_keys_inspect__a_cut_off_or_changed_file__is_refused(
    offline: Run, files: dict[str, Path], tmp_path: Path
) -> None:
    for name in NAMES:
        if name == "round secrets":
            continue
        (tmp_path / "cut").write_bytes(files[name].read_bytes()[:-1])
        assert offline("keys", "inspect", tmp_path / "cut").code == 6, name


def test_keys_inspect__a_residue_not_reduced__is_said(offline: Run, files: dict[str, Path], tmp_path: Path) -> None:
    content = files["opening share"].read_bytes()
    (tmp_path / "changed").write_bytes(content[:-8] + b"\xff" * 8)
    assert offline("keys", "inspect", tmp_path / "changed", "--json").value["residues_reduced"] is False


def test_keys_inspect__no_file__says_so(offline: Run, tmp_path: Path) -> None:
    ended = offline("keys", "inspect", tmp_path / "none")
    assert ended.code == 3 and "cannot be read" in ended.err
