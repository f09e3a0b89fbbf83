# SPDX-License-Identifier: Apache-2.0
"""The consortium that the tests of running studies share: one chain, four hospitals, a study for each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.consortium import Consortium, running_consortium


@pytest.fixture(scope="session")
def consortium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Consortium]:
    with running_consortium(tmp_path_factory.mktemp("consortium")) as made:
        yield made
